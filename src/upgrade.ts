/**
 * The whole flow: find the release, stage it, verify it, commit it. After any failure or power cut
 * the answer is to run it again from the top; there is no second path for resuming.
 */
import {
  ConfigError,
  DeadlineError,
  isSystemError,
  PeerError,
  SpaceError,
  TrustError,
} from './errors.ts'
import type { Progress } from './progress.ts'
import { admit, openRelease, type Release } from './release/release.ts'
import type { PublicKey } from './release/signify.ts'
import type { Source } from './source/source.ts'
import { megabytes, plan } from './staging/plan.ts'
import { type StagedTree, type StageReport, stage } from './staging/stage.ts'
import { commit, commitFirst } from './trees/commit.ts'
import { raiseTrustedTime, readState } from './trees/state.ts'
import type { OpenTree, Store, Tree } from './trees/store.ts'
import { recover } from './trees/swap.ts'
import { checkSettled, forgive } from './trees/trial.ts'
import { type Damage, describe, type VerifiedTree, verify } from './trees/verify.ts'

export interface Upgrade {
  store: Store
  /** In the order to try them. */
  sources: Source[]
  /** Of the role `release`. */
  keys: PublicKey[]
  device: { hardware: string; deployment: string }
  /** The version that the operator asks for; undefined: the newest. */
  version: number | undefined
  /** The operator's own hand: a version below the floor is accepted. */
  allowDowngrade: boolean
  /** What must stay free on the store's disk. */
  reserveBytes: number
  progress: Progress
}

export interface Upgraded {
  outcome: 'up-to-date' | 'waiting' | 'staged' | 'installed'
  installed: number | undefined
  version: number
  report: StageReport | undefined
  /** A newer version that was offered, and not taken because it is known as bad here. */
  skipped?: number
}

/** A release that was found, proved and admitted, and the sources that may have its content. */
interface Offer {
  release: Release
  statement: Uint8Array
  sources: Source[]
}

/** Brings a newer version into the store, where it waits for the swap. Needs the store's lock. */
export async function upgrade(job: Upgrade): Promise<Upgraded> {
  recover(job.store)
  const running = job.store.tree('fakeroot')
  if (!running) {
    throw new ConfigError('this store holds no system to upgrade', 'run `xo-upgrade install`')
  }
  const installed = running.release.version
  const offer = await findRelease(job, running)
  if ('none' in offer) {
    return {
      outcome: 'up-to-date',
      installed,
      version: installed,
      report: undefined,
      ...offer.none,
    }
  }
  const { version, manifestDigest } = offer.release
  forgive(job.store, version)
  const waiting = job.store.tree('upgraded-root')?.release
  if (waiting?.version === version && waiting.manifestDigest === manifestDigest) {
    return { outcome: 'waiting', installed, version, report: undefined }
  }
  checkSettled(job.store, 'upgrade')
  const { verified, report } = await build(job, offer)
  job.progress.begin('commit', undefined, 'entries')
  commit(verified)
  return { outcome: 'staged', installed, version, report }
}

/** Puts the first system into an empty store. Needs the store's lock. */
export async function install(job: Upgrade): Promise<Upgraded> {
  recover(job.store)
  const running = job.store.tree('fakeroot')
  if (running) {
    throw new ConfigError(
      `this store holds version ${running.release.version} already`,
      'use `xo-upgrade upgrade`',
    )
  }
  const offer = await findRelease(job, undefined)
  if ('none' in offer) throw new PeerError('no source has a release', 'absent')
  const { verified, report } = await build(job, offer)
  job.progress.begin('commit', undefined, 'entries')
  commitFirst(verified)
  const { version } = offer.release
  return { outcome: 'installed', installed: undefined, version, report }
}

/** Asks the sources in their order; `none` where the first that answers has nothing to be taken. */
async function findRelease(
  job: Upgrade,
  running: Tree | undefined,
): Promise<Offer | { none: { skipped?: number } }> {
  const { sources, keys, device, version, allowDowngrade, store, progress } = job
  progress.begin('release', undefined, 'bytes')
  return firstThatServes(job, sources, async (source, index) => {
    const statement = await source.statement(version)
    const installed = running?.release.version ?? 0
    // The very bytes that were proved when this version came: nothing to prove again (0.1 to 0.3 s).
    const nothingNew = version === undefined || version === installed
    if (running && nothingNew && sameBytes(statement, running.statement)) return { none: {} }
    const release = opened(statement, keys, source)
    if (version === undefined && release.version <= installed) {
      if (release.version < installed) {
        progress.note(`${source.name} is behind: its latest is ${release.version}`)
      }
      return { none: {} }
    }
    if (version !== undefined && release.version !== version) {
      throw new TrustError(`${source.name} gave version ${release.version} out as ${version}`)
    }
    const floor = allowDowngrade ? 0 : readState(store).floor
    // Time is the newest signed time seen, never the clock of a laptop whose battery died.
    raiseTrustedTime(store, release.issued)
    const { trustedSeconds } = readState(store)
    admit(release, { ...device, installed, floor, trustedSeconds })
    if (release.version === installed) return { none: {} }
    if (running && version === undefined && readState(store).bad.includes(release.version)) {
      progress.note(`${source.name} offers version ${release.version}, which is known as bad here`)
      return { none: { skipped: release.version } }
    }
    return { release, statement, sources: sources.slice(index) }
  })
}

