/**
 * The state record: what the store must remember outside its trees. One small text of `key=value` lines,
 * replaced as a whole. What the trees themselves can tell is not in it.
 */
import { ConfigError, DAMAGE, isDamage, isOfMachine, isSystemError, TrustError } from '../errors.ts'
import { STATE_SIZE_MAX, TIME_JUMP_MAX_SECONDS, VERSION_MAX } from '../limits.ts'
import {
  type Brought,
  broughtText,
  parseBrought,
  parseReceived,
  type Received,
  receivedText,
} from '../origin.ts'
import { formatInstant, parseInstant } from '../release/fields.ts'
import { readFile, replaceFile } from '../small-file.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText, textOfBytes } from '../text.ts'
import { giveRoom, isFull } from './room.ts'
import type { Store } from './store.ts'

/** A swap that was begun: which version is to run, and which one ran when it began. */
export interface Intent {
  verb: 'swap' | 'roll-back'
  source: number
  target: number
}

/** What the home server said last. */
export interface HomeRecord {
  stolen: boolean
  /** Seconds since 1970; undefined: no lease was given. */
  leaseEnd: number | undefined
  /** The version that it wants here; undefined: it named none. */
  version: number | undefined
  intervalSeconds: number
  priority: 'low' | 'normal' | 'urgent'
  /** URLs that it named. */
  sources: string[]
  /** For the user; '' if there is none. */
  message: string
}

/** A wait that must survive a reboot, because the sources lack a version or failed to serve it. */
export interface Wait {
  /** How often in a row a school server lacked the version since the order of sources was begun. */
  tries: number
  /** How often in a row all sources failed, so that the order was begun again. */
  failures: number
  /** By the wall clock, in seconds since 1970. */
  begun: number
  until: number
}

export interface State {
  /** The highest version whose manifest was ever verified here. Lower ones are not accepted. */
  floor: number
  intent: Intent | undefined
  /** The version that runs on trial, until it is confirmed or swapped back. */
  trial: number | undefined
  /** The last version that was confirmed: its system can say that it is healthy. */
  confirmed: number | undefined
  /** How often the running tree has booted since it was last seen healthy. */
  boots: number
  /** Versions that were rolled back because they never became healthy: not taken again unasked. */
  bad: number[]
  /**
   * The time when home was last heard, in seconds since 1970, by home's own clock, which has the last word
   * even if it goes backwards. 0: never. No date in a release moves it.
   */
  trustedSeconds: number
  /**
   * How long this laptop has run since then, as far as that was counted. Leases are judged by the sum.
   */
  ranSeconds: number
  /** The highest version whose statement was proved here, and the date of issue in it. */
  newestRelease: ReleaseDate | undefined
  /** When each of the unlock statements used here was signed: each works once. */
  unlocks: number[]
  /**
   * When the newest push heard here was signed. This is not a trusted time: whoever holds the push key may
   * only say "ask", and must not move the time by which leases and replies are judged.
   */
  pushSeconds: number
  home: HomeRecord | undefined
  wait: Wait | undefined
  /** How the last upgrade ended: a time as text, the class of the error or `done`, and its message. */
  last: { time: string; outcome: string; message: string } | undefined
  /** The last upgrade that was brought here, and from where. */
  brought: Brought | undefined
  /** All that sources ever sent, whatever came of it. */
  received: Received
  /** The last attack by a source, even if the next source made up for it. */
  attack: Attack | undefined
}

export interface ReleaseDate {
  version: number
  /** In seconds since 1970. */
  issued: number
}

interface Attack {
  /** As `attackIn` names it. */
  name: string
  time: string
  message: string
  /** The home server has been told. */
  told: boolean
}

/** Of a new store. */
export const FIRST_STATE: State = {
  floor: 0,
  intent: undefined,
  trial: undefined,
  confirmed: undefined,
  boots: 0,
  bad: [],
  trustedSeconds: 0,
  ranSeconds: 0,
  newestRelease: undefined,
  unlocks: [],
  pushSeconds: 0,
  home: undefined,
  wait: undefined,
  last: undefined,
  brought: undefined,
  received: {},
  attack: undefined,
}

const NAME = 'state'
const PRIORITY_WORDS = ['low', 'normal', 'urgent'] as const
/** More bad versions than this are not remembered; the oldest goes first. */
const BAD_MAX = 32
/** More unlock statements aren't remembered either: older ones are refused by their date. */
const UNLOCKS_MAX = 16
/** The limit of a text that came from elsewhere (characters). */
const TEXT_MAX = 1000

type RecordValues = ReadonlyMap<string, string>

export function readState(store: Store): State {
  const values = valuesOf(store)
  return values ? stateOf(values, versionIn) : { ...FIRST_STATE }
}

/**
 * What can still be read of a damaged record; the rest is as in a new store. The damage is never thrown.
 */
