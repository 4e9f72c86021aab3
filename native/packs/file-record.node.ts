/** What a pack says of one file, for the Node side. */
import type { FrameReader } from './frames.node.ts'
import type { Block } from './prediction.node.ts'

export const FLAG = { base: 1, baseNew: 2, opened: 4, baseOpened: 8, elf: 16, module: 32 }

export const ENTRIES_MAX = 1_400_000
export const CONTENT_MAX = 2 ** 32 - 1
export const OPENED_MAX = 4 * 1024 * 1024
const BLOCKS_MAX = 65536
const SEGMENTS_MAX = 16
const GZIP_HEADER = { min: 10, max: 1024 }

export interface FileRecord {
  entry: number
  flags: number
  base: number
  gzipHeader: Uint8Array
  openedSize: number
  shape: number[]
  blockCount: number
}

interface FileBlocks {
  all: Block[]
  main: Block[]
}

export function readRecord(frames: FrameReader, previous: number): FileRecord {
  const difference = frames.count('control', 'the way to an entry', ENTRIES_MAX - previous)
  const entry = previous + difference
  if (difference === 0) frames.fail(`entry ${entry} comes twice`)
  const flags = frames.take('control', 1)[0] as number
  const has = (flag: number) => (flags & flag) !== 0
  const both = has(FLAG.elf) && has(FLAG.module)
  const baseless = has(FLAG.baseNew | FLAG.baseOpened | FLAG.elf | FLAG.module) && !has(FLAG.base)
  if (flags > 63 || both || baseless) frames.fail(`flags ${flags} can't be`)
  const base = has(FLAG.base) ? readBase(frames, entry, has(FLAG.baseNew)) : 0
  const gzip = has(FLAG.opened)
    ? readGzip(frames)
    : { gzipHeader: new Uint8Array(0), openedSize: 0 }
  const shape = has(FLAG.elf) ? readShape(frames) : []
  const blockCount = has(FLAG.base)
    ? frames.count('control', 'the number of blocks', BLOCKS_MAX)
    : 0
  return { entry, flags, base, ...gzip, shape, blockCount }
}

function readBase(frames: FrameReader, entry: number, isNew: boolean): number {
  const difference = frames.signed('control', 'the way to a base')
  const base = entry + difference
  if (base < 0 || base > ENTRIES_MAX || (isNew && difference >= 0)) {
    const tree = isNew ? 'new' : 'old'
    frames.fail(`entry ${entry} has entry ${base} of the ${tree} tree as its base`)
  }
  return base
}

function readGzip(frames: FrameReader): { gzipHeader: Uint8Array; openedSize: number } {
  const length = frames.count('control', 'the length of a gzip header', GZIP_HEADER.max)
  if (length < GZIP_HEADER.min) {
    frames.fail(`a gzip header of ${length} bytes, at least ${GZIP_HEADER.min}`)
  }
  const gzipHeader = frames.take('control', length).slice()
  return {
    gzipHeader,
    openedSize: frames.count('control', 'the size of an opened .gz', OPENED_MAX),
  }
}

function readShape(frames: FrameReader): number[] {
  const segments = frames.count('control', 'the number of segments', SEGMENTS_MAX)
  return Array.from({ length: 4 * segments + 2 }, () =>
    frames.signed('control', `a segment's number`),
  )
}

export function readBlocks(frames: FrameReader, record: FileRecord, size: number): FileBlocks {
  const all: Block[] = []
  const main: Block[] = []
  let at = 0
  let shift = 0
  for (let i = 0; i < record.blockCount; i++) {
    at += frames.count('control', 'the text before a block', size - at)
    const coded = frames.count('control', `twice a block's length`, 2 * (size - at) + 1)
    shift += frames.signed('control', 'the way to a block')
    const length = Math.floor(coded / 2)
    const block = { newPlace: at, oldPlace: at + shift, length }
    if (length === 0) frames.fail('a block without bytes')
    if (block.oldPlace < 0 || block.oldPlace > CONTENT_MAX - length) {
      frames.fail(`a block of ${length} bytes at ${block.oldPlace} of the base`)
    }
    all.push(block)
    if (coded % 2 === 1) main.push(block)
    at += length
  }
  return { all, main }
}
