/**
 * The Node side of `native:packs`, over any Files: code of its own, plain and with whole files in memory, that the C
 * side is compared with.
 */
import type { Pack, PackedFile, PackedOutcome, Stretch } from 'native:packs'
import { createHash } from 'node:crypto'
import { TrustError } from '../../src/errors.ts'
import type { Fd, Files, Packs } from '../../src/host.ts'
import { type Entry, parseManifestLine } from '../../src/release/manifest-line.ts'
import { FileMaker } from './file-maker.node.ts'
import { CONTENT_MAX, ENTRIES_MAX, type FileRecord, FLAG, readRecord } from './file-record.node.ts'
import { FRAME, FrameReader, PACKED_MAX } from './frames.node.ts'
import { bytesOfLines, linesOf, ManifestRebuild } from './manifest-rebuild.node.ts'
import { StretchLessons } from './predict-module.node.ts'

const MANIFEST_FRAMES_MAX = 128
const FILE_FRAMES_MAX = 16384

interface ListedFrame {
  place: number
  length: number
  entry: number
  goesOn: boolean
}

const entriesOf = (lines: string[]) => lines.filter((line) => line !== '' && !line.startsWith('#'))

class NodePack {
  failed = false
  readonly frames: FrameReader
  private listed: ListedFrame[] | undefined
  private old: string[] = []
  private made: string[] = []
  /** Rows of the index: the stretch, and what comes next of it. */
  private first = 0
  private end = 0
  private next = 0
  private last = 0
  private lessons = new StretchLessons()
  private pending: { record: FileRecord; size: number } | undefined

  constructor(
    readonly files: Files,
    fd: Fd,
    name: string,
  ) {
    this.frames = new FrameReader(files, fd, name)
  }

  /** Runs a step; after what it throws the pack can only be closed. */
  step<T>(run: () => T): T {
    if (this.failed) throw new TypeError('the pack failed before')
    try {
      return run()
    } catch (error) {
      if (!(error instanceof TypeError)) this.failed = true
      throw error
    }
  }

