/**
 * The whole flow: find the release, stage it, verify it, commit it. After any failure or power cut
 * the answer is to run it again from the top; there is no second path for resuming.
 */
import { ConfigError, PeerError, TrustError } from './errors.ts'
import type { Origin } from './origin.ts'
import { tidyPacks } from './packs/kept.ts'
import type { PackJob } from './packs/offered.ts'
import { type PackReport, withPacks } from './packs/packed-source.ts'
import { knowsSigner } from './release/signify.ts'
import { findRelease, type Offer, type ReleaseWish } from './source/find-release.ts'
import { Search, type SearchOptions } from './source/search.ts'
import { originOf } from './source/source.ts'
import { build, NO_DAMAGE } from './staging/build.ts'
import type { StageReport } from './staging/stage.ts'
import { commit, commitFirst } from './store/commit.ts'
import { trustedKeys } from './store/key-chain.ts'
import { cureWhereNoneRuns } from './store/none-runs.ts'
import type { Store, Tree } from './store/store.ts'
import { finishCutSwap } from './store/swap.ts'
import { checkSettled, forgive } from './store/trial.ts'

export interface Upgrade extends ReleaseWish, SearchOptions {
  /** What must stay free on the store's disk. */
  reserveBytes: number
  /** Everything is fetched file by file. */
  withoutPacks?: boolean
  /** The packs of this upgrade stay in the store until the next one, for neighbours. */
  keepPacks?: boolean
}

export interface Upgraded {
  outcome: 'up-to-date' | 'waiting' | 'staged' | 'installed'
  running: number | undefined
  version: number
  report: StageReport | undefined
  /** What packs did for it; undefined: its source has none that could. */
  packs?: PackReport | undefined
  /** Who served it, by the source's name. */
  source?: string | undefined
  /** Of what sort that source is. */
  origin?: Origin | undefined
  /** A newer version that was offered, and not taken because it is known as bad here. */
  skipped?: number
}

/** Brings a newer version into the store, where it waits for the swap. Needs the store's lock. */
export async function upgrade(job: Upgrade): Promise<Upgraded> {
  finishCutSwap(job.store)
  const tree = runningTree(job.store)
  if (!tree) {
    throw new ConfigError(
      'this store holds no system to upgrade',
      `run \`xo-upgrade ${cureWhereNoneRuns(job.store)}\``,
    )
  }
  const running = tree.release.version
  const search = new Search(job)
  const offer = await findRelease(search, job, tree)
  if ('none' in offer) {
    search.settled()
    const source = search.serving?.name
    // Whoever has nothing newer than what runs may still be behind what waits here.
    const version = Math.max(running, job.store.version('upgraded-root') ?? 0)
    const outcome = version > running ? 'waiting' : 'up-to-date'
    tidyPacks(job.store, job.keepPacks ? version : undefined)
    return { outcome, running, version, report: undefined, source, ...offer.none }
  }
  const { version, manifestDigest } = offer.release
  forgive(job.store, version)
  const waiting = job.store.tree('upgraded-root')
  const isSame =
    waiting?.release.version === version && waiting.release.manifestDigest === manifestDigest
  // An early boot starts nothing new that a revoked key signed: such a one is brought again.
  const trusted = trustedKeys(job.store, job.keys.release, 'release')
  if (isSame && knowsSigner(waiting.statement, trusted)) {
    search.settled()
    tidyPacks(job.store, job.keepPacks ? version : undefined)
    return { outcome: 'waiting', running, version, report: undefined }
  }
  checkSettled(job.store, 'upgrade')
  const { verified, report, packs } = await search.serve((source) =>
    withPacks(packJob(job, offer, true), source, (packed) => build({ ...job, ...offer }, packed)),
  )
  job.progress.begin('commit', undefined, 'entries')
  commit(verified)
  tidyPacks(job.store, job.keepPacks ? version : undefined)
  search.settled()
  return { outcome: 'staged', running, version, report, packs, ...servedBy(search) }
}

function runningTree(store: Store): Tree | undefined {
  try {
    return store.tree('fakeroot')
  } catch (error) {
    if (!(error instanceof TrustError)) throw error
    const cure = 'run `xo-upgrade recover`, which mends it'
    throw new TrustError(`fakeroot is damaged: ${error.message}`, cure)
  }
}

/** Puts the first system into a store where none runs. Needs the store's lock. */
export async function install(job: Upgrade): Promise<Upgraded> {
  finishCutSwap(job.store)
  const tree = job.store.tree('fakeroot')
  if (tree) {
    throw new ConfigError(
      `this store holds version ${tree.release.version} already`,
      'use `xo-upgrade upgrade`',
    )
  }
  if (job.store.isRoot('fakeroot')) {
    throw new ConfigError(
      'the system that runs is the tree of this store, whose release is gone',
      'run `xo-upgrade recover`, which puts a whole one in its place',
    )
  }
  const search = new Search(job)
  const offer = await findRelease(search, job, undefined)
  if ('none' in offer) throw new PeerError('no source has a release', 'absent')
  // Leftovers of a system save transfer, once they are proved.
  const mending = job.store.has('fakeroot') ? NO_DAMAGE : undefined
  const { verified, report, packs } = await search.serve((source) =>
    withPacks(packJob(job, offer, false), source, (packed) =>
      build({ ...job, ...offer }, packed, mending),
    ),
  )
  job.progress.begin('commit', undefined, 'entries')
  commitFirst(verified)
  const { version } = offer.release
  tidyPacks(job.store, job.keepPacks ? version : undefined)
  search.settled()
  return { outcome: 'installed', running: undefined, version, report, packs, ...servedBy(search) }
}

function servedBy({ serving }: Search): Pick<Upgraded, 'source' | 'origin'> {
  return serving ? { source: serving.name, origin: originOf(serving) } : {}
}

/** What packs need of a job; `links`: what the running tree has as its manifest says counts as here. */
export function packJob(job: Upgrade, { release }: Offer, links: boolean): PackJob | undefined {
  if (job.withoutPacks) return undefined
  const { store, reserveBytes, progress } = job
  const keys = trustedKeys(store, job.keys.release, 'release')
  return { store, release, keys, reserveBytes, progress, links }
}
