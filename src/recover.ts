/**
 * The flow for a laptop whose system is damaged or gone: prove what stands, mend it, or put another
 * one in its place. What is whole on the disk comes before any network, and what is damaged alone is
 * fetched. Everything goes through stage, verify in full, and commit, as an upgrade does; after any
 * failure or power cut the answer is to run it again.
 */
import { isSystemError, PeerError } from './errors.ts'
import { findRelease, learnSigner, type Offer } from './source/find-release.ts'
import { PATIENCE } from './source/order.ts'
import { faultOf, Search } from './source/search.ts'
import { build, type Mending } from './staging/build.ts'
import type { StageReport } from './staging/stage.ts'
import { commit } from './trees/commit.ts'
import { mendRecord, signedTree } from './trees/mend-record.ts'
import { readState } from './trees/state.ts'
import type { Store, Tree, TreeName } from './trees/store.ts'
import { recover, replaceDamaged, rollBack, swap } from './trees/swap.ts'
import { checkSettled } from './trees/trial.ts'
import { DAMAGE_MAX, type Damage, verify } from './trees/verify.ts'
import type { Upgrade } from './upgrade.ts'

export interface Recovered {
  /** `mended`: the same version, with what was damaged replaced. `replaced`: another version or tree. */
  outcome: 'whole' | 'mended' | 'replaced'
  version: number
  /** Entries of the tree that was to run that were wrong; undefined where nobody can tell. */
  damaged: number | undefined
  report: StageReport | undefined
}

/** A tree with a signed release, and what is wrong with it. */
interface Examined {
  tree: Tree
  damage: Damage[]
  /** Its manifest is the signed one. */
  hasManifest: boolean
  /** False where the disk refused more than the content of files: what it holds can't be told. */
  isReadable: boolean
}

const OTHERS: TreeName[] = ['upgraded-root', 'previous-root']

/**
 * Needs the store's lock. `offline`: nobody runs from the store's trees, as in an early boot; else the
 * tree that runs is only read, and what replaces it is swapped in.
 */
export async function recoverSystem(job: Upgrade, offline: boolean): Promise<Recovered> {
  const { store, progress } = job
  const { keys, configured } = job
  mendRecord(store, configured?.release ?? keys, (text) => progress.note(text))
  recover(store)
  if (!offline && store.isRoot('previous-root')) checkSettled(store, 'recover')
  await learnSigner(searchOf(job), job, 'fakeroot')
  const running = await examine(job, 'fakeroot')
  if (!running) return (await adopt(job)) ?? (await replace(job, offline))
  const { damage, tree } = running
  const { version } = tree.release
  if (running.hasManifest && damage.length === 0) {
    return { outcome: 'whole', version, damaged: 0, report: undefined }
  }
  progress.note(
    running.hasManifest
      ? `version ${version} is damaged in ${damage.length} places`
      : `version ${version} can't be proved as it stands`,
  )
  return mend(job, running, offline)
}

/** The same version from any source that has it, else the newest that may follow it. */
async function mend(job: Upgrade, running: Examined, offline: boolean): Promise<Recovered> {
  const { store, progress } = job
  const { tree, damage, hasManifest, isReadable } = running
  const wrong = damage.filter(({ what }) => what !== 'extra')
  const mending: Mending = { damage, link: isReadable && wrong.length < DAMAGE_MAX }
  if (hasManifest) seedManifest(store, tree)
  try {
    return await put(job, { search: searchOf(job), offer: tree }, mending, offline)
  } catch (error) {
    if (!faultOf(error)) throw error
    const search = searchOf(job)
    const newer = await findRelease(search, job, tree).catch(() => undefined)
    if (!newer || 'none' in newer) throw error
    progress.note(`taking version ${newer.release.version} instead of ${tree.release.version}`)
    return await put(job, { search, offer: newer }, mending, offline)
  }
}

/** No tree with a signed release runs: the newest version that may be had, out of whatever is left. */
async function replace(job: Upgrade, offline: boolean): Promise<Recovered> {
  const search = searchOf(job)
  const offer = await findRelease(search, job, undefined)
  if ('none' in offer) throw new PeerError('no source has a release', 'absent')
  return put(job, { search, offer }, { damage: [], link: true }, offline)
}

/** A laptop without a system has no patience with a school server that is still filling itself. */
function searchOf(job: Upgrade): Search {
  return new Search({ ...job, patience: { ...PATIENCE, schoolTries: 0 } })
}

async function put(
  job: Upgrade,
  { search, offer }: { search: Search; offer: Offer },
  mending: Mending,
  offline: boolean,
): Promise<Recovered> {
  const { store, progress, reserveBytes } = job
  const { release, statement } = offer
  const staging = { store, release, statement, reserveBytes, progress }
  const { verified, report } = await search.serve((source) => build(staging, source, mending))
  progress.begin('commit', undefined, 'entries')
  commit(verified)
  search.settled()
  const { version } = release
  const { source } = offline || !store.has('fakeroot') ? replaceDamaged(store) : swap(store)
  const damaged = mending.damage.length > 0 ? mending.damage.length : undefined
  return { outcome: source === version ? 'mended' : 'replaced', version, damaged, report }
}

/** Another tree of the store that is whole: what waits, else what ran before; a bad version comes last. */
async function adopt(job: Upgrade): Promise<Recovered | undefined> {
  const { store } = job
  const { bad } = readState(store)
  const found: { name: TreeName; version: number }[] = []
  for (const name of OTHERS) {
    const other = await examine(job, name)
    if (!other?.hasManifest || other.damage.length > 0) continue
    found.push({ name, version: other.tree.release.version })
  }
  const best = found.find(({ version }) => !bad.includes(version)) ?? found[0]
  if (!best) return undefined
  if (best.name === 'upgraded-root') swap(store)
  else rollBack(store, { reason: 'There was no system in its place.' })
  return { outcome: 'replaced', version: best.version, damaged: undefined, report: undefined }
}

/** Undefined where no tree of that name has a signed release. */
async function examine(job: Upgrade, name: TreeName): Promise<Examined | undefined> {
  const { store, progress } = job
  const tree = signedTree(store, name, job.configured?.release ?? job.keys)
  if (!tree) return undefined
  const { release } = tree
  const nothing = { tree, damage: [], hasManifest: false, isReadable: true }
  if (!store.hasManifest(name)) return nothing
  try {
    const { damage } = await verify(store, name, { release, full: true, progress })
    return { tree, damage, hasManifest: true, isReadable: true }
  } catch (error) {
    if (!isSystemError(error)) throw error
    progress.note(`${name} can't be read: ${error.message}`)
    return { ...nothing, isReadable: false }
  }
}

/** The manifest of the damaged tree is whole: it needs no source. */
function seedManifest(store: Store, { release }: Tree): void {
  const { files } = store.host
  const { directory } = store
  if (store.manifestDigest('staging') === release.manifestDigest) return
  if (!store.has('staging')) files.makeDirectory(directory, 'staging', 0o700)
  if (files.stat(directory, 'staging/manifest')) files.removeFile(directory, 'staging/manifest')
  files.copyFile(directory, 'fakeroot/manifest', directory, 'staging/manifest')
}
