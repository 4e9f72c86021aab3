/** The commands that show a device, and prove what stands there. */
import { freshnessOf, freshnessSentence, staleWarning } from '../call-home/freshness.ts'
import { askStatus } from '../daemon/control.ts'
import type { DaemonStatus } from '../daemon/daemon.ts'
import type { Device } from '../device/device.ts'
import { ConfigError, TrustError } from '../errors.ts'
import { amount } from '../progress-bar.ts'
import { formatInstant } from '../release/fields.ts'
import type { RevokedKey } from '../release/keys.ts'
import { limitsOfDisk } from '../store/disk-limits.ts'
import { keysEverTrusted, revokedSigner } from '../store/key-chain.ts'
import { cureWhereNoneRuns } from '../store/none-runs.ts'
import { adviceFor, namesAside } from '../store/put-aside.ts'
import { type HomeRecord, readState } from '../store/state.ts'
import type { Store, Tree, TreeName } from '../store/store.ts'
import { trialOf } from '../store/trial.ts'
import { damagedPlaces, describe, verify } from '../store/verify.ts'
import { show } from '../text.ts'
import { type Command, STORE_OPTIONS, TRUST_OPTIONS } from './command.ts'
import { EXIT } from './exit-status.ts'
import { textOf } from './options.ts'
import { ORIGIN_WORDS, receivedOf } from './received.ts'

/** Damaged entries that are listed for people; JSON has them all. */
const DAMAGE_SHOWN_MAX = 20

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'prove a tree against its signed manifest',
  about:
    'Checks the signature, the metadata of every entry, that nothing else is there, and the content\n' +
    'of what its upgrade wrote. If something is damaged, it lists what, and the exit status is 1.',
  options: [
    {
      name: '--tree',
      value: 'NAME',
      help: 'fakeroot (default), upgraded-root, staging or previous-root',
    },
    { name: '--full', help: 'read and check the content of every file' },
    ...TRUST_OPTIONS,
  ],
  needsRoot: true,
  confined: () => ({}),
  run: (context) =>
    context.device.withReadStore(async (store) => {
      const { tree, revoked } = trustedTree(context.device, store, textOf(context.values, '--tree'))
      const { release, name } = tree
      const full = context.values['--full'] === true
      const { progress } = context
      const found = await verify(store, name, { release, full, progress })
      const { damage, entries, bytes } = found
      const lines = damage.slice(0, DAMAGE_SHOWN_MAX).map(describe)
      if (damage.length > lines.length) lines.push(`… and ${damage.length - lines.length} more`)
      lines.push(
        damage.length === 0
          ? `Version ${release.version} in ${name} is whole: ${entries} entries, ` +
              `${amount(bytes, 'bytes')} of content read.`
          : `Version ${release.version} in ${name} is damaged in ${damagedPlaces(found)}.`,
      )
      const disk = limitsOfDisk(store)
      for (const limit of disk) lines.push(`The disk of the store ${limit}.`)
      if (revoked) lines.push(`It ${revocationOf(revoked)}: it boots, but is not installed again.`)
      const shown = damage.map((one) => ({ ...one, path: show(one.path) }))
      const signer = revoked && {
        key: revoked.number,
        revoked: formatInstant(revoked.revokedSeconds),
      }
      const record = {
        version: release.version,
        tree: name,
        entries,
        bytes,
        damage: shown,
        disk,
        signer,
      }
      context.result(record, lines)
      return damage.length === 0 ? EXIT.done : EXIT.damaged
    }),
}

