/**
 * Stages and verifies until the tree is sound: what `verify` finds damaged is fetched again. If the disk
 * fills up half way, it stops and gives the running system its room back. It never commits.
 */
import { DAMAGE, DiskError, isSystemError, SpaceError, TrustError } from '../errors.ts'
import type { Path, Stat } from '../host.ts'
import type { Source } from '../source/source.ts'
import { removeOrPutAside } from '../store/put-aside.ts'
import { isFull, roomyError } from '../store/room.ts'
import type { OpenTree, Store } from '../store/store.ts'
import { type Damage, describe, type VerifiedTree, verify } from '../store/verify.ts'
import { megabytes } from '../text.ts'
import { bytesNeeded, planStaging } from './plan.ts'
import { type StagedTree, type StageReport, stage } from './stage.ts'
import type { Staging } from './staging.ts'

/** Damage that survives a second staging is the disk's. */
const ROUNDS_MAX = 3

/** The folders of staging and the small files in it. */
const STAGING_BLOCKS = 16

/**
 * What staging has proved is looked at again after this time: edits of the running tree should not go
 * unseen for as long as a slow line takes, and then a second look is the least of it (milliseconds).
 */
const PROOF_AGE_MAX_MS = 10 * 60 * 1000

/** How the new tree is built if the running one is damaged. */
export interface Mending {
  /** What was found wrong with it. */
  damage: Damage[]
  /** It is more good than bad: what looks right is linked, and proved afterwards. */
  link: boolean
}

/** For a running tree that nobody vouches for, though nothing is known to be wrong with it. */
export const NO_DAMAGE: Mending = { damage: [], link: true }

/** Builds the tree from one source. If that fails, what it brought is kept for the next one. */
export async function build(
  staging: Staging,
  source: Source,
  mending?: Mending,
): Promise<{ verified: VerifiedTree; report: StageReport }> {
  const { store } = staging
  const full = mending !== undefined
  const careful: Staging = full ? { ...staging, mend: 'basis' } : staging
  try {
    let damage: Damage[] = []
    let report: StageReport | undefined
    if (mending?.link) {
      const linked = await stage({ ...staging, mend: 'link' }, source)
      store.host.trees.closeProof(linked.proof)
      report = linked.report
      damage = linkedDamage(store, mending.damage)
    }
    for (let round = 0; round < ROUNDS_MAX; round++) {
      dropDamaged(store, damage)
      const staged = await stage(careful, source)
      const result = await verifyStaged(staging, full, staged, round === 0)
      report = report ? sum(report, staged.report) : staged.report
      if (result.tree) return { verified: result.tree, report }
      damage = result.damage
    }
    const [first] = damage
    throw new DiskError(
      `the staged tree is not sound: ${damage.length} entries are damaged` +
        `${first ? `, the first ${describe(first)}` : ''}`,
      'nothing was committed; look at the disk of the store for errors',
    )
  } catch (error) {
    if (isFull(error)) throw await outOfSpace(staging, error)
    throw error
  }
}

/**
 * The manifest and every file were proved when they came: what is wrong with them now is not the source's
 * fault. Once something was wrong, everything is looked at.
 */
async function verifyStaged(
  { store, release, progress }: Staging,
  full: boolean,
  staged: StagedTree,
  isFirst: boolean,
) {
  const { trees, clock } = store.host
  const isFresh = clock.monotonicMs() - staged.provedSinceMs <= PROOF_AGE_MAX_MS
  const proof = isFirst && isFresh && !full ? staged.proof : undefined
  try {
    return await verify(store, 'staging', { release, full, progress, proof })
  } catch (error) {
    if (!(error instanceof TrustError)) throw error
    throw new DiskError(error.message, 'run this again; look at the disk of the store for errors')
  } finally {
    trees.closeProof(staged.proof)
  }
}

/**
 * The part of the running tree's damage that was linked into the new one because it looked right.
 */
function linkedDamage(store: Store, damage: Damage[]): Damage[] {
  const identity = (path: Path) => standing(store, path)?.identity
  return damage.filter(({ path }) => {
    const staged = identity(`staging/root/${path}`)
    return staged !== undefined && staged === identity(`fakeroot/root/${path}`)
  })
}

function sum(one: StageReport, other: StageReport): StageReport {
  return {
    linked: one.linked + other.linked,
    fetchedFiles: one.fetchedFiles + other.fetchedFiles,
    fetchedBytes: one.fetchedBytes + other.fetchedBytes,
    // Both stagings met the same edits.
    edited: Math.max(one.edited, other.edited),
  }
}

/** A link where a folder should be is damage of its own, as is what the disk can't find: nothing stands there. */
function standing({ host: { files }, directory }: Store, path: Path): Stat | undefined {
  try {
    return files.stat(directory, path)
  } catch (error) {
    if (isSystemError(error, 'ELOOP', ...DAMAGE)) return undefined
    throw error
  }
}

function dropDamaged(store: Store, damage: Damage[]): void {
  const { files } = store.host
  for (const { path } of damage) {
    const staged = `staging/root/${path}`
    const stat = path === '.' ? undefined : standing(store, staged)
    if (stat && stat.type !== 'dir') files.removeFile(store.directory, staged)
  }
}

/**
 * The disk filled up half way: gives the running system its room back, and says how much is missing for a
 * fresh start, by the same sum that the next run will make.
 */
async function outOfSpace(staging: Staging, error: Error): Promise<SpaceError> {
  const { store, release, reserveBytes } = staging
  const { files } = store.host
  const { blockSize } = files.space(store.directory)
  let needed = reserveBytes + release.manifestSize + STAGING_BLOCKS * blockSize
  if (store.manifestDigest('staging') === release.manifestDigest) {
    const toWrite = (live: OpenTree | undefined) =>
      store.withTree('staging', ({ manifest }) =>
        bytesNeeded(planStaging(store, { manifest, root: undefined }, live), blockSize),
      )
    needed += await (store.hasManifest('fakeroot')
      ? store.withTree('fakeroot', toWrite)
      : toWrite(undefined))
  }
  store.discard('staging')
  removeOrPutAside(store, 'packs')
  store.syncDirectory()
  const { bytes } = files.space(store.directory)
  const missing = needed - bytes
  if (missing <= 0) return roomyError(bytes, error)
  return new SpaceError(
    `the store's disk filled up: about ${megabytes(missing)} more are needed (${error.message})`,
    missing,
    'what was staged was dropped; free that much, then run this again',
  )
}