  rebuildManifest(old: Fd | undefined, target: Fd, sizeMax: number) {
    this.listed = undefined
    const rebuild = new ManifestRebuild(this.frames, linesOf(this.files, old), sizeMax)
    const lines = rebuild.run()
    if (!lines) return undefined
    const bytes = bytesOfLines(lines)
    this.files.write(target, bytes, 0, bytes.length)
    return { size: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') }
  }

  openFiles(old: Fd | undefined, made: Fd): boolean {
    const { frames } = this
    this.listed = undefined
    frames.seek(0, 0)
    do {
      if (!frames.next()) return false
      const due = frames.number > 1 && frames.kind === FRAME.index
      if (due || (frames.kind === FRAME.manifest && frames.number <= MANIFEST_FRAMES_MAX)) continue
      const rule = `at most ${MANIFEST_FRAMES_MAX} frames of the manifest, then the index`
      frames.fail(`kind ${frames.kind}; ${rule}`)
    } while (frames.kind !== FRAME.index)
    this.listed = this.readIndex()
    this.old = entriesOf(linesOf(this.files, old))
    this.made = entriesOf(linesOf(this.files, made))
    this.first = this.end = this.next = 0
    this.pending = undefined
    return true
  }

  private readIndex(): ListedFrame[] {
    const { frames } = this
    const rows: ListedFrame[] = []
    const count = frames.count('control', 'the number of frames', FILE_FRAMES_MAX)
    let { place } = frames
    let entry = 0
    for (let row = 0; row < count; row++) {
      const coded = frames.count('control', `a frame's length`, 2 * PACKED_MAX + 1)
      const difference = frames.count('control', `an entry's number`, ENTRIES_MAX - entry)
      const goesOn = coded % 2 === 1
      if (coded < 2) frames.fail(`row ${row} of the index is a frame of no bytes`)
      if (goesOn ? row === 0 || difference !== 0 : difference === 0) {
        frames.fail(`row ${row} of the index is out of order (${difference} entries on)`)
      }
      entry += difference
      const length = Math.floor(coded / 2)
      rows.push({ place, length, entry, goesOn })
      place += length
    }
    if (!frames.usedUp) frames.fail('the index goes on')
    this.firstNumber = frames.number
    return rows
  }

  private firstNumber = 0

  private get rows(): ListedFrame[] {
    if (!this.listed) throw new TypeError(`the pack's index was not read`)
    return this.listed
  }

  nextStretch(): Stretch | undefined {
    const { rows } = this
    this.pending = undefined
    this.last = 0
    this.first = this.next = this.end
    const first = rows[this.first]
    if (!first) return undefined
    do this.end++
    while (rows[this.end]?.goesOn)
    this.lessons = new StretchLessons()
    this.frames.seek(first.place, this.firstNumber + this.first)
    const { place, length } = rows[this.end - 1] as ListedFrame
    const next = rows[this.end]?.entry ?? Number.POSITIVE_INFINITY
    return { start: first.place, end: place + length, first: first.entry, next }
  }

  private enter(): void {
    const frames: FrameReader = this.frames
    const row = this.next < this.end ? this.rows[this.next] : undefined
    if (!row) frames.fail(`a file goes on, and its frames don't`)
    if (!frames.next()) frames.fail('the pack ends within it')
    const kind = row.goesOn ? FRAME.more : FRAME.files
    if (frames.packedLength !== row.length || frames.kind !== kind) {
      const found = `${frames.packedLength} bytes of kind ${frames.kind}`
      frames.fail(`${found}, but the index has ${row.length} of ${kind}`)
    }
    if (row.goesOn && frames.left('control') > 0) {
      frames.fail('it goes on with a file, and has records')
    }
    this.next++
  }

  private entry(lines: string[], number: number, what: string): Entry {
    const line = lines[number]
    if (line === undefined) {
      this.frames.fail(`entry ${number} of the ${what} manifest, which has ${lines.length}`)
    }
    try {
      const entry = parseManifestLine(line)
      if (entry.type === 'file') return entry
    } catch (error) {
      if (!(error instanceof TrustError)) throw error
      this.frames.fail(`entry ${number} of the ${what} manifest: ${error.message}`)
    }
    this.frames.fail(`entry ${number} of the ${what} manifest: is no regular file`)
  }

  private make(base: Fd | undefined, target: Fd | undefined, skip: boolean): PackedOutcome {
    const { pending, lessons } = this
    if (!pending) throw new TypeError('no file is to be made')
    this.pending = undefined
    const wish = { ...pending, base, target, skip, lessons }
    return new FileMaker(this.files, this.frames, () => this.enter(), wish).run()
  }

  apply(base: Fd | undefined, target: Fd | undefined): PackedOutcome {
    if (this.rows.length === 0) throw new TypeError('no file is to be made')
    return this.make(base, target, false)
  }

  nextFile(): PackedFile | undefined {
    const { frames, rows } = this
    if (this.pending) this.make(undefined, undefined, true)
    if (this.first === this.end) return undefined
    const isFirst = this.next === this.first
    if (isFirst) this.enter()
    else if (frames.left('control') === 0) return this.finishStretch()
    const record = readRecord(frames, this.last)
    this.last = record.entry
    const listed = (rows[this.first] as ListedFrame).entry
    const next = rows[this.end]?.entry ?? Number.POSITIVE_INFINITY
    if ((isFirst && record.entry !== listed) || record.entry >= next) {
      const place = `a stretch that begins with ${listed}, before one that begins with ${next}`
      frames.fail(`entry ${record.entry} in ${place}`)
    }
    return this.told(record)
  }

  private finishStretch(): undefined {
    if (!this.frames.usedUp) {
      this.frames.fail('its records have ended, and its other sections have not')
    }
    if (this.next < this.end) {
      this.frames.fail('the next one goes on with a file that has ended')
    }
    return undefined
  }

  private told(record: FileRecord): PackedFile {
    const { path, size, digest } = this.entry(this.made, record.entry, 'new')
    if (size > CONTENT_MAX) {
      this.frames.fail(`entry ${record.entry} has ${size} bytes, at most ${CONTENT_MAX}`)
    }
    const tree = (record.flags & FLAG.baseNew) !== 0 ? 'new' : 'old'
    const lines = tree === 'new' ? this.made : this.old
    const base =
      (record.flags & FLAG.base) === 0
        ? undefined
        : { tree: tree as 'old' | 'new', path: this.entry(lines, record.base, tree).path }
    this.pending = { record, size }
    const teaches = (record.flags & FLAG.module) !== 0
    return { entry: record.entry, path, size, digest, base, teaches }
  }
}

export function makePacks(files: Files): Packs {
  const closed = new WeakSet<object>()
  const packOf = (value: Pack): NodePack => {
    if (value instanceof NodePack && !closed.has(value)) return value
    throw new TypeError('no open pack')
  }
  return {
    openPack: (fd, name) => new NodePack(files, fd, name),
    rebuildManifest(value, old, target, sizeMax) {
      const pack = packOf(value)
      return pack.step(() => pack.rebuildManifest(old, target, sizeMax))
    },
    openFiles(value, manifests) {
      const pack = packOf(value)
      return pack.step(() => pack.openFiles(manifests.old, manifests.new))
    },
    nextStretch(value) {
      const pack = packOf(value)
      return pack.step(() => pack.nextStretch())
    },
    nextFile(value) {
      const pack = packOf(value)
      return pack.step(() => pack.nextFile())
    },
    applyFile(value, base, target) {
      const pack = packOf(value)
      return pack.step(() => pack.apply(base, target))
    },
    closePack(value) {
      closed.add(value)
    },
  }
}
