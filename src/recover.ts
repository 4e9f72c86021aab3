/**
 * The flow for a laptop whose system is damaged or gone: prove what is there, mend it, or put another
 * one in its place. What is whole on the disk comes before any network, and only what is damaged is
 * fetched. Everything goes through stage, a full verify, and commit, as an upgrade does; after any
 * failure or power cut, just run it again.
 */
import { isExpected, isSystemError, PeerError, SpaceError } from './errors.ts'
import type { Origin } from './origin.ts'
import { tidyPacks } from './packs/kept.ts'
import { type PackReport, withPacks } from './packs/packed-source.ts'
import { findRelease, learnSigner, type Offer } from './source/find-release.ts'
import { PATIENCE } from './source/order.ts'
import { OwnDisk } from './source/own-disk.ts'
import { faultOf, Search } from './source/search.ts'
import { originOf, type Source } from './source/source.ts'
import { build, type Mending, NO_DAMAGE } from './staging/build.ts'
import { checkManifestSpace } from './staging/manifest.ts'
import type { StageReport } from './staging/stage.ts'
import { commit } from './store/commit.ts'
import { mendRecord, signedTree } from './store/mend-record.ts'
import { readState } from './store/state.ts'
import type { Store, Tree, TreeName } from './store/store.ts'
import { finishCutSwap, replaceDamaged, rollBack, swap } from './store/swap.ts'
import { checkSettled } from './store/trial.ts'
import { damagedPlaces, type Examined, verify } from './store/verify.ts'
import { packJob, type Upgrade } from './upgrade.ts'

export interface Recovered {
  /** `mended`: the same version, with what was damaged replaced. `replaced`: another version or tree. */
  outcome: 'whole' | 'mended' | 'replaced'
  version: number
  /** How many entries of the tree that should run were damaged; undefined if nobody can tell. */
  damaged: number | undefined
  report: StageReport | undefined
  /** What packs did for it; undefined: its source has none that could. */
  packs?: PackReport | undefined
  /** The name of the source that served what this disk lacked. */
  source?: string | undefined
  /** Of what sort that source is. */
  origin?: Origin | undefined
}

const OTHERS: TreeName[] = ['upgraded-root', 'previous-root']

const OWN_CURE = 'a stick or a network with the release brings one'

/** What is known about the trees of a store. */
export type Known = Map<TreeName, Examined | undefined>

interface Recovery extends Upgrade {
  /**
   * What is already known about trees, because finding out means reading all of them: kept from one try to
   * the next by a caller who knows that nobody else writes there. A try that changes names empties it.
   */
  known?: Known
  /** Called for each source that is given up, with the reason. */
  failed?: ((error: Error) => void) | undefined
}

/**
 * Needs the store's lock. `offline`: nothing runs from the store's trees, as in an early boot; otherwise
 * the running tree is only read, and what replaces it is swapped in. Without any source it brings back what
 * the disk has whole, or throws a PeerError that says what is missing.
 */
export async function recoverSystem(job: Recovery, offline: boolean): Promise<Recovered> {
  const { store, progress } = job
  mendRecord(store, releaseKeysOf(job), (text) => progress.note(text))
  finishCutSwap(store)
  if (!offline && store.isRoot('previous-root')) checkSettled(store, 'recover')
  if (job.sources.length > 0) await learnSigner(searchOf(job), job, 'fakeroot')
  const running = await examineTree(job, 'fakeroot')
  if (!running) {
    return (await adopt(job)) ?? (await complete(job, offline)) ?? (await replace(job, offline))
  }
  const { damage, tree } = running
  const { version } = tree.release
  if (running.hasManifest && damage.length === 0) {
    return { outcome: 'whole', version, damaged: 0, report: undefined }
  }
  progress.note(
    running.hasManifest
      ? `version ${version} is damaged in ${damagedPlaces(running)}`
      : `version ${version} can't be proved as it stands`,
  )
  return mend(job, running, offline)
}

/** The same version from any source that has it, or else the newest that may follow it. */
async function mend(job: Recovery, running: Examined, offline: boolean): Promise<Recovered> {
  const { store, progress } = job
  const { tree, damage, cut, isReadable } = running
  const mending: Mending = { damage, link: isReadable && !cut }
  seedManifest(store, tree)
  try {
    return await put(job, { search: searchOf(job), offer: tree }, mending, offline)
  } catch (error) {
    if (!faultOf(error) || job.sources.length === 0) throw error
    const search = searchOf(job)
    const newer = await findRelease(search, job, tree).catch((second) => {
      if (!isExpected(second)) throw second
    })
    if (!newer || 'none' in newer) throw error
    progress.note(`taking version ${newer.release.version} instead of ${tree.release.version}`)
    return await put(job, { search, offer: newer }, mending, offline)
  }
}

/**
 * What was being staged, or else the best other tree, if this disk alone can make it whole. Tried before
 * any source is asked; the next try begins with what it leaves in `staging`.
 */
async function complete(job: Recovery, offline: boolean): Promise<Recovered | undefined> {
  const { store, progress } = job
  const { bad, floor } = readState(store)
  const found = (['staging', ...OTHERS] as const).flatMap(
    (name) => signedTree(store, name, releaseKeysOf(job)) ?? [],
  )
  const best = found.find(({ name, release }) => {
    if (bad.includes(release.version)) return false
    return name !== 'staging' || release.version >= floor
  })
  if (!best) return undefined
  const offer = { release: best.release, statement: best.statement }
  if (best.name !== 'staging') seedManifest(store, best)
  try {
    return await put({ ...job, sources: [] }, { search: undefined, offer }, NO_DAMAGE, offline)
  } catch (error) {
    if (!faultOf(error) && !(error instanceof SpaceError)) throw error
    progress.note(`version ${best.release.version}: ${(error as Error).message}`)
    return undefined
  }
}

