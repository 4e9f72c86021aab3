/**
 * The Node side of the list that is sent (rsync flist.c): over any Files, so that it also runs on a virtual
 * disk. One object per entry: never for the device.
 */
import type { AddedAs } from 'native:sending'
import type { Fd, Files, Path, Stat } from '../../src/host.ts'
import { hashLength, openHash } from '../checksums/checksums.node.ts'
import { compareKeys, keyOf } from '../delta/name-order.node.ts'
import { tokenError } from '../delta/rebuild.node.ts'
import { systemErrorOf } from '../system-error.node.ts'
import { Drain } from './bytes.node.ts'
import {
  type Entry,
  EntryWriter,
  isDevice,
  isDir,
  isFile,
  isSpecial,
  kind,
  type ListEnd,
  type ListOptions,
} from './list-entries.node.ts'

interface Place {
  directory: Fd
  path: Path
  at: Path
}

/** rsync refuses 4096. */
const NAME_MAX = 4095

const withNames = (directory: Path, name: Path) =>
  directory === '.' || directory === '' ? name : `${directory}/${name}`

export class NodeSentList {
  private readonly places: Place[] = []
  private entries: Entry[] = []
  private walked = 0
  private drain: Drain | undefined
  private sorted = false
  /** A function is being asked: nobody may touch the list. */
  isBusy = false

  constructor(
    private readonly files: Files,
    private readonly options: ListOptions & { entriesMax: number },
  ) {
    const { protocol, checksum } = options
    if (protocol < 30 || protocol > 32) {
      throw new RangeError(`file lists of protocol ${protocol} are not sent here`)
    }
    if (checksum !== undefined && !(checksum in hashLength)) {
      throw new TypeError(`"${checksum}" is not a hash`)
    }
  }

  addPlace({ directory, path, at }: Place): number {
    this.adding()
    const same = (place: Place) =>
      place.directory === directory && place.path === path && place.at === at
    const known = this.places.findIndex(same)
    return known >= 0 ? known : this.places.push({ directory, path, at }) - 1
  }

  addEntry(place: number, name: Path, as: AddedAs): number {
    this.adding()
    const { directory } = this.placeOf(place)
    const stat = this.files.stat(directory, this.pathOf(place, name))
    if (!stat) throw systemErrorOf('stat', name, 'ENOENT')
    this.add(this.entryOf(place, name, stat, as))
    return modeOf(stat)
  }

  addMade(
    name: Path,
    made: {
      mode: number
      size: number
      modifiedSeconds: number
      checksum?: Uint8Array | undefined
      key: number
    },
    { top, content }: AddedAs,
  ): void {
    this.adding()
    const { mode, size, modifiedSeconds: seconds, key, checksum } = made
    const owner = { uid: 0, gid: 0, major: 0, minor: 0 }
    const rest = { nanoseconds: 0, text: '', identity: '', place: -1, key, checksum }
    this.add({ name, mode, size, seconds, top, content, ...owner, ...rest })
  }

  walk(countMax: number, keep: (name: Path, mode: number) => boolean = () => true) {
    this.adding()
    const refused: { name: Path; call: string; code: string }[] = []
    const asked = (name: Path, mode: number) => {
      this.isBusy = true
      try {
        return keep(name, mode)
      } finally {
        this.isBusy = false
      }
    }
    for (let seen = 0; this.walked < this.entries.length; ) {
      const entry = this.entries[this.walked] as Entry
      if (isDir(entry.mode) && entry.content !== 'none' && entry.place >= 0) {
        if (seen >= countMax) return { done: false, refused }
        seen += this.walkDirectory(entry, asked, refused)
      }
      this.walked++
    }
    return { done: true, refused }
  }

  end(end: ListEnd): void {
    this.adding()
    if (this.walked < this.entries.length) throw new TypeError('the walk has not ended')
    this.drain = new Drain(this.encode(end))
  }

  take(window: Uint8Array): number {
    if (!this.drain) throw new TypeError('the list has not ended')
    const written = this.drain.take(window)
    if (this.drain.ended && !this.sorted) this.sort()
    return written
  }

  get drained(): boolean {
    return this.sorted
  }

  summary() {
    const { mask, file, link } = kind
    const counted = this.entries.filter(({ mode }) => [file, link].includes(mode & mask))
    return {
      entries: this.entries.length,
      size: counted.reduce((sum, { size }) => sum + size, 0),
    }
  }

  at(index: number) {
    const entry = this.sorted ? this.entries[index] : undefined
    if (!entry) return undefined
    const { name, size, mode, seconds: modifiedSeconds, place, key } = entry
    const where = place < 0 ? undefined : { number: place, path: this.pathOf(place, name) }
    return { name, size, mode, modifiedSeconds, place: where, key }
  }

