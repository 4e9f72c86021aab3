/**
 * Fills a disk: with a copy of a tree of any other native:files (the machine's, another disk's), or
 * with what a manifest describes. Only the contract is used, so that it works in every direction.
 */
import type { Fd, Files, Metadata, Path } from '../../../src/host.ts'
import type { Entry } from '../../../src/release/manifest-line.ts'

interface Place {
  files: Files
  root: Fd
}

const PIECE = 256 * 1024

/** Copies all below one directory into another, with owners, times, attributes and hard links. */
export function copyTree(source: Place, target: Place): void {
  /** The first name of each inode that has several. */
  const firstNames = new Map<string, Path>()
  const visit = (path: Path): void => {
    const stat = source.files.stat(source.root, path)
    if (!stat) return
    const { type, mode, uid, gid, modified } = stat
    const first = firstNames.get(stat.identity)
    if (first !== undefined && type !== 'dir') {
      target.files.hardLink(target.root, first, target.root, path)
      return
    }
    firstNames.set(stat.identity, path)
    if (type === 'dir') {
      if (path !== '.') target.files.makeDirectory(target.root, path, 0o700)
      for (const name of source.files.readDirectory(source.root, path)) {
        visit(path === '.' ? name : `${path}/${name}`)
      }
    } else if (type === 'file') copyContent(source, target, path)
    else if (type === 'link') {
      target.files.makeLink(source.files.readLink(source.root, path), target.root, path)
    } else target.files.makeNode(target.root, path, type, stat.major, stat.minor)
    const xattrs = source.files.readXattrs(source.root, path)
    target.files.setMetadata(target.root, path, { mode, uid, gid, modified, xattrs })
  }
  visit('.')
}

function copyContent(source: Place, target: Place, path: Path): void {
  const from = source.files.openRead(source.root, path)
  const to = target.files.createFile(target.root, path, 0o600)
  const piece = new Uint8Array(PIECE)
  for (let count = 1; count > 0; ) {
    count = source.files.read(from, piece, 0, piece.length)
    target.files.write(to, piece, 0, count)
  }
  source.files.close(from)
  target.files.close(to)
}

/**
 * Makes what a manifest's entries say, in their order. A manifest knows no contents: `contentOf` gives
 * them, of `entry.size` bytes.
 */
export function fillFromEntries(
  { files, root }: Place,
  entries: Iterable<Entry>,
  contentOf: (entry: Entry) => Uint8Array,
): void {
  const directories: Entry[] = []
  for (const entry of entries) {
    const { path, type, hardLinkTo } = entry
    if (type === 'dir') {
      if (path !== '.') files.makeDirectory(root, path, 0o700)
      directories.push(entry)
      continue
    }
    if (hardLinkTo !== undefined) {
      files.hardLink(root, hardLinkTo, root, path)
      continue
    }
    if (type === 'link') files.makeLink(entry.link, root, path)
    else if (type !== 'file') files.makeNode(root, path, type, entry.major, entry.minor)
    else {
      const content = contentOf(entry)
      const fd = files.createFile(root, path, 0o600)
      files.write(fd, content, 0, content.length)
      files.close(fd)
    }
    files.setMetadata(root, path, metadataOf(entry))
  }
  // From the innermost outwards: making an entry changes the time of the directory above it.
  for (const entry of directories.reverse()) files.setMetadata(root, entry.path, metadataOf(entry))
}

function metadataOf({ mode, uid, gid, modified, xattrs }: Entry): Metadata {
  return { mode, uid, gid, modified, xattrs }
}
