/**
 * What a server offers, as the session that serves it sees it: modules, and in each a set of places whose
 * names are those on the wire. Names are resolved strictly beneath a place's directory: never through a link,
 * never into another mount, and nothing that is withheld is there. It only reads, and knows no client.
 */
import { assert, isSystemError } from '../errors.ts'
import type { Fd, Files, Path, Stat } from '../host.ts'
import { PATH_LENGTH_MAX } from '../limits.ts'

/** All that a client may ask for. Asked anew for each connection, so it may change in between. */
export interface Offering {
  /** In the order in which `rsync HOST::` shows them. */
  modules(): readonly OfferedModule[]
}

export interface OfferedModule {
  /** Byte strings: a name without a slash, and what `rsync HOST::` shows beside it. */
  name: Path
  comment: Path
  /** Passwords by user; undefined: everybody may read. */
  secrets?: ReadonlyMap<Path, Path>
  /** What it shows at this moment; called once a connection, which closes it at its end. */
  open(): OfferedView
}

/** A module as one connection sees it, from its arguments to its goodbye. */
export interface OfferedView {
  /** No two `at` are the same, and none lies below that of a place that isn't a made folder. */
  readonly places: readonly OfferedPlace[]
  /**
   * Whether an entry below a place is left out, and with it what is below it. `path` is its name on the wire;
   * `stat` is of the entry itself. Asked for each entry that is listed and again when a file is opened.
   */
  withheld?(path: Path, stat: Stat): boolean
  /** Closes what the places hold open. */
  close(): void
}

export type OfferedPlace = DiskPlace | MadePlace

/** A file, or a folder with all that is below it. */
export interface DiskPlace {
  /** Its name on the wire, below the module: `42/root`; `.` is the module itself. Folders above it are made up. */
  at: Path
  directory: Fd
  path: Path
}

/** A file that is nowhere on the disk. */
interface MadePlace {
  at: Path
  content: Uint8Array
  modifiedSeconds: number
}

/** An entry that is offered. */
export interface Offered {
  /** Its name on the wire; `.` is the module. */
  name: Path
  stat: Stat
  /** Where it is on the disk. */
  disk?: { directory: Fd; path: Path }
  /** Of a made file. */
  content?: Uint8Array
}

/** Folders above places, and made files, belong to root and are open to all. */
const FOLDER_MODE = 0o755
const FILE_MODE = 0o444

/** Looks names of the wire up in a view. */
export class Lookup {
  /** Folders that are above a place, by name; with the newest time of what is made below them. */
  readonly #folders = new Map<Path, number>()
  readonly #places = new Map<Path, OfferedPlace>()
  /** A folder of which is known that no link, mount or withheld entry lies on the way to it. */
  #known: Path | undefined

