/**
 * The start of staging: the directory itself, and the manifest of the new version, which is fetched
 * against the running tree's manifest and must have the digest that the signed release names.
 */
import { isDamage, PeerError, SpaceError, TrustError } from '../errors.ts'
import type { Fd } from '../host.ts'
import type { Release } from '../release/release.ts'
import { replaceFile } from '../small-file.ts'
import type { Source } from '../source/source.ts'
import { resists } from '../store/put-aside.ts'
import type { Store } from '../store/store.ts'
import { megabytes } from '../text.ts'
import type { FileOutcome } from '../wanted-file.ts'
import type { Staging } from './staging.ts'

const ARRIVING = 'partial/manifest'
const BASIS = 'partial/manifest.basis'

/** Makes `staging` if it is missing; with `recycle` out of the previous tree, if there is one. */
export function prepare(store: Store, recycle: boolean): void {
  const { files } = store.host
  const { directory } = store
  if (!store.has('staging')) {
    if (!recycle || !recycled(store)) files.makeDirectory(directory, 'staging', 0o700)
  }
  for (const name of ['staging/root', 'staging/partial']) {
    if (!files.stat(directory, name)) files.makeDirectory(directory, name, 0o700)
  }
}

/** False if there is no previous tree, or it can't be moved: it is a mount, or the disk can't find it. */
function recycled(store: Store): boolean {
  try {
    if (!store.has('previous-root')) return false
    store.host.files.rename(store.directory, 'previous-root', store.directory, 'staging')
  } catch (error) {
    if (resists(error)) return false
    throw error
  }
  store.syncDirectory()
  return true
}

export async function bringManifest(staging: Staging, source: Source): Promise<void> {
  const { store, release, statement, progress } = staging
  const { files } = store.host
  const staged = files.openDirectory(store.directory, 'staging')
  try {
    if (store.manifestDigest('staging') !== release.manifestDigest) {
      progress.begin('manifest', release.manifestSize, 'bytes')
      checkManifestSpace(store, release)
      if (files.stat(staged, 'manifest')) files.removeTree(staged, 'manifest')
      await fetchManifest(staging, source, staged)
    }
    replaceFile(files, staged, 'release', statement)
  } finally {
    files.close(staged)
  }
}

export function checkManifestSpace(store: Store, { manifestSize }: Release): void {
  const { bytes } = store.host.files.space(store.directory)
  if (manifestSize <= bytes) return
  const missing = manifestSize - bytes
  throw new SpaceError(
    `not even the manifest fits: ${megabytes(missing)} are missing on the store's disk`,
    missing,
    'free that much, then run this again',
  )
}

async function fetchManifest(staging: Staging, source: Source, staged: Fd): Promise<void> {
  const { store, release } = staging
  const { files } = store.host
  const basis = openBasis(store, staged, release.manifestSize)
  let target: Fd | undefined
  let outcome: FileOutcome | undefined
  try {
    await source.manifest(release.version, {
      sizeMax: release.manifestSize,
      basis,
      target: () => {
        if (target !== undefined) files.close(target)
        if (files.stat(staged, ARRIVING)) files.removeFile(staged, ARRIVING)
        target = files.createFile(staged, ARRIVING, 0o644)
        return target
      },
      done: (result) => {
        outcome = result
      },
    })
    check(staging, source, outcome)
    files.rename(staged, ARRIVING, staged, 'manifest')
  } catch (error) {
    // What a broken connection left is the basis of the next try; what arrived wrong is not.
    if (outcome && files.stat(staged, ARRIVING)) files.removeFile(staged, ARRIVING)
    throw error
  } finally {
    if (target !== undefined) files.close(target)
    if (basis) files.close(basis.fd)
  }
}

const ALTERED_CURE =
  'it was altered on the server or on the way; name another source or publish it again'

function check({ release }: Staging, source: Source, outcome: FileOutcome | undefined): void {
  if (outcome && 'failed' in outcome && outcome.failed === 'too-large') {
    throw new TrustError(
      `endless data: ${source.name}/${release.version}/manifest has more than ` +
        `the ${release.manifestSize} bytes that the release says`,
      ALTERED_CURE,
    )
  }
  if (!outcome || 'failed' in outcome) {
    const absent = outcome?.failed === 'absent'
    const unreadable = outcome?.failed === 'unreadable'
    const what = absent
      ? `has no ${release.version}/manifest`
      : `${unreadable ? "can't read its" : 'sent a damaged'} manifest`
    throw new PeerError(`${source.name} ${what}`, absent ? 'absent' : 'broken')
  }
  if (outcome.digest !== release.manifestDigest) {
    throw new TrustError(
      `altered: ${source.name}/${release.version}/manifest is not the one that was signed: its digest is ` +
        `${outcome.digest}, the release says ${release.manifestDigest}`,
      ALTERED_CURE,
    )
  }
}

/**
 * The more useful of two: what an earlier try left, or the running tree's manifest, most of whose lines
 * will be in the new one again.
 */
function openBasis(
  store: Store,
  staged: Fd,
  manifestSize: number,
): { fd: Fd; size: number } | undefined {
  const { files } = store.host
  const live = openLive(store)
  const left = files.stat(staged, ARRIVING)?.size ?? 0
  if (left === 0 || (live && left * 2 < manifestSize)) return live
  if (live) files.close(live.fd)
  files.rename(staged, ARRIVING, staged, BASIS)
  return { fd: files.openRead(staged, BASIS), size: left }
}

function openLive({ host: { files }, directory }: Store): { fd: Fd; size: number } | undefined {
  const path = 'fakeroot/manifest'
  try {
    const size = files.stat(directory, path)?.size
    return size === undefined ? undefined : { fd: files.openRead(directory, path), size }
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  }
}
