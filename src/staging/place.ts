/**
 * Puts files of the new tree in place from content that is already on this disk: an empty file, the same
 * path with other metadata, a file that was moved or copied, a second copy within the new tree, or, when a
 * tree is mended, whatever the store's other trees have. A copy gets an inode of its own; the other trees
 * are only read.
 */
import { type DiskTimes, timeMatches } from '../disk-times.ts'
import { isDamage, isSystemError } from '../errors.ts'
import type { Host, Metadata, Path, Stat } from '../host.ts'
import { type Entry, parseManifestLine } from '../release/manifest-line.ts'
import type { OpenTree, Store } from '../store/store.ts'

export type Placed = 'placed' | 'later' | 'fetch'

interface Indexed {
  tree: OpenTree
  digests: object
}

export class Placer {
  readonly host: Host
  readonly #live: Indexed | undefined
  readonly #spare: Indexed[]
  readonly #targetDigests: object
  /** Inodes of other trees that were linked into this one: each takes one name of the new tree. */
  readonly #taken = new Set<string>()

  /** Nobody vouches for the trees in `spare`: what is taken from them is read and proved first. */
  constructor(
    readonly store: Store,
    readonly target: OpenTree,
    live: OpenTree | undefined,
    spare: readonly OpenTree[] = [],
  ) {
    const { host } = store
    this.host = host
    const { trees } = host
    // Only files whose lines are new are looked for. One that was edited under the same line is fetched.
    this.#live = live && {
      tree: live,
      digests: trees.openDigests(live.manifest, { wantedBy: target.manifest }),
    }
    this.#spare = spare.map((tree) => ({ tree, digests: trees.openDigests(tree.manifest) }))
    this.#targetDigests = trees.openDigests(
      target.manifest,
      live ? { without: live.manifest } : { repeated: true },
    )
  }

  close(): void {
    const { trees } = this.host
    for (const { digests } of this.#spare) trees.closeDigests(digests)
    if (this.#live) trees.closeDigests(this.#live.digests)
    trees.closeDigests(this.#targetDigests)
  }

  /**
   * `later`: another entry of the new tree has the same content, or is the first name of this one, and is
   * not in place yet.
   */
  place(entry: Entry, line: string): Placed {
    const { files, trees } = this.host
    if (entry.hardLinkTo !== undefined) return this.#link(entry, entry.hardLinkTo)
    if (entry.size === 0) {
      files.close(files.createFile(this.target.root, entry.path, 0o600))
      files.setMetadata(this.target.root, entry.path, metadataOf(entry))
      return 'placed'
    }
    if (this.#live && this.#placeFrom(entry, this.#live, false)) return 'placed'
    if (this.#spare.some((tree) => this.#placeFrom(entry, tree, true))) return 'placed'
    const [first] = trees.findDigest(this.#targetDigests, entry.digest)
    if (first === undefined || first === line) return 'fetch'
    const source = parseManifestLine(first)
    if (!this.#stands(source.path, source)) return 'later'
    this.#copy(this.target, source.path, entry)
    return 'placed'
  }

  /** A later name of a hard link; the lines of both names agree in all but the path. */
  #link(entry: Entry, first: Path): Placed {
    const { root } = this.target
    if (!this.#stands(first, entry)) return 'later'
    this.host.files.hardLink(root, first, root, entry.path)
    return 'placed'
  }

  /** In the new tree. */
  #stands(path: Path, entry: Entry): boolean {
    const stat = this.host.files.stat(this.target.root, path)
    return stat !== undefined && isAsItsLine(stat, entry, this.store.times)
  }

  #placeFrom(entry: Entry, { tree, digests }: Indexed, prove: boolean): boolean {
    const { files, trees } = this.host
    const lines = trees.findDigest(digests, entry.digest)
    for (const line of prove ? samePathFirst(lines, entry.path) : lines) {
      const source = parseManifestLine(line)
      const stat = this.#statOf(tree, source)
      if (stat?.type !== 'file' || stat.size !== source.size) continue
      const standing = isAsItsLine(stat, source, this.store.times)
      if (prove ? !this.#holds(tree, source) : !standing) continue
      // An inode with the same path in the new tree is linked there and nowhere else.
      const isFree = prove
        ? source.path === entry.path
        : trees.findLine(this.target.manifest, source.path) !== line
      const taken = this.#taken.has(stat.identity)
      try {
        if (standing && sameMetadata(source, entry) && isFree && !taken) {
          files.hardLink(tree.root, source.path, this.target.root, entry.path)
          this.#taken.add(stat.identity)
        } else {
          this.#copy(tree, source.path, entry)
        }
        return true
      } catch (error) {
        // If it is this disk that takes nothing, what is fetched instead will meet it as well.
        if (!isDamage(error)) throw error
      }
    }
    return false
  }

  #statOf(tree: OpenTree, { path }: Entry): Stat | undefined {
    try {
      return this.host.files.stat(tree.root, path)
    } catch (error) {
      if (isSystemError(error)) return undefined
      throw error
    }
  }

  /** Whether its content is what its line says, and the disk can read it. */
  #holds({ root }: OpenTree, { path, size, digest }: Entry): boolean {
    const { files, checksums } = this.host
    try {
      const fd = files.openRead(root, path)
      try {
        return checksums.digestFile(fd, size).digest === digest
      } finally {
        files.close(fd)
      }
    } catch (error) {
      if (isSystemError(error)) return false
      throw error
    }
  }

  #copy(source: OpenTree, path: Path, entry: Entry): void {
    const { files } = this.host
    files.copyFile(source.root, path, this.target.root, entry.path)
    files.setMetadata(this.target.root, entry.path, metadataOf(entry))
  }
}

/** Whether that inode may be linked. */
function samePathFirst(lines: readonly string[], path: Path): string[] {
  const isSame = (line: string) => Number(parseManifestLine(line).path === path)
  return [...lines].sort((one, other) => isSame(other) - isSame(one))
}

export function metadataOf(entry: Entry): Metadata {
  const { mode, uid, gid, modified, xattrs } = entry
  return { mode, uid, gid, modified, xattrs }
}

/**
 * Whether a file has the metadata of its line. If not, it was edited, and nobody vouches for it.
 */
function isAsItsLine(stat: Stat, entry: Entry, times: DiskTimes): boolean {
  return (
    stat.type === 'file' &&
    stat.size === entry.size &&
    stat.mode === entry.mode &&
    stat.uid === entry.uid &&
    stat.gid === entry.gid &&
    timeMatches(times, stat.modified, entry.modified)
  )
}

/**
 * Files with hard links or extended attributes are copied: there are too few to be worth a case of their
 * own.
 */
function sameMetadata(source: Entry, entry: Entry): boolean {
  return (
    source.mode === entry.mode &&
    source.uid === entry.uid &&
    source.gid === entry.gid &&
    source.modified.seconds === entry.modified.seconds &&
    source.modified.nanoseconds === entry.modified.nanoseconds &&
    source.links === 1 &&
    entry.links === 1 &&
    source.xattrs.length === 0 &&
    entry.xattrs.length === 0
  )
}