export function salvageState(store: Store): State {
  try {
    return stateOf(valuesOf(store) ?? new Map(), (text) => (isVersion(text) ? Number(text) : 0))
  } catch (error) {
    const isDamage = error instanceof TrustError || (isSystemError(error) && !isOfMachine(error))
    if (isDamage) return { ...FIRST_STATE }
    throw error
  }
}

function valuesOf(store: Store): RecordValues | undefined {
  const bytes = bytesOf(store)
  if (!bytes) return undefined
  // Text for people is UTF-8; a bad byte in one line doesn't spoil the others.
  const text = textOfBytes(bytesOfArray(bytes)) ?? bytesOfArray(bytes)
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=')
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1))
  }
  return values
}

function bytesOf({ host, directory }: Store): Uint8Array | undefined {
  try {
    return readFile(host.files, directory, NAME, STATE_SIZE_MAX)
  } catch (error) {
    if (!isSystemError(error, 'EISDIR', 'ELOOP', 'EINVAL', 'ENXIO', ...DAMAGE)) throw error
    const how = isDamage(error) ? "the disk can't read it" : 'something else has its name'
    throw new TrustError(
      `the state record is damaged: ${how} (${error.message})`,
      'run `xo-upgrade recover`, which begins it again',
    )
  }
}

/** `version` reads a number that names a version, and decides what becomes of any other. */
function stateOf(values: RecordValues, version: (text: string) => number): State {
  const optional = (key: string) => {
    const text = values.get(key)
    return text === undefined ? undefined : version(text) || undefined
  }
  const bad = values.get('bad')
  return {
    floor: version(values.get('floor') ?? ''),
    intent: intentOf(values, version),
    trial: optional('trial'),
    confirmed: optional('confirmed'),
    boots: numberIn(values, 'boots') ?? 0,
    bad: bad ? bad.split(' ').map(version).filter(Boolean) : [],
    trustedSeconds: instantOf(values, 'trusted-time') ?? 0,
    ranSeconds: numberIn(values, 'ran-seconds') ?? 0,
    newestRelease: releaseDateOf(values, version),
    unlocks: (values.get('unlocks') ?? '').split(' ').flatMap((text) => parseInstant(text) ?? []),
    pushSeconds: instantOf(values, 'push-time') ?? 0,
    home: homeRecordOf(values, optional('home-version')),
    wait: waitOf(values),
    last: lastOf(values),
    brought: parseBrought(values.get('brought') ?? ''),
    received: parseReceived(values.get('received') ?? '') ?? {},
    attack: attackOf(values),
  }
}

/** Replaces the record as a whole. */
export function writeState(store: Store, state: State): void {
  store.alone(() => replaceRecord(store, linesOf(state)))
}

function linesOf(state: State): string[] {
  const lines = [`floor=${state.floor}`]
  const add = (key: string, value: string | number | undefined) => {
    if (value !== undefined) lines.push(`${key}=${value}`)
  }
  const { intent, home, wait, last, brought, attack, newestRelease, unlocks } = state
  if (intent) add('intent', `${intent.verb} ${intent.source} ${intent.target}`)
  add('trial', state.trial)
  add('confirmed', state.confirmed)
  if (state.boots > 0) add('boots', state.boots)
  if (state.bad.length > 0) add('bad', state.bad.slice(-BAD_MAX).join(' '))
  if (state.trustedSeconds > 0) add('trusted-time', formatInstant(state.trustedSeconds))
  if (state.ranSeconds > 0) add('ran-seconds', state.ranSeconds)
  if (newestRelease) {
    add('newest-release', `${newestRelease.version} ${formatInstant(newestRelease.issued)}`)
  }
  if (unlocks.length > 0) add('unlocks', unlocks.slice(-UNLOCKS_MAX).map(formatInstant).join(' '))
  if (state.pushSeconds > 0) add('push-time', formatInstant(state.pushSeconds))
  if (home) {
    add('home-stolen', home.stolen ? 'yes' : 'no')
    if (home.leaseEnd !== undefined) add('home-lease-end', formatInstant(home.leaseEnd))
    add('home-version', home.version)
    add('home-interval', home.intervalSeconds)
    add('home-priority', home.priority)
    if (home.sources.length > 0) add('home-sources', home.sources.join(' '))
    add('home-message', oneLine(home.message))
  }
  if (wait) {
    const times = `${formatInstant(wait.begun)} ${formatInstant(wait.until)}`
    add('wait', `${wait.tries} ${times} ${wait.failures}`)
  }
  if (last) {
    add('last-time', last.time)
    add('last-outcome', last.outcome)
    add('last-message', oneLine(last.message))
  }
  if (brought) add('brought', oneLine(broughtText(brought)))
  add('received', receivedText(state.received))
  if (attack) {
    add('attack', attack.name)
    add('attack-time', attack.time)
    add('attack-message', oneLine(attack.message))
    add('attack-told', attack.told ? 'yes' : 'no')
  }
  return lines
}