  constructor(
    readonly files: Files,
    readonly view: OfferedView,
  ) {
    for (const place of view.places) {
      this.#places.set(place.at, place)
      const seconds = 'content' in place ? place.modifiedSeconds : 0
      for (let above = parentOf(place.at); above !== undefined; above = parentOf(above)) {
        this.#folders.set(above, Math.max(seconds, this.#folders.get(above) ?? 0))
      }
    }
    if (!this.#places.has('.') && !this.#folders.has('.')) this.#folders.set('.', 0)
  }

  /** `name` as `clamped` makes it. Undefined: nothing of that name is offered. */
  find(name: Path): Offered | undefined {
    if (name.length > PATH_LENGTH_MAX) return undefined
    const seconds = this.#folders.get(name)
    if (seconds !== undefined) return { name, stat: madeStat('dir', FOLDER_MODE, 0, seconds) }
    const place = this.#placeOf(name)
    if (place === undefined) return undefined
    if (!('content' in place)) return this.#onDisk(place, name)
    if (place.at !== name) return undefined
    const { content, modifiedSeconds } = place
    return { name, stat: madeStat('file', FILE_MODE, content.length, modifiedSeconds), content }
  }

  /** Names of what a made folder, or one on the disk, has in it, each in full, sorted by bytes. */
  below(folder: Offered): Path[] {
    const { name, disk } = folder
    const prefix = name === '.' ? '' : `${name}/`
    if (disk) {
      if (!this.#places.has(name) && this.files.isMount(disk.directory, disk.path)) return []
      return this.files.readDirectory(disk.directory, disk.path).map((entry) => prefix + entry)
    }
    const names = [...this.#places.keys(), ...this.#folders.keys()]
    return names.filter((other) => other !== '.' && parentOf(other) === name).sort()
  }

  /** Opens a regular file that is offered; throws a SystemError if it has become something else. */
  open(offered: Offered): Fd {
    const { disk } = offered
    assert(disk, 'a made file has no handle')
    return this.files.openRead(disk.directory, disk.path)
  }

  /** The place of what is on the disk. */
  placeOf(name: Path): DiskPlace {
    const place = this.#placeOf(name)
    assert(place && !('content' in place), 'what was made is on no disk')
    return place
  }

  /** The place that a name is, or lies below. */
  #placeOf(name: Path): OfferedPlace | undefined {
    for (let at: Path | undefined = name; at !== undefined; at = parentOf(at)) {
      const place = this.#places.get(at)
      if (place) return place
    }
    return undefined
  }

  #onDisk(place: DiskPlace, name: Path): Offered | undefined {
    const { directory } = place
    let path = place.path
    const rest = name === place.at ? '' : place.at === '.' ? name : name.slice(place.at.length + 1)
    const parent = parentOf(name)
    const known = parent === this.#known
    let at = place.at
    const pieces = rest === '' ? [] : rest.split('/')
    for (const [i, piece] of pieces.entries()) {
      // What is inside a mount point belongs to another file system; the mount point itself is an empty folder.
      if (i > 0 && !known && !this.#mayEnter(directory, path, at)) return undefined
      path = path === '.' ? piece : `${path}/${piece}`
      at = at === '.' ? piece : `${at}/${piece}`
    }
    const stat = this.#stat(directory, path)
    if (!stat || (rest !== '' && this.view.withheld?.(name, stat))) return undefined
    this.#known = parent
    return { name, stat, disk: { directory, path } }
  }

  #mayEnter(directory: Fd, path: Path, name: Path): boolean {
    const stat = this.#stat(directory, path)
    if (stat?.type !== 'dir' || this.view.withheld?.(name, stat)) return false
    return !this.files.isMount(directory, path)
  }

  #stat(directory: Fd, path: Path): Stat | undefined {
    try {
      return this.files.stat(directory, path)
    } catch (error) {
      if (isSystemError(error, 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG', 'EXDEV', 'EINVAL'))
        return undefined
      throw error
    }
  }
}

/** The folder that a name is in: `.` for one at the top; undefined above `.`. */
export function parentOf(name: Path): Path | undefined {
  if (name === '.') return undefined
  const slash = name.lastIndexOf('/')
  return slash < 0 ? '.' : name.slice(0, slash)
}

/**
 * What a client means by a path, below the module: empty names and dots vanish, and `..` at the top stays at the
 * top, as on a stock daemon.
 */
export function clamped(path: Path): Path {
  const pieces: Path[] = []
  for (const piece of path.split('/')) {
    if (piece === '..') pieces.pop()
    else if (piece !== '' && piece !== '.') pieces.push(piece)
  }
  return pieces.length === 0 ? '.' : pieces.join('/')
}

function madeStat(type: 'dir' | 'file', mode: number, size: number, seconds: number): Stat {
  return {
    type,
    mode,
    uid: 0,
    gid: 0,
    size,
    occupied: 0,
    links: 1,
    modified: { seconds, nanoseconds: 0 },
    major: 0,
    minor: 0,
    identity: '',
  }
}