/** No tree with a signed release runs: the newest version to be had, built from whatever is left. */
async function replace(job: Recovery, offline: boolean): Promise<Recovered> {
  if (job.sources.length === 0) {
    throw new PeerError('this disk has no version that is whole', 'absent', OWN_CURE)
  }
  const search = searchOf(job)
  const offer = await findRelease(search, job, undefined)
  if ('none' in offer) throw new PeerError('no source has a release', 'absent')
  return put(job, { search, offer }, NO_DAMAGE, offline)
}

/** The keys that the rotations in the store begin with. */
const releaseKeysOf = ({ keys }: Upgrade) => keys.release

/** A laptop without a system has no patience with a school server that is still mirroring. */
function searchOf(job: Recovery): Search {
  return new Search({ ...job, patience: { ...(job.patience ?? PATIENCE), schoolTries: 0 } })
}

async function put(
  job: Recovery,
  { search, offer }: { search: Search | undefined; offer: Offer },
  mending: Mending,
  offline: boolean,
): Promise<Recovered> {
  const { store, progress } = job
  const { verified, report, served, packs } = await built(job, { search, offer }, mending)
  progress.begin('commit', undefined, 'entries')
  commit(verified)
  tidyPacks(store, job.keepPacks ? offer.release.version : undefined)
  search?.settled()
  job.known?.clear()
  const { version } = offer.release
  const { source } = offline || !store.has('fakeroot') ? replaceDamaged(store) : swap(store)
  const damaged = mending.damage.length > 0 ? mending.damage.length : undefined
  const outcome = source === version ? 'mended' : 'replaced'
  return { outcome, version, damaged, report, packs, ...served }
}

type Built = Awaited<ReturnType<typeof build>> & {
  served: Pick<Recovered, 'source' | 'origin'>
  packs?: PackReport
}

/** From what this disk has and, if that is not enough, with what a source brings. */
async function built(
  job: Recovery,
  { search, offer }: { search: Search | undefined; offer: Offer },
  mending: Mending,
): Promise<Built> {
  const { store, progress, reserveBytes, sources } = job
  const { release, statement } = offer
  const staging = { store, release, statement, reserveBytes, progress }
  try {
    return { ...(await build(staging, new OwnDisk(store, release), mending)), served: {} }
  } catch (error) {
    if (!faultOf(error) || !search || sources.length === 0) throw error
  }
  search.want({ version: release.version, running: store.version('fakeroot') })
  return search.serve(async (source) => {
    const put = (packed: Source) => build(staging, packed, mending)
    return {
      ...(await withPacks(packJob(job, offer, false), source, put)),
      served: { source: source.name, origin: originOf(source) },
    }
  })
}

/** Another tree of the store that is whole: what waits, or else what ran before; a bad version comes last. */
async function adopt(job: Recovery): Promise<Recovered | undefined> {
  const { store } = job
  const { bad } = readState(store)
  const found: { name: TreeName; version: number }[] = []
  for (const name of OTHERS) {
    const other = await examineTree(job, name)
    if (!other?.hasManifest || other.damage.length > 0) continue
    found.push({ name, version: other.tree.release.version })
  }
  const best = found.find(({ version }) => !bad.includes(version)) ?? found[0]
  if (!best) return undefined
  if (best.name === 'upgraded-root') swap(store)
  else rollBack(store, { reason: 'There was no system in its place.' })
  job.known?.clear()
  return { outcome: 'replaced', version: best.version, damaged: undefined, report: undefined }
}

async function examineTree(job: Recovery, name: TreeName): Promise<Examined | undefined> {
  const { known = new Map() as Known } = job
  const found = known.get(name) ?? (await look(job, name))
  known.set(name, found)
  return found
}

/** Undefined if no tree of that name has a signed release. */
async function look(job: Upgrade, name: TreeName): Promise<Examined | undefined> {
  const { store, progress } = job
  const tree = signedTree(store, name, releaseKeysOf(job))
  if (!tree) return undefined
  const { release } = tree
  const nothing = { tree, damage: [], cut: false, hasManifest: false, isReadable: true }
  if (!store.hasManifest(name)) return nothing
  try {
    const { damage, cut } = await verify(store, name, { release, full: true, progress })
    return { tree, damage, cut, hasManifest: true, isReadable: true }
  } catch (error) {
    if (!isSystemError(error)) throw error
    progress.note(`${name} can't be read: ${error.message}`)
    return { ...nothing, isReadable: false }
  }
}

/** If the manifest of the damaged tree is whole, it needs no source. */
function seedManifest(store: Store, { name, release }: Tree): void {
  const { files } = store.host
  const { directory } = store
  if (store.manifestDigest('staging') === release.manifestDigest || !store.hasManifest(name)) return
  if (!store.has('staging')) files.makeDirectory(directory, 'staging', 0o700)
  if (files.stat(directory, 'staging/manifest')) files.removeFile(directory, 'staging/manifest')
  checkManifestSpace(store, release)
  files.copyFile(directory, `${name}/manifest`, directory, 'staging/manifest')
}