  private adding(): void {
    if (this.drain) throw new TypeError('the list has ended')
  }

  private placeOf(place: number): Place {
    const found = this.places[place]
    if (!found) throw new TypeError(`there is no place ${place}`)
    return found
  }

  private pathOf(place: number, name: Path): Path {
    const { path, at } = this.placeOf(place)
    if (name === at) return path
    if (at === '.') return withNames(path, name)
    if (!name.startsWith(`${at}/`)) throw new TypeError(`"${name}" is not below "${at}"`)
    return withNames(path, name.slice(at.length + 1))
  }

  private add(entry: Entry): void {
    const { entriesMax } = this.options
    if (this.entries.length >= entriesMax) {
      throw tokenError(`the list to be sent has more than ${entriesMax} entries`)
    }
    if (entry.name === '' || entry.name.length > NAME_MAX) {
      throw tokenError(`a name of ${entry.name.length} bytes, allowed: 1 to ${NAME_MAX}`)
    }
    this.entries.push(entry)
  }

  private entryOf(place: number, name: Path, stat: Stat, { top, content }: AddedAs): Entry {
    const { directory } = this.placeOf(place)
    const isLink = stat.type === 'link'
    const text = isLink ? this.files.readLink(directory, this.pathOf(place, name)) : ''
    const mode = modeOf(stat)
    return {
      name,
      mode,
      size: isDevice(mode) || isSpecial(mode) ? 0 : isLink ? text.length : stat.size,
      seconds: stat.modified.seconds,
      nanoseconds: stat.modified.nanoseconds,
      uid: stat.uid,
      gid: stat.gid,
      major: stat.major,
      minor: stat.minor,
      top,
      content,
      text,
      identity: stat.links > 1 && stat.type !== 'dir' ? stat.identity : '',
      place,
      key: undefined,
      checksum: undefined,
    }
  }

  private walkDirectory(
    { name, place, content }: Entry,
    keep: (name: Path, mode: number) => boolean,
    refused: { name: Path; call: string; code: string }[],
  ): number {
    const { files } = this
    const { directory } = this.placeOf(place)
    let seen = 0
    const attempt = (at: Path, run: () => void) => {
      try {
        run()
      } catch (error) {
        const { call, code, name: kindOfError } = error as { call: string; code: string } & Error
        if (kindOfError !== 'SystemError') throw error
        refused.push({ name: at, call, code })
      }
    }
    attempt(name, () => {
      for (const child of files.readDirectory(directory, this.pathOf(place, name))) {
        const childName = withNames(name, child)
        seen++
        attempt(childName, () => {
          const path = this.pathOf(place, childName)
          const stat = files.stat(directory, path)
          if (!stat || !keep(childName, modeOf(stat))) return
          const isMount = files.isMount(directory, path)
          if (isMount && stat.type !== 'dir') return
          const inside = isMount || stat.type !== 'dir' || content === 'names' ? 'none' : 'tree'
          this.add(this.entryOf(place, childName, stat, { top: false, content: inside }))
        })
      }
    })
    return seen
  }

  private *encode(end: ListEnd): Generator<Uint8Array> {
    const writer = new EntryWriter(this.options)
    for (const entry of this.entries) {
      const checksum = this.checksumOf(entry)
      yield writer.entry({ ...entry, checksum })
    }
    yield writer.end(this.entries, end)
  }

  /** rsync checksum.c file_checksum: zeros for what can't be read. */
  private checksumOf({ place, name, mode, checksum }: Entry): Uint8Array | undefined {
    const algorithm = this.options.checksum
    if (algorithm === undefined || !isFile(mode)) return undefined
    const zeros = new Uint8Array(hashLength[algorithm])
    if (place < 0) return checksum?.length === zeros.length ? checksum : zeros
    const { files } = this
    const buffer = new Uint8Array(256 * 1024)
    const hash = openHash(algorithm)
    let fd: Fd | undefined
    try {
      fd = files.openRead(this.placeOf(place).directory, this.pathOf(place, name))
      for (let at = 0; ; ) {
        const count = files.read(fd, buffer, 0, buffer.length, at)
        if (count === 0) return hash.result()
        hash.update(buffer.subarray(0, count))
        at += count
      }
    } catch {
      return zeros
    } finally {
      if (fd !== undefined) files.close(fd)
    }
  }

  private sort(): void {
    const keyed = this.entries.map((entry) => ({
      entry,
      key: keyOf(entry.name, isDir(entry.mode)),
    }))
    keyed.sort((one, other) => compareKeys(one.key, other.key))
    this.entries = keyed.map(({ entry }) => entry)
    this.sorted = true
  }
}

function modeOf({ type, mode }: Stat): number {
  return kind[type] | mode
}
