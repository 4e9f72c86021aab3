/**
 * A coder of packs for tests: by the words of docs/PACKS.md, in plain TypeScript. Of a base it uses the bytes that both
 * begin and end with, and it compresses only runs of one byte; what it makes is a pack like any other.
 */
import type { PackFile, PackFrame, PackSummary, PackWork } from 'native:pack-coder'
import type { Fd, Host } from '../../src/host.ts'
import { Sections } from '../../src/publish/pack-sections.ts'
import { bytesOfArray } from '../../src/text.ts'

/** Of a frame, with room for records (bytes). */
const TEXT_MAX = 900 * 1024
const BLOCK_MIN = 16
const RAW_BLOCK_MAX = 128 * 1024
/** Bytes alike, from which a block of their own is worth it. */
const RUN_MIN = 1024
const FILES = 1
const MORE = 2

/** How many bytes are the same from there on, as far as that matters. */
function runAt(content: Uint8Array, start: number): number {
  const first = content[start]
  let end = start + 1
  while (end < content.length && content[end] === first && end - start < RAW_BLOCK_MAX) end++
  return end - start
}

/** A zstd frame of raw blocks, and of blocks of one byte, which states its size. */
function rawFrame(content: Uint8Array): Uint8Array {
  const parts: number[][] = [[0x28, 0xb5, 0x2f, 0xfd, 0xa0]]
  parts.push([0, 8, 16, 24].map((shift) => (content.length >>> shift) & 0xff))
  const pieces: Uint8Array[] = parts.map((part) => Uint8Array.from(part))
  for (let at = 0; at < content.length; ) {
    const run = runAt(content, at)
    let end = run >= RUN_MIN ? at + run : at + 1
    while (run < RUN_MIN && end < content.length && runAt(content, end) < RUN_MIN) end++
    end = Math.min(end, at + RAW_BLOCK_MAX)
    const kind = run >= RUN_MIN ? 2 : 0
    const head = ((end - at) << 3) | kind | (end === content.length ? 1 : 0)
    pieces.push(Uint8Array.from([head & 0xff, (head >> 8) & 0xff, head >> 16]))
    pieces.push(content.subarray(at, kind === 2 ? at + 1 : end))
    at = end
  }
  return new Uint8Array(Buffer.concat(pieces))
}

class Writer {
  readonly frames: PackFrame[] = []
  readonly #sections = new Sections()
  #line = -1
  #first = -1

  constructor(
    readonly files: Host['files'],
    readonly target: Fd,
  ) {}

  add(file: PackFile, content: Uint8Array, base: Uint8Array | undefined): void {
    const isLong = content.length > TEXT_MAX
    if (isLong || this.#sections.length + content.length > TEXT_MAX) this.flush(FILES)
    const { control, text } = this.#sections
    if (this.#line < 0) this.#first = file.line
    control.varint(file.line - Math.max(this.#line, 0))
    this.#line = file.line
    const [prefix, suffix] = base && !isLong ? shared(base, content) : [0, 0]
    const from = file.bases.at(-1)
    if (base && from && prefix + suffix >= BLOCK_MIN)
      this.#blocks(file, content, base, prefix, suffix)
    else {
      control.byte(0)
      text.text(bytesOfArray(content.subarray(0, TEXT_MAX)))
    }
    for (let at = TEXT_MAX; at < content.length; at += TEXT_MAX) {
      this.flush(at === TEXT_MAX ? FILES : MORE)
      this.#first = file.line
      text.text(bytesOfArray(content.subarray(at, at + TEXT_MAX)))
    }
    if (isLong) this.flush(MORE)
  }

  flush(kind: number): void {
    if (this.#sections.length === 0) return
    const frame = rawFrame(this.#sections.frame(kind))
    this.files.write(this.target, frame, 0, frame.length)
    this.frames.push({ length: frame.length, line: this.#first, goesOn: kind === MORE })
    this.#sections.clear()
    this.#line = -1
  }

  #blocks(
    file: PackFile,
    content: Uint8Array,
    base: Uint8Array,
    prefix: number,
    suffix: number,
  ): void {
    const { control, gaps, text } = this.#sections
    const from = file.bases.at(-1)
    control.byte(from?.isNew ? 3 : 1)
    control.signed((from?.line ?? 0) - file.line)
    control.varint((prefix > 0 ? 1 : 0) + (suffix > 0 ? 1 : 0))
    const middle = content.subarray(prefix, content.length - suffix)
    if (prefix > 0) {
      control.varint(0)
      control.varint(prefix * 2 + 1)
      control.signed(0)
    }
    if (suffix > 0) {
      control.varint(middle.length)
      control.varint(suffix * 2 + 1)
      control.signed(base.length - content.length)
    }
    text.text(bytesOfArray(middle))
    gaps.varint(prefix + suffix)
  }
}

/** How many bytes two contents begin and end with alike, none of them counted twice. */
function shared(one: Uint8Array, other: Uint8Array): [number, number] {
  const most = Math.min(one.length, other.length)
  let prefix = 0
  while (prefix < most && one[prefix] === other[prefix]) prefix++
  let suffix = 0
  while (
    suffix < most - prefix &&
    one[one.length - 1 - suffix] === other[other.length - 1 - suffix]
  ) {
    suffix++
  }
  return [prefix, suffix]
}

/** What the publisher's program has, over the files of a host. */
export function plainCoder(files: Host['files']): Host['packCoder'] {
  const read = (root: Fd, path: string): Uint8Array => {
    const fd = files.openRead(root, path)
    try {
      const content = new Uint8Array(files.statHandle(fd).size)
      files.read(fd, content, 0, content.length, 0)
      return content
    } finally {
      files.close(fd)
    }
  }
  const encodeFiles = ({
    oldTree,
    newTree,
    files: wanted,
    target,
    onProgress,
  }: PackWork): PackSummary => {
    const writer = new Writer(files, target)
    let done = 0
    for (const file of wanted) {
      const from = file.isPlain ? undefined : file.bases.at(-1)
      const base = from && read(from.isNew ? newTree : oldTree, from.path)
      writer.add(file, read(newTree, file.path), base)
      onProgress(++done, 0, file.path)
    }
    writer.flush(FILES)
    const sections = { control: 0, gaps: 0, fixes: 0, text: 0, extra: 0 }
    return { frames: writer.frames, fromBase: 0, whole: done, opened: 0, bytes: 0, sections }
  }
  return { encodeFiles, compressFrame: rawFrame }
}