export const statusCommand: Command = {
  name: 'status',
  summary: 'say what runs, what waits, what is on trial, and how the last upgrade ended',
  about: 'Reads the store and changes nothing.',
  options: STORE_OPTIONS,
  needsRoot: true,
  async run(context) {
    const store = context.device.store()
    try {
      const state = readState(store)
      const { floor, intent, confirmed, boots, bad, last, attack, home, trustedSeconds, wait } =
        state
      const { brought, received } = state
      const { staleDays } = context.configuration
      const fresh = freshnessOf(state, context.host.clock.wallSeconds(), staleDays)
      const daemon = await daemonStatus(context.device)
      const version = (name: TreeName) => store.version(name)
      const aside = namesAside(store)
      const record = {
        store: show(store.path),
        running: version('fakeroot'),
        waiting: version('upgraded-root'),
        previous: version('previous-root'),
        staging: store.has('staging'),
        trial: trialOf(store),
        boots,
        bootsMax: context.configuration.trialBoots,
        confirmed,
        bad,
        floor,
        intent,
        wait,
        last,
        brought,
        received,
        attack,
        putAside: aside,
        disk: limitsOfDisk(store),
        trustedTime: trustedSeconds > 0 ? formatInstant(trustedSeconds) : undefined,
        fresh,
        home,
        daemon: daemon?.daemon,
      }
      const or = (value: number | undefined, none: string) => (value === undefined ? none : value)
      const lines = [
        `store      ${record.store}`,
        `running    ${or(record.running, noneRuns(store))}${healthOf(record)}`,
        `waiting    ${or(record.waiting, 'nothing')}${record.waiting ? ' (run `xo-upgrade swap`)' : ''}`,
        `previous   ${or(record.previous, 'nothing')}`,
        `staging    ${record.staging ? 'begun: `xo-upgrade upgrade` goes on with it' : 'nothing'}`,
        `floor      ${floor}`,
      ]
      if (bad.length > 0) lines.push(`bad        ${bad.join(', ')}: taken only with --version`)
      if (intent) lines.push(`unfinished ${intent.verb} from ${intent.source} to ${intent.target}`)
      if (wait) {
        const due = formatInstant(wait.until)
        const why = wait.tries > 0 ? 'the school server lacked it' : 'no source served it'
        lines.push(`next try   ${due}: ${why}, ${wait.tries || wait.failures} in a row`)
      }
      if (brought) {
        const { version, origin, source, time } = brought
        lines.push(`brought    version ${version} from ${ORIGIN_WORDS[origin]}, ${time}: ${source}`)
      }
      lines.push(...receivedOf(received).map((text) => `received   ${text}`))
      if (last) lines.push(`last       ${last.outcome}, ${last.time}: ${last.message}`)
      if (attack) {
        lines.push(`attack     ${attack.name}, ${attack.time}: ${attack.message}${toldOf(attack)}`)
      }
      for (const limit of record.disk) lines.push(`disk       ${limit}`)
      if (aside.length > 0) lines.push(`put aside  ${adviceFor(aside)}`)
      if (home) lines.push(...homeLines(home))
      lines.push(`heard      ${freshnessSentence(fresh)}`)
      const warning = staleWarning(fresh)
      if (warning !== undefined) lines.push(`STALE      ${warning}`)
      if (daemon) lines.push(daemon.line)
      context.result(record, lines)
      return EXIT.done
    } finally {
      store.close()
    }
  },
}

const noneRuns = (store: Store) => `nothing: run \`xo-upgrade ${cureWhereNoneRuns(store)}\``

const toldOf = ({ told }: { told: boolean }) => (told ? ' (home knows)' : '')

/** What the home server said last. */
function homeLines({ stolen, version, leaseEnd, message }: HomeRecord): string[] {
  const parts = [
    stolen
      ? 'reported stolen'
      : `wants ${version === undefined ? 'the newest' : `version ${version}`}`,
  ]
  if (leaseEnd !== undefined) parts.push(`lease until ${formatInstant(leaseEnd)}`)
  const lines = [`home       ${parts.join(', ')}`]
  if (message !== '') lines.push(`message    ${message}`)
  return lines
}

/** What is known of the running version's health, in a few words. */
function healthOf(record: {
  running: number | undefined
  trial: number | undefined
  confirmed: number | undefined
  boots: number
  bootsMax: number
}): string {
  const { running, trial, confirmed, boots, bootsMax } = record
  const count = `${boots}${bootsMax > 0 ? ` of ${bootsMax}` : ''} boots`
  if (trial !== undefined) return `, on trial: ${count}, not confirmed yet`
  if (running === undefined || running !== confirmed) return ''
  return boots > 0 ? `, confirmed, and started ${boots} times since` : ', confirmed'
}

const TREES: TreeName[] = ['fakeroot', 'upgraded-root', 'staging', 'previous-root']

/** Trees that go on starting after their key was revoked, because they were proved before (docs/KEYS.md). */
const KEPT: readonly TreeName[] = ['fakeroot', 'previous-root']

function trustedTree(
  device: Device,
  store: Store,
  asked = 'fakeroot',
): { tree: Tree; revoked: RevokedKey | undefined } {
  const name = TREES.find((tree) => tree === asked)
  if (!name) throw new ConfigError(`--tree is "${asked}", allowed: ${TREES.join(', ')}`)
  const { release: configured } = device.configuredKeys()
  const tree = store.trustedTree(name, keysEverTrusted(store, configured))
  if (!tree)
    throw new ConfigError(`the store has no ${name}`, '`xo-upgrade status` lists the trees')
  const revoked = revokedSigner(store, configured, tree.statement)
  if (revoked && !KEPT.includes(name)) {
    throw new TrustError(
      `revoked key: ${name} ${revocationOf(revoked)}, and is not started`,
      'run `xo-upgrade upgrade`, which brings it again',
    )
  }
  return { tree, revoked }
}

function revocationOf({ number, revokedSeconds }: RevokedKey): string {
  return `is signed by key ${number}, which was revoked at ${formatInstant(revokedSeconds)}`
}

/** What `status` adds if a daemon runs: what it is doing, as a line for people and as data. */
async function daemonStatus({
  host,
  configuration,
}: Device): Promise<{ daemon: DaemonStatus; line: string } | undefined> {
  const daemon = await askStatus(host, configuration.controlSocket)
  if (!daemon) return undefined
  const { activity, nextSeconds, because, outcome } = daemon
  const next =
    nextSeconds === undefined ? '' : `, next round ${formatInstant(nextSeconds)} (${because})`
  return { daemon, line: `daemon     ${activity}${next}${outcome ? `; ${outcome}` : ''}` }
}
