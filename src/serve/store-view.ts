/**
 * A laptop's store, offered as if it were a publisher's module: the trees that proved themselves, with their
 * statements, manifests and packs, without a link or a copy. What is private to the laptop is not there: neither its
 * records and kept folders, nor what was edited or made in a tree since it came.
 */
import { UNKNOWN_TIMES } from '../disk-times.ts'
import { isManifestError, isSystemError, TrustError } from '../errors.ts'
import type { Fd, Path, Stat } from '../host.ts'
import { LATEST } from '../release/module-names.ts'
import { DELTAS, nameOfPack } from '../release/packs.ts'
import type { Release } from '../release/release.ts'
import type { Store, TreeName } from '../store/store.ts'
import { trialOf } from '../store/trial.ts'
import { MODULE_COMMENT, MODULE_NAME } from './module-view.ts'
import type { OfferedModule, OfferedPlace, OfferedView, Offering } from './offering.ts'

type Comparison = import('native:trees').Comparison

/** Of two trees of one version the one that waits was looked at in full when it came. */
const OFFERED: readonly TreeName[] = ['upgraded-root', 'fakeroot']
/** What of the store is read, besides its trees. */
export const STORE_PLACES: readonly Path[] = ['keys', 'lock', 'packs', ...OFFERED]

/** A tree that a connection may see; its handles are the connection's. */
interface OfferedTree {
  release: Release
  statement: Uint8Array
  directory: Fd
  root: Fd
  comparison: Comparison
}

/** `settled`: whether the running tree is on trial no more, where the record of it can't be read later. */
export function offerStore(
  store: Store,
  settled: () => boolean,
  secrets: OfferedModule['secrets'],
): Offering {
  const proved = new ProvedManifests(store)
  const module: OfferedModule = {
    name: MODULE_NAME,
    comment: MODULE_COMMENT,
    ...(secrets && { secrets }),
    open: () => new StoreView(proved, settled()),
  }
  return { modules: () => [module] }
}

/** Whether the running tree has proved itself. */
export function isSettled(store: Store): boolean {
  return trialOf(store) === undefined
}

/** What others can have of a store, for who asks them: whether its trees are whole their server finds out. */
export function contentOf(store: Store): { versions: number[]; packs: string[] } {
  const versions: number[] = []
  const packs: string[] = []
  for (const name of OFFERED) {
    if (name === 'fakeroot' && !isSettled(store)) continue
    const release = store.tree(name)?.release
    if (!release || versions.includes(release.version)) continue
    versions.push(release.version)
    packs.push(...keptPacks(store, release))
  }
  return { versions, packs }
}

/**
 * Names of the packs that a release lists and the store has. One that is still coming is shorter; what else may be
 * wrong with it the signed digest tells.
 */
function keptPacks({ host, directory }: Store, { packs = [] }: Release): string[] {
  return packs
    .filter((pack) => {
      const stat = host.files.stat(directory, `packs/${nameOfPack(pack)}`)
      return stat?.type === 'file' && stat.size === pack.size
    })
    .map(nameOfPack)
}

class StoreView implements OfferedView {
  readonly places: OfferedPlace[] = []
  /** By the names of their roots on the wire. */
  readonly #trees = new Map<Path, OfferedTree>()

  constructor(
    readonly proved: ProvedManifests,
    settled: boolean,
  ) {
    try {
      for (const name of OFFERED) if (name !== 'fakeroot' || settled) this.#add(name)
      this.#addRest()
    } catch (error) {
      this.close()
      throw error
    }
  }

  withheld(path: Path, _stat: Stat): boolean {
    for (const [at, { comparison }] of this.#trees) {
      if (path === at) return false
      if (!path.startsWith(`${at}/`)) continue
      return !this.#isUnchanged(comparison, path.slice(at.length + 1))
    }
    return false
  }

  #isUnchanged(comparison: Comparison, path: Path): boolean {
    try {
      return this.proved.store.host.trees.isUnchanged(comparison, path)
    } catch (error) {
      // What can't be compared is nobody's to have.
      if (isSystemError(error) || isManifestError(error)) return false
      throw error
    }
  }

  close(): void {
    for (const tree of this.#trees.values()) closeTree(this.proved.store, tree)
    this.#trees.clear()
  }

  /** A tree that is only half there, or is damaged, is left out. */
  #add(name: TreeName): void {
    let tree: OfferedTree | undefined
    try {
      tree = openTree(this.proved, name)
    } catch (error) {
      if (!isSystemError(error) && !(error instanceof TrustError)) throw error
    }
    if (!tree) return
    const { version } = tree.release
    const at = `${version}/root`
    if (this.#trees.has(at)) {
      closeTree(this.proved.store, tree)
      return
    }
    this.#trees.set(at, tree)
    const { directory } = tree
    for (const path of ['release', 'manifest', 'root']) {
      this.places.push({ at: `${version}/${path}`, directory, path })
    }
  }

  #addRest(): void {
    const { directory, host } = this.proved.store
    const [newest] = [...this.#trees.values()].sort(
      (one, other) => other.release.version - one.release.version,
    )
    if (newest) {
      const { statement: content, release } = newest
      this.places.push({ at: LATEST, content, modifiedSeconds: release.issued })
    }
    if (host.files.stat(directory, 'keys')?.type === 'file') {
      this.places.push({ at: 'keys', directory, path: 'keys' })
    }
    for (const { release } of this.#trees.values()) {
      for (const name of keptPacks(this.proved.store, release)) {
        this.places.push({ at: `${DELTAS}/${name}`, directory, path: `packs/${name}` })
      }
    }
  }
}

/** Undefined if there is no whole tree of that name. Its manifest is the one that its statement names. */
function openTree(proved: ProvedManifests, name: TreeName): OfferedTree | undefined {
  const { store } = proved
  const { files, trees } = store.host
  const tree = store.tree(name)
  if (!tree || !proved.has(name)) return undefined
  const { release, statement } = tree
  const directory = files.openDirectory(store.directory, name)
  const opened = [directory]
  try {
    const root = files.openDirectory(directory, 'root')
    opened.push(root)
    const manifest = files.openRead(directory, 'manifest')
    try {
      // Which times the disk holds can't be tried by who only reads.
      const comparison = trees.openComparison({ live: { manifest, root }, times: UNKNOWN_TIMES })
      return { release, statement, directory, root, comparison }
    } finally {
      files.close(manifest)
    }
  } catch (error) {
    for (const fd of opened) files.close(fd)
    throw error
  }
}

function closeTree({ host }: Store, { directory, root, comparison }: OfferedTree): void {
  host.trees.closeComparison(comparison)
  host.files.close(root)
  host.files.close(directory)
}

/** Of which manifests it is known that they are the signed ones: a slow laptop takes half a second to find out. */
class ProvedManifests {
  readonly #known = new Map<TreeName, { key: string; isProved: boolean }>()

  constructor(readonly store: Store) {}

  has(name: TreeName): boolean {
    const stat = this.store.host.files.stat(this.store.directory, `${name}/manifest`)
    if (stat?.type !== 'file') return false
    const { identity, size, modified } = stat
    const key = JSON.stringify([identity, size, modified])
    const known = this.#known.get(name)
    if (known?.key === key) return known.isProved
    const isProved = this.store.hasManifest(name)
    this.#known.set(name, { key, isProved })
    return isProved
  }
}
