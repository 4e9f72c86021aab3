/**
 * Makes one file of a pack, for the Node side: as a whole in memory. A .gz is closed by zlib, whose blocks end where GNU
 * gzip's do only in small files; others come out with another digest.
 */
import type { PackedOutcome } from 'native:packs'
import { createHash } from 'node:crypto'
import { deflateRawSync, gunzipSync } from 'node:zlib'
import type { Fd, Files } from '../../src/host.ts'
import { elfShape, movedShape } from './elf-shape.node.ts'
import { CONTENT_MAX, type FileRecord, FLAG, OPENED_MAX, readBlocks } from './file-record.node.ts'
import type { FrameReader, SectionName } from './frames.node.ts'
import { ElfPredictor } from './predict-elf.node.ts'
import { ModulePredictor, type StretchLessons } from './predict-module.node.ts'
import { type Block, type Piece, PlaceMap } from './prediction.node.ts'

const PIECE = 65536

interface Predictor {
  predict(piece: Piece): void
}

interface FileWish {
  record: FileRecord
  size: number
  base: Fd | undefined
  target: Fd | undefined
  lessons: StretchLessons
  /** Nothing is made: the record is passed over. */
  skip: boolean
}

/** The base is at fault, so the rest of the record is passed over. */
class BaseFault extends Error {}

const plain: Predictor = { predict: () => undefined }

export class FileMaker {
  private reason = ''
  private base = new Uint8Array(0)
  private predictor = plain
  private gap: number | undefined
  private readonly made: Uint8Array[] = []

  constructor(
    private readonly files: Files,
    private readonly frames: FrameReader,
    /** Reads the next frame of the stretch. */
    private readonly enter: () => void,
    private readonly wish: FileWish,
  ) {}

  private has(flag: number): boolean {
    return (this.wish.record.flags & flag) !== 0
  }

  private get passing(): boolean {
    return this.wish.skip || this.reason !== ''
  }

  run(): PackedOutcome {
    const { record } = this.wish
    const size = this.has(FLAG.opened) ? record.openedSize : this.wish.size
    const { all, main } = readBlocks(this.frames, record, size)
    if (this.has(FLAG.base) && !this.passing) this.begin(all, main)
    let at = 0
    for (const block of all) {
      this.text(block.newPlace - at)
      this.block(block)
      at = block.newPlace + block.length
    }
    if (this.gap) this.frames.fail(`a fix is ${this.gap} bytes behind the last block`)
    this.text(size - at)
    return this.finish()
  }

  private begin(all: Block[], main: Block[]): void {
    try {
      this.openBase()
      for (const { oldPlace, length } of all) {
        if (oldPlace + length <= this.base.length) continue
        const end = oldPlace + length
        throw new BaseFault(`it has ${this.base.length} bytes, and those up to ${end} are wanted`)
      }
      this.predictor = this.newPredictor(new PlaceMap(main))
    } catch (error) {
      if (!(error instanceof BaseFault)) throw error
      this.reason = error.message
    }
  }

  private openBase(): void {
    const { base } = this.wish
    if (base === undefined) throw new BaseFault('there is none')
    const { size } = this.files.statHandle(base)
    if (size > CONTENT_MAX) throw new BaseFault(`it has ${size} bytes, at most ${CONTENT_MAX}`)
    this.base = new Uint8Array(size)
    this.files.read(base, this.base, 0, size, 0)
    if (!this.has(FLAG.baseOpened)) return
    try {
      this.base = new Uint8Array(gunzipSync(this.base, { maxOutputLength: OPENED_MAX }))
    } catch {
      throw new BaseFault('it is no .gz, or of more than 4 MiB of content')
    }
  }

  private newPredictor(map: PlaceMap): Predictor {
    if (this.has(FLAG.elf)) {
      const old = elfShape(this.base)
      const made = old && movedShape(old, this.wish.record.shape)
      if (old && made) return new ElfPredictor(this.base, old, made, map)
    } else if (this.has(FLAG.module)) {
      const predictor = ModulePredictor.of(this.base, map, this.wish.lessons)
      if (predictor) return predictor
    } else return plain
    throw new BaseFault('it is no program or module as expected')
  }

  /** Goes on to the next frame if this one has no more of the section. */
  private need(section: SectionName): void {
    while (this.frames.left(section) === 0) {
      if (!this.frames.usedUp) this.frames.fail(`a section ends in a file, and others don't`)
      this.enter()
    }
  }

  private put(bytes: Uint8Array): void {
    if (!this.passing) this.made.push(bytes.slice())
  }

  private text(count: number): void {
    for (let left = count; left > 0; ) {
      this.need('text')
      const part = this.frames.take('text', Math.min(left, this.frames.left('text')))
      this.put(part)
      left -= part.length
    }
  }

  private readGap(): number {
    this.need('gaps')
    return this.frames.count('gaps', 'the way to a fix', CONTENT_MAX)
  }

  private fixes(length: number): Uint8Array {
    const fixes = new Uint8Array(length)
    let gap = this.gap ?? this.readGap()
    let at = 0
    while (gap < length - at) {
      at += gap
      this.need('fixes')
      const fix = this.frames.take('fixes', 1)[0] as number
      if (fix === 0) this.frames.fail('a fix of 0')
      fixes[at++] = fix
      gap = this.readGap()
    }
    this.gap = gap - (length - at)
    return fixes
  }

  private block(block: Block): void {
    for (let from = 0; from < block.length; from += PIECE) {
      const length = Math.min(PIECE, block.length - from)
      const fixes = this.fixes(length)
      if (this.passing) continue
      const oldPlace = block.oldPlace + from
      const predicted = this.base.slice(oldPlace, oldPlace + length)
      this.predictor.predict({
        newPlace: block.newPlace + from,
        oldPlace,
        length,
        predicted,
        fixes,
      })
      for (let i = 0; i < length; i++)
        predicted[i] = (predicted[i] as number) + (fixes[i] as number)
      this.put(predicted)
    }
  }

  private finish(): PackedOutcome {
    if (this.passing) return { failed: 'base', reason: this.reason }
    const content = Buffer.concat(this.made)
    const bytes = this.has(FLAG.opened) ? this.closed(content) : content
    if (this.wish.target !== undefined) this.files.write(this.wish.target, bytes, 0, bytes.length)
    return { size: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') }
  }

  private closed(content: Buffer): Buffer {
    const deflated = deflateRawSync(content, { level: 9, memLevel: 9 })
    const trailer = Buffer.alloc(8)
    trailer.writeUInt32LE(crc32(content), 0)
    trailer.writeUInt32LE(content.length, 4)
    return Buffer.concat([this.wish.record.gzipHeader, deflated, trailer])
  }
}

function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}
