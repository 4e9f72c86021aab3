/**
 * The state record: what the store must remember outside of its trees. One small text of
 * `key=value` lines, replaced as a whole. Facts that the trees tell themselves are not in it.
 */
import { ConfigError } from '../errors.ts'
import { STATE_SIZE_MAX, VERSION_MAX } from '../limits.ts'
import { readFile, replaceFile } from '../small-file.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText, textOfBytes } from '../text.ts'
import type { Store } from './store.ts'

/** A swap that was begun: which version shall run, and which one ran when it began. */
export interface Intent {
  verb: 'swap' | 'roll-back'
  source: number
  target: number
}

export interface State {
  /** The highest version whose manifest was ever verified here. Lower ones are not accepted. */
  floor: number
  intent: Intent | undefined
  /** How the last upgrade ended: a time as text, the class of the error or `done`, and its message. */
  last: { time: string; outcome: string; message: string } | undefined
}

const NAME = 'state'

export function readState(store: Store): State {
  const bytes = readFile(store.host.files, store.directory, NAME, STATE_SIZE_MAX)
  const state: State = { floor: 0, intent: undefined, last: undefined }
  if (!bytes) return state
  const text = textOfBytes(bytesOfArray(bytes)) ?? ''
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=')
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1))
  }
  state.floor = versionOf(values.get('floor') ?? '')
  const intent = /^(swap|roll-back) ([0-9]+) ([0-9]+)$/.exec(values.get('intent') ?? '')
  if (intent) {
    const verb = intent[1] as Intent['verb']
    state.intent = { verb, source: versionOf(intent[2] ?? ''), target: versionOf(intent[3] ?? '') }
  }
  const time = values.get('last-time')
  if (time !== undefined) {
    const outcome = values.get('last-outcome') ?? ''
    state.last = { time, outcome, message: values.get('last-message') ?? '' }
  }
  return state
}

export function writeState(store: Store, state: State): void {
  const lines = [`floor=${state.floor}`]
  if (state.intent) {
    lines.push(`intent=${state.intent.verb} ${state.intent.source} ${state.intent.target}`)
  }
  if (state.last) {
    lines.push(`last-time=${state.last.time}`, `last-outcome=${state.last.outcome}`)
    lines.push(`last-message=${state.last.message.replace(/[\r\n]+/g, ' ').slice(0, 1000)}`)
  }
  const content = arrayOfBytes(bytesOfText(`${lines.join('\n')}\n`))
  replaceFile(store.host.files, store.directory, NAME, content)
}

/** The floor only rises. */
export function raiseFloor(store: Store, version: number): void {
  const state = readState(store)
  if (version > state.floor) writeState(store, { ...state, floor: version })
}

function versionOf(text: string): number {
  const version = Number(text)
  if (!/^[0-9]+$/.test(text) || version > VERSION_MAX) {
    throw new ConfigError(
      `the store's state record holds "${text}" where a version belongs`,
      'remove the file `state` of the store only if you know which version may run at the least',
    )
  }
  return version
}
