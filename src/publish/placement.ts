/**
 * The published copy of an image: `root/` of a release that is being made. Content comes by hard link if
 * possible, or else by copy (a clone where the file system can); everything else is made new with its
 * metadata. Files with several names are always copied: linked to the image they would have more names
 * than `nlink` says, and mtree would complain. It never writes to the image.
 */
import { isSystemError } from '../errors.ts'
import type { Fd, Host, Metadata, Path, Stat } from '../host.ts'
import type { Entry } from '../release/manifest-line.ts'
import type { Image } from './image.ts'

/** What link(2) says if the two are on different file systems, or if there are no links at all. */
const NEVER_LINKS = ['EXDEV', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS']
/** What it says of just this file: it has enough links already, or is immutable. */
const LINKS_NOT_THIS = ['EMLINK', 'EPERM']

export class Placement {
  readonly #files: Host['files']
  readonly #image: Image
  readonly #target: Fd
  readonly #directories: Entry[] = []
  /** Of the image, those whose files can't be linked from here: a btrfs subvolume is a device of its own. */
  readonly #apart = new Set<string>()
  /** Regular files, by how their content got here. */
  linked = 0
  copied = 0

  /** Into an empty directory, which becomes the root. The handles stay the caller's. */
  constructor(files: Host['files'], image: Image, target: Fd) {
    this.#files = files
    this.#image = image
    this.#target = target
  }

  /** Puts the content of one file at its place and returns its digest. A copy is hashed after it is made. */
  content(path: Path, stat: Stat, links: number): string {
    if (links === 1 && this.#link(path, stat)) {
      this.linked++
    } else {
      this.#files.copyFile(this.#image.root, path, this.#target, path)
      this.copied++
    }
    return this.#image.digest(path, stat, this.#target)
  }

  #link(path: Path, { identity }: Stat): boolean {
    const device = identity.slice(0, identity.indexOf(':'))
    if (this.#apart.has(device)) return false
    try {
      this.#files.hardLink(this.#image.root, path, this.#target, path)
      return true
    } catch (error) {
      if (isSystemError(error, ...NEVER_LINKS)) this.#apart.add(device)
      else if (!isSystemError(error, ...LINKS_NOT_THIS)) throw error
      return false
    }
  }

  /** Makes the entry; its content, if it has any, is already in place. */
  place(entry: Entry, stat: Stat): void {
    const files = this.#files
    const target = this.#target
    switch (entry.type) {
      case 'dir':
        // It gets its own mode and time once everything is in it.
        if (entry.path !== '.') files.makeDirectory(target, entry.path, 0o700)
        this.#directories.push(entry)
        return
      case 'link':
        files.makeLink(entry.link, target, entry.path)
        break
      case 'file':
        if (entry.hardLinkTo !== undefined) {
          files.hardLink(target, entry.hardLinkTo, target, entry.path)
          return
        }
        // A linked one is the image's own inode, with its metadata.
        if (files.stat(target, entry.path)?.identity === stat.identity) return
        break
      default:
        files.makeNode(target, entry.path, entry.type, entry.major, entry.minor)
    }
    files.setMetadata(target, entry.path, metadataOfImage(entry))
  }

  /** Gives the directories their metadata, innermost first. */
  finish(): void {
    for (let entry = this.#directories.pop(); entry; entry = this.#directories.pop()) {
      this.#files.setMetadata(this.#target, entry.path, metadataOfImage(entry))
    }
  }
}

function metadataOfImage(entry: Entry): Metadata {
  return {
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    modified: entry.modified,
    xattrs: entry.xattrs,
  }
}
