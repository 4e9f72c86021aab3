/**
 * A tree on disk as the entries of a manifest: walked in the manifest's order, everything taken as it
 * is. Publishing reads images with it. It never writes, never follows a symlink, and refuses an image
 * that changes while it is read.
 */
import { ConfigError, isSystemError } from '../errors.ts'
import type { Fd, Host, Path, Stat } from '../host.ts'
import { FILE_LIST_ENTRIES_MAX, PATH_LENGTH_MAX } from '../limits.ts'
import type { Progress } from '../progress.ts'
import type { Entry } from '../release/manifest-line.ts'
import { show } from '../text.ts'
import { type Exception, refuseUnless } from './exceptions.ts'
import { MappedOwners } from './mapped-owners.ts'

type ImageReading = Pick<Host, 'files' | 'checksums'>

/** What a first walk counts, so that a second one can give `nlink` at a group's first name and show its progress. */
export interface Survey {
  entries: number
  /** The bytes of regular files, a hard-linked one counted once. */
  imageBytes: number
  /** Files with more than one name in the tree: how many, by identity. */
  names: Map<string, number>
  /** Entries that not everybody may read, and the first of them. */
  guarded: number
  firstGuarded: Path | undefined
  /** When a file or folder of it was changed last, in seconds since 1970. */
  newestSeconds: number
  owners: MappedOwners
}

interface Seen {
  path: Path
  stat: Stat
}

interface Item {
  /** Of a directory's content: its name with a slash, which sorts it among the names as the manifest does. */
  key: string
  stat: Stat
}

interface ImageTerms {
  /** For messages. */
  name: string
  /** A folder that must not be inside of it. */
  outside?: Stat
  allowed: readonly Exception[]
}

export class Image {
  readonly #host: ImageReading
  readonly root: Fd
  /** For messages. */
  readonly name: string
  /** A directory that must not be inside the image: the module that it is published to. */
  readonly #outside: string | undefined
  readonly #allowed: readonly Exception[]
  readonly #rootStat: Stat

  /** The caller keeps the handle. */
  constructor(host: ImageReading, root: Fd, { name, outside, allowed }: ImageTerms) {
    this.#host = host
    this.root = root
    this.name = name
    this.#outside = outside?.identity
    this.#allowed = allowed
    this.#rootStat = host.files.statHandle(root)
  }

  /** `progress` hears of each entry. */
  survey(progress: Pick<Progress, 'advance'>): Survey {
    const survey: Survey = {
      entries: 0,
      imageBytes: 0,
      names: new Map(),
      guarded: 0,
      firstGuarded: undefined,
      newestSeconds: 0,
      owners: new MappedOwners(this.#host.files),
    }
    for (const { path, stat } of this.#walk()) {
      survey.entries++
      progress.advance(survey.entries, path)
      if (survey.entries > FILE_LIST_ENTRIES_MAX) {
        throw new ConfigError(`${this.name} has more than ${FILE_LIST_ENTRIES_MAX} entries`)
      }
      survey.newestSeconds = Math.max(survey.newestSeconds, stat.modified.seconds)
      survey.owners.see(this.name, path, stat)
      if (isGuarded(stat)) {
        survey.guarded++
        survey.firstGuarded ??= path
      }
      if (stat.type !== 'file') continue
      const names = stat.links > 1 ? (survey.names.get(stat.identity) ?? 0) + 1 : 1
      if (stat.links > 1) survey.names.set(stat.identity, names)
      if (names === 1) survey.imageBytes += stat.size
    }
    for (const [identity, names] of survey.names) if (names === 1) survey.names.delete(identity)
    return survey
  }

  /**
   * The entries, with the tree as the survey found it. `digest` is asked for the content of each
   * regular file, at the first of its `links` names.
   */
  *entries(
    survey: Survey,
    digest: (path: Path, stat: Stat, links: number) => string,
  ): Generator<{ entry: Entry; stat: Stat }> {
    const leaders = new Map<string, { entry: Entry; missing: number }>()
    const directories: Seen[] = []
    let entries = 0
    for (const { path, stat } of this.#walk()) {
      entries++
      const entry = this.#entry(path, stat)
      if (stat.type === 'dir') directories.push({ path, stat })
      if (stat.type === 'file') {
        entry.links = survey.names.get(stat.identity) ?? 1
        const leader = leaders.get(stat.identity)
        if (leader !== undefined && entry.links > 1) {
          entry.digest = leader.entry.digest
          entry.hardLinkTo = leader.entry.path
          leader.missing--
          if (!sameMetadata(leader.entry, entry)) this.#changed(path)
        } else {
          entry.digest = digest(path, stat, entry.links)
          if (entry.links > 1) leaders.set(stat.identity, { entry, missing: entry.links - 1 })
        }
      }
      yield { entry, stat }
    }
    for (const { entry, missing } of leaders.values()) if (missing !== 0) this.#changed(entry.path)
    for (const { path, stat } of directories) {
      const now = this.#host.files.stat(this.root, path)
      if (now === undefined || !sameStat(now, stat)) this.#changed(path)
    }
    if (entries !== survey.entries) this.#changed('.')
  }

  /** SHA-256 of one regular file of the image, or of the same file below another directory. */
  digest(path: Path, stat: Stat, directory: Fd = this.root): string {
    const { files, checksums } = this.#host
    const fd = files.openRead(directory, path)
    try {
      const { digest, size } = checksums.digestFile(fd, stat.size)
      const now = directory === this.root ? files.statHandle(fd) : files.stat(this.root, path)
      if (now === undefined || size !== stat.size || !sameStat(now, stat)) this.#changed(path)
      return digest
    } catch (error) {
      // It grew past the size that it had.
      if (isSystemError(error, 'EFBIG')) this.#changed(path)
      throw error
    } finally {
      files.close(fd)
    }
  }

  #entry(path: Path, stat: Stat): Entry {
    const { files } = this.#host
    return {
      path,
      type: stat.type,
      mode: stat.mode,
      uid: stat.uid,
      gid: stat.gid,
      size: stat.type === 'file' ? stat.size : 0,
      modified: stat.modified,
      link: stat.type === 'link' ? files.readLink(this.root, path) : '',
      major: stat.major,
      minor: stat.minor,
      digest: '',
      links: 1,
      hardLinkTo: undefined,
      xattrs: files.readXattrs(this.root, path),
    }
  }