function replaceRecord(store: Store, lines: string[]): void {
  const content = arrayOfBytes(bytesOfText(`${lines.join('\n')}\n`))
  const replace = () => replaceFile(store.host.files, store.directory, NAME, content)
  try {
    replace()
  } catch (error) {
    // On a full disk, this is what the room was kept for.
    if (!isFull(error) || !giveRoom(store)) throw error
    replace()
  }
}

/** Replaces some fields and leaves the others as they are. */
export function changeState(store: Store, change: Partial<State>): void {
  store.alone(() => writeState(store, { ...readState(store), ...change }))
}

/** The floor only rises. */
export function raiseFloor(store: Store, version: number): void {
  store.alone(() => {
    if (version > readState(store).floor) changeState(store, { floor: version })
  })
}

/** Notes the date of a release that was proved and is meant for this device. */
export function noteRelease(store: Store, { version, issued }: ReleaseDate): void {
  store.alone(() => {
    const { newestRelease } = readState(store)
    const newest = newerRelease(newestRelease, { version, issued })
    if (newest !== newestRelease) changeState(store, { newestRelease: newest })
  })
}

/**
 * A higher version was signed later, whatever its date says. If its date is the earlier one, the one before
 * was wrong and no longer counts; so one wrong date lasts only until the next release.
 */
export function newerRelease(seen: ReleaseDate | undefined, release: ReleaseDate): ReleaseDate {
  const { version, issued } = release
  if (!seen) return { version, issued }
  if (version <= seen.version || issued > seen.issued + TIME_JUMP_MAX_SECONDS) return seen
  return { version, issued }
}

/** The newest signed time, from home or from a release. Expiry is judged by it; leases are not. */
export function signedSeconds(state: Pick<State, 'trustedSeconds' | 'newestRelease'>): number {
  return Math.max(state.trustedSeconds, state.newestRelease?.issued ?? 0)
}

function releaseDateOf(
  values: RecordValues,
  version: (text: string) => number,
): ReleaseDate | undefined {
  const [number = '', date = ''] = (values.get('newest-release') ?? '').split(' ')
  const issued = parseInstant(date)
  return issued === undefined ? undefined : { version: version(number), issued }
}

function intentOf(values: RecordValues, version: (text: string) => number): Intent | undefined {
  const intent = /^(swap|roll-back) ([0-9]+) ([0-9]+)$/.exec(values.get('intent') ?? '')
  if (!intent) return undefined
  const verb = intent[1] as Intent['verb']
  return { verb, source: version(intent[2] ?? ''), target: version(intent[3] ?? '') }
}

function homeRecordOf(values: RecordValues, version: number | undefined): HomeRecord | undefined {
  const stolen = values.get('home-stolen')
  if (stolen === undefined) return undefined
  return {
    stolen: stolen === 'yes',
    leaseEnd: instantOf(values, 'home-lease-end'),
    version,
    intervalSeconds: numberIn(values, 'home-interval') ?? 0,
    priority: PRIORITY_WORDS.find((one) => one === values.get('home-priority')) ?? 'normal',
    sources: values.get('home-sources')?.split(' ') ?? [],
    message: values.get('home-message') ?? '',
  }
}

function waitOf(values: RecordValues): Wait | undefined {
  // Written by an earlier program, without the failures.
  const [tries, begun, until, failures = '0'] = (values.get('wait') ?? '').split(' ')
  const beginning = parseInstant(begun ?? '')
  const end = parseInstant(until ?? '')
  const isCount = (text = '') => /^[0-9]{1,6}$/.test(text)
  if (!isCount(tries) || !isCount(failures) || beginning === undefined || end === undefined) {
    return undefined
  }
  return { tries: Number(tries), failures: Number(failures), begun: beginning, until: end }
}

function lastOf(values: RecordValues): State['last'] {
  const time = values.get('last-time')
  if (time === undefined) return undefined
  const outcome = values.get('last-outcome') ?? ''
  return { time, outcome, message: values.get('last-message') ?? '' }
}

function attackOf(values: RecordValues): State['attack'] {
  const name = values.get('attack')
  if (name === undefined) return undefined
  const [time = '', message = ''] = [values.get('attack-time'), values.get('attack-message')]
  return { name, time, message, told: values.get('attack-told') === 'yes' }
}

function numberIn(values: RecordValues, key: string): number | undefined {
  const text = values.get(key) ?? ''
  return /^[0-9]{1,12}$/.test(text) ? Number(text) : undefined
}

function instantOf(values: RecordValues, key: string): number | undefined {
  return parseInstant(values.get(key) ?? '')
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').slice(0, TEXT_MAX)
}

function versionIn(text: string): number {
  if (!isVersion(text)) {
    throw new ConfigError(
      `the store's state record holds "${text}" where a version belongs`,
      'run `xo-upgrade recover`, which begins it again from what the signed trees say',
    )
  }
  return Number(text)
}

function isVersion(text: string): boolean {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= VERSION_MAX
}
