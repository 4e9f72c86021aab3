/**
 * Puts files of the new tree in place from content that already lies on this disk at another path: a
 * file that was moved or copied, or a second copy within the new tree; and empty ones. Whatever is
 * copied gets an inode of its own; the running tree is only read.
 */
import type { Host, Metadata, Path } from '../host.ts'
import { type Entry, parseManifestLine } from '../release/manifest-line.ts'
import type { OpenTree } from '../trees/store.ts'

export type Placed = 'placed' | 'later' | 'fetch'

export class Placer {
  readonly #live: { tree: OpenTree; digests: object } | undefined
  readonly #targetDigests: object
  /** Files of the live tree that a moved entry was linked to: an inode takes one name of the new tree. */
  readonly #moved = new Set<Path>()

  constructor(
    readonly host: Host,
    readonly target: OpenTree,
    live: OpenTree | undefined,
  ) {
    this.#live = live && { tree: live, digests: host.trees.openDigests(live.manifest) }
    this.#targetDigests = host.trees.openDigests(target.manifest)
  }

  close(): void {
    const { trees } = this.host
    if (this.#live) trees.closeDigests(this.#live.digests)
    trees.closeDigests(this.#targetDigests)
  }

  /**
   * `later`: another entry of the new tree has the same content and comes first, or is the first name
   * of this one, and does not stand yet.
   */
  place(entry: Entry, line: string): Placed {
    const { files, trees } = this.host
    if (entry.hardLinkTo !== undefined) return this.#link(entry, entry.hardLinkTo)
    if (entry.size === 0) {
      files.close(files.createFile(this.target.root, entry.path, 0o600))
      files.setMetadata(this.target.root, entry.path, metadataOf(entry))
      return 'placed'
    }
    if (this.#live && this.#placeFromLive(entry, this.#live)) return 'placed'
    const [first] = trees.findDigest(this.#targetDigests, entry.digest)
    if (first === undefined || first === line) return 'fetch'
    const source = parseManifestLine(first)
    if (!stands(this.host, this.target.root, source)) return 'later'
    this.#copy(this.target, source.path, entry)
    return 'placed'
  }

  /** A later name of a hard link, whose lines agree in all but the path. */
  #link(entry: Entry, first: Path): Placed {
    const { root } = this.target
    if (!stands(this.host, root, { ...entry, path: first })) return 'later'
    this.host.files.hardLink(root, first, root, entry.path)
    return 'placed'
  }

  #placeFromLive(entry: Entry, live: { tree: OpenTree; digests: object }): boolean {
    const { files, trees } = this.host
    for (const line of trees.findDigest(live.digests, entry.digest)) {
      const source = parseManifestLine(line)
      if (!stands(this.host, live.tree.root, source)) continue
      const fits = sameMetadata(source, entry) && !this.#moved.has(source.path)
      const keepsItsName = () => trees.findLine(this.target.manifest, source.path) === line
      if (fits && !keepsItsName()) {
        this.#moved.add(source.path)
        files.hardLink(live.tree.root, source.path, this.target.root, entry.path)
      } else {
        this.#copy(live.tree, source.path, entry)
      }
      return true
    }
    return false
  }

  #copy(source: OpenTree, path: Path, entry: Entry): void {
    const { files } = this.host
    files.copyFile(source.root, path, this.target.root, entry.path)
    files.setMetadata(this.target.root, entry.path, metadataOf(entry))
  }
}

export function metadataOf(entry: Entry): Metadata {
  const { mode, uid, gid, modified, xattrs } = entry
  return { mode, uid, gid, modified, xattrs }
}

/** Whether a file stands there with the metadata of its line: if not, it was edited, and is no source. */
function stands(host: Host, root: number, entry: Entry): boolean {
  const stat = host.files.stat(root, entry.path)
  return (
    stat?.type === 'file' &&
    stat.size === entry.size &&
    stat.mode === entry.mode &&
    stat.uid === entry.uid &&
    stat.gid === entry.gid &&
    stat.modified.seconds === entry.modified.seconds &&
    stat.modified.nanoseconds === entry.modified.nanoseconds
  )
}

/** Hard-linked and xattr-bearing files are copied: too few to be worth the cases. */
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
