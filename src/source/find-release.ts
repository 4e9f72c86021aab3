/**
 * The first question to the sources: which release is there to take? The answer was proved by a
 * signature and admitted to this device; its content is still to be fetched.
 */
import { DeadlineError, isSystemError, PeerError, TrustError, UpgradeError } from '../errors.ts'
import type { Progress } from '../progress.ts'
import { formatInstant } from '../release/fields.ts'
import type { KeyRole } from '../release/keys.ts'
import { admit, openRelease, type Release, refuseForeign } from '../release/release.ts'
import { knowsSigner, type PublicKey } from '../release/signify.ts'
import { followKeys, keysEverTrusted, revokedSigner, trustedKeys } from '../store/key-chain.ts'
import { noteRelease, readState, signedSeconds } from '../store/state.ts'
import type { Store, Tree, TreeName } from '../store/store.ts'
import { newestUpstream } from './newest-upstream.ts'
import type { Search } from './search.ts'
import type { Source } from './source.ts'

export type ConfiguredKeys = { release: readonly PublicKey[] } & Partial<
  Record<KeyRole, readonly PublicKey[]>
>

export interface ReleaseWish {
  store: Store
  /** Those that the rotations of keys begin with, of each role. */
  keys: ConfiguredKeys
  device: { hardware: string; deployment: string }
  /** The version that is asked for; undefined: the newest. */
  version: number | undefined
  /** The operator's own hand: a version below the floor is accepted. */
  allowDowngrade: boolean
  progress: Progress
}

/** A release that was found, proved and admitted. */
export interface Offer {
  release: Release
  statement: Uint8Array
}

/** `none`: there is nothing to take. */
type Found = Offer | { none: { skipped?: number } }

/**
 * What the first source that answers offers. If nobody named a version and a school server has nothing
 * newer, upstream is asked now and then whether that is the newest: the school server may have stopped
 * mirroring. What upstream has is then wanted as if it had been named, in the usual order.
 */
export async function findRelease(
  search: Search,
  wish: ReleaseWish,
  tree: Tree | undefined,
): Promise<Found> {
  wish.progress.begin('release', undefined, 'bytes')
  const { store } = wish
  const waiting = store.version('upgraded-root') ?? 0
  const has = tree?.release.version
  if (wish.version === undefined) {
    search.want({ version: undefined, running: Math.max(has ?? 0, waiting) || undefined })
  } else if (wish.version !== has && wish.version !== waiting) {
    search.want({ version: wish.version, running: has })
  }
  const found = await search.serve((source) => offerAt(source, wish, tree))
  if (!('none' in found)) search.want({ version: found.release.version, running: has })
  if (!tree || wish.version !== undefined || !('none' in found)) return found
  if (search.serving?.role !== 'school') return found
  const running = tree.release.version
  const version = await newestUpstream(search.options, running, async (source) => {
    const offer = await offerOf(source, wish, tree)
    return 'none' in offer ? running : offer.release.version
  })
  const isKnown = version === wish.store.version('upgraded-root') || isBad(wish.store, version)
  if (version <= running || isKnown) return found
  wish.progress.note(`upstream has version ${version}, and the school server does not`)
  search.want({ version, running })
  return search.serve((source) => offerAt(source, { ...wish, version }, tree))
}

/** That there is nothing to take is for others to say than a neighbour, which would keep a laptop behind. */
async function offerAt(source: Source, wish: ReleaseWish, tree: Tree | undefined): Promise<Found> {
  const found = await offerOf(source, wish, tree)
  if (!('none' in found) || source.role !== 'neighbour') return found
  throw new PeerError(`${source.name} has nothing newer`, 'absent')
}

/** It came and went after upstream was asked. */
const isBad = (store: Store, version: number) => readState(store).bad.includes(version)

async function offerOf(source: Source, wish: ReleaseWish, tree: Tree | undefined): Promise<Found> {
  const { device, version, allowDowngrade, store, keys, progress } = wish
  const statement = await source.statement(version)
  const running = tree?.release.version ?? 0
  // The very bytes that were proved when this version came: nothing to prove again (0.1 to 0.3 s).
  const nothingNew = version === undefined || version === running
  if (tree && nothingNew && sameBytes(statement, tree.statement)) return { none: {} }
  const release = await opened(statement, keys, source, store)
  if (version === undefined && release.version <= running) {
    if (release.version < running) {
      progress.note(`${source.name} is behind: its latest is ${release.version}`)
    }
    return { none: {} }
  }
  if (version !== undefined && release.version !== version) {
    throw new TrustError(
      `given out as another: ${source.name} gave version ${release.version} out as ${version}`,
    )
  }
  const { floor, bad } = readState(store)
  const traits = { ...device, running, floor: allowDowngrade ? 0 : floor }
  refuseForeign(release, traits)
  noteRelease(store, release)
  // Time is the newest that was signed, never the clock of a laptop whose battery died.
  admit(release, { ...traits, trustedSeconds: signedSeconds(readState(store)) })
  if (release.version === running) return { none: {} }
  await followIfThere(source, store, keys, progress)
  if (tree && version === undefined && bad.includes(release.version)) {
    progress.note(`${source.name} offers version ${release.version}, which is known as bad here`)
    return { none: { skipped: release.version } }
  }
  return { release, statement }
}

/** For keys that this device does not know yet, the source may carry the chain that leads to them. */
async function opened(
  statement: Uint8Array,
  configured: ConfiguredKeys,
  source: Source,
  store: Store,
): Promise<Release> {
  const trusted = () => trustedKeys(store, configured.release, 'release')
  try {
    if (!knowsSigner(statement, trusted())) {
      const chain = await source.keys?.()
      if (chain) followKeys(store, configured, chain)
    }
    return openRelease(statement, trusted())
  } catch (error) {
    if (!(error instanceof TrustError)) throw error
    const revoked = revokedSigner(store, configured.release, statement)
    const message = revoked
      ? `revoked key: its release is signed by key ${revoked.number}, which was revoked at ` +
        formatInstant(revoked.revokedSeconds)
      : error.message
    throw new TrustError(`${source.name}: ${message}`, error.cure)
  }
}

/**
 * If the known keys do not lead to the signer of an existing tree, because the chain was lost, a source
 * may carry it. Without it nobody can prove the tree.
 */
export async function learnSigner(
  search: Search,
  { store, keys, progress }: ReleaseWish,
  name: TreeName,
): Promise<void> {
  try {
    const statement = store.statement(name)
    if (!statement || knowsSigner(statement, keysEverTrusted(store, keys.release))) return
    await search.serve((source) => followIfThere(source, store, keys, progress))
  } catch (error) {
    if (!(error instanceof UpgradeError || isSystemError(error))) throw error
    progress.note(`no source gave the keys that may have signed the tree: ${error.message}`)
  }
}

/** A new release brings the keys that sign the next ones. Without them it is just as good. */
async function followIfThere(
  source: Source,
  store: Store,
  configured: ConfiguredKeys,
  progress: Progress,
): Promise<void> {
  try {
    const chain = await source.keys?.()
    if (chain && followKeys(store, configured, chain)) progress.note('trusted keys were rotated')
  } catch (error) {
    // Whoever had all its time for this gets none for the rest.
    if (!(error instanceof UpgradeError) || error instanceof DeadlineError) throw error
    progress.note(`the keys of ${source.name} did not come: ${error.message}`)
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