  *#walk(): Generator<Seen> {
    yield { path: '.', stat: this.#rootStat }
    const stack = [{ prefix: '', items: this.#list('.', ''), next: 0 }]
    for (;;) {
      const top = stack[stack.length - 1]
      if (top === undefined) return
      const item = top.items[top.next++]
      if (item === undefined) {
        stack.pop()
      } else if (item.key.endsWith('/')) {
        const prefix = top.prefix + item.key
        stack.push({ prefix, items: this.#list(prefix.slice(0, -1), prefix), next: 0 })
      } else {
        yield { path: top.prefix + item.key, stat: item.stat }
      }
    }
  }

  /** The names of a directory and the contents of the directories among them, each at its place. */
  #list(directory: Path, prefix: string): Item[] {
    const { files } = this.#host
    const items: Item[] = []
    for (const name of files.readDirectory(this.root, directory)) {
      const path = prefix + name
      if (path.length > PATH_LENGTH_MAX) {
        throw new ConfigError(
          `${this.#show(path)}: a path of ${path.length} bytes; at most ${PATH_LENGTH_MAX} can be published`,
        )
      }
      const stat = files.stat(this.root, path)
      if (stat === undefined) this.#changed(path)
      this.#checkPlace(path, stat)
      items.push({ key: name, stat })
      if (stat.type === 'dir') items.push({ key: `${name}/`, stat })
    }
    // Keys are byte strings, and < compares their bytes.
    return items.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** A btrfs subvolume is a folder like any other. */
  #checkPlace(path: Path, stat: Stat): void {
    if (stat.identity === this.#outside) {
      throw new ConfigError(
        `${this.#show(path)}: the image holds the module that it is published to`,
        'keep the image and the module beside each other',
      )
    }
    if (this.#host.files.isMount(this.root, path)) {
      refuseUnless(
        this.#allowed,
        'mounts',
        `${this.#show(path)}: something is mounted there; an image is one file system`,
        'unmount it (mostly it is a forgotten /proc or /dev)',
      )
    }
  }

  #changed(path: Path): never {
    throw new ConfigError(
      `${this.#show(path)} changed while it was read`,
      'publish a tree that nobody is working in',
    )
  }

  #show(path: Path): string {
    return `${this.name}/${show(path)}`
  }
}

/** True if only the owner or the group may read it. Of a link nothing is read but its text. */
function isGuarded(stat: Stat): boolean {
  if (stat.type === 'file') return (stat.mode & 0o004) === 0
  return stat.type === 'dir' && (stat.mode & 0o005) !== 0o005
}

/** Without `links`: publishing by hard link adds to it. */
function sameStat(a: Stat, b: Stat): boolean {
  return a.identity === b.identity && sameMetadata(a, b)
}

function sameMetadata(a: Stat | Entry, b: Stat | Entry): boolean {
  return (
    a.type === b.type &&
    a.size === b.size &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.modified.seconds === b.modified.seconds &&
    a.modified.nanoseconds === b.modified.nanoseconds
  )
}