function opened(statement: Uint8Array, keys: PublicKey[], source: Source): Release {
  try {
    return openRelease(statement, keys)
  } catch (error) {
    if (!(error instanceof TrustError)) throw error
    throw new TrustError(`${source.name}: ${error.message}`, error.cure)
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** Stages and verifies from the first source that can; what one source brought is kept for the next. */
function build(
  job: Upgrade,
  offer: Offer,
): Promise<{ verified: VerifiedTree; report: StageReport }> {
  const { release, statement } = offer
  const { store, reserveBytes, progress } = job
  return firstThatServes(job, offer.sources, async (source) => {
    try {
      let damage: Damage[] = []
      let report: StageReport | undefined
      for (let round = 0; round < ROUNDS_MAX; round++) {
        dropDamaged(store, damage)
        const staging = { store, release, statement, reserveBytes, progress }
        const staged: StagedTree = await stage(staging, source)
        const result = await verify(store, 'staging', { release, full: false, progress })
        report = report ? sum(report, staged.report) : staged.report
        if (result.tree) return { verified: result.tree, report }
        damage = result.damage
      }
      const [first] = damage
      throw new TrustError(
        `the staged tree does not hold: ${damage.length} entries are damaged` +
          `${first ? `, the first ${describe(first)}` : ''}`,
        'nothing was committed; look at the disk of the store for errors',
      )
    } catch (error) {
      if (isSystemError(error, 'ENOSPC', 'EDQUOT')) throw await outOfSpace(job, error)
      throw error
    }
  })
}

function sum(one: StageReport, other: StageReport): StageReport {
  return {
    linked: one.linked + other.linked,
    fetchedFiles: one.fetchedFiles + other.fetchedFiles,
    fetchedBytes: one.fetchedBytes + other.fetchedBytes,
    // Each staging meets the same edits.
    edited: Math.max(one.edited, other.edited),
  }
}

/** Damage that a second staging did not mend is the disk's. */
const ROUNDS_MAX = 3

function dropDamaged(store: Store, damage: Damage[]): void {
  const { files } = store.host
  for (const { path } of damage) {
    const staged = `staging/root/${path}`
    const stat = path === '.' ? undefined : files.stat(store.directory, staged)
    if (stat && stat.type !== 'dir') files.removeFile(store.directory, staged)
  }
}

/** The disk filled up half way: makes room for the running system again, and says what is missing. */
async function outOfSpace(job: Upgrade, error: Error): Promise<SpaceError> {
  const { store } = job
  const { host } = store
  const free = host.files.space(store.directory).bytes
  let left = 0
  if (store.manifestDigest('staging') !== undefined) {
    const toFetch = (live: OpenTree | undefined) =>
      store.withTree('staging', (tree) => plan(host, tree, live).bytes)
    left = store.has('fakeroot')
      ? await store.withTree('fakeroot', toFetch)
      : await toFetch(undefined)
  }
  store.discard('staging')
  const missing = Math.max(left - free, 1)
  return new SpaceError(
    `the store's disk filled up: about ${megabytes(missing)} more are needed (${error.message})`,
    missing,
    'what was staged was dropped; free that much, then run this again',
  )
}

/** Tries `use` on one source after the other, as long as the failure is the source's. The one that served stays open. */
async function firstThatServes<Result>(
  { progress }: Upgrade,
  sources: Source[],
  use: (source: Source, index: number) => Promise<Result>,
): Promise<Result> {
  let failure: unknown = new ConfigError('no source is configured', 'name one with --source')
  for (const [index, source] of sources.entries()) {
    try {
      return await use(source, index)
    } catch (error) {
      if (!isOfTheSource(error)) throw error
      // What is most worth telling: an attack, before a server that is merely away.
      if (!(failure instanceof TrustError)) failure = error
      const more = index + 1 < sources.length ? '; trying the next source' : ''
      if (more) progress.note(`${error.message}${more}`)
      source.close()
    }
  }
  throw failure
}

function isOfTheSource(error: unknown): error is Error {
  if (error instanceof PeerError || error instanceof DeadlineError) return true
  if (error instanceof TrustError) return true
  return isSystemError(error) && ['resolve', 'connect'].includes(error.call)
}
