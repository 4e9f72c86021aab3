/**
 * Packs made by hand (docs/PACKS.md), for tests: sections from numbers and bytes, frames from sections, with zstd's
 * blocks left as they are. It writes what it is told, right or wrong. Runs in QuickJS, too.
 */
import { arrayOfBytes } from '../../src/text.ts'

export const KIND = { manifest: 0, files: 1, more: 2, index: 3 }
export const FLAG = { base: 1, baseNew: 2, opened: 4, baseOpened: 8, elf: 16, module: 32 }

export type Part = number | string | Uint8Array | Signed
/** A number that is written with its sign. */
export interface Signed {
  signed: number
}
export const signed = (value: number): Signed => ({ signed: value })
/** A byte, and not a number of a section. */
export const byte = (value: number): Uint8Array => Uint8Array.of(value)

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return [...bytes, rest]
}

/** Numbers as varints, texts and bytes as they are. */
export function section(...parts: Part[]): Uint8Array {
  return concat(
    parts.map((part) => {
      if (typeof part === 'number') return Uint8Array.from(varint(part))
      if (typeof part === 'string') return arrayOfBytes(part)
      if (part instanceof Uint8Array) return part
      const { signed: value } = part
      return Uint8Array.from(varint(value < 0 ? -2 * value - 1 : 2 * value))
    }),
  )
}

export function concat(arrays: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(arrays.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const array of arrays) {
    whole.set(array, at)
    at += array.length
  }
  return whole
}

interface Sections {
  control?: Uint8Array
  gaps?: Uint8Array
  fixes?: Uint8Array
  text?: Uint8Array
}

const little = (value: number, length: number) =>
  Array.from({ length }, (_, i) => Math.floor(value / 256 ** i) & 0xff)

const BLOCK_MAX = 128 * 1024

/** A zstd frame with this content, as it is. `head`: instead of the one that states its size. */
export function zstdFrame(content: Uint8Array, head?: number[]): Uint8Array {
  const parts: Uint8Array[] = [
    Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...(head ?? [0xa0, ...little(content.length, 4)])]),
  ]
  for (let at = 0; at === 0 || at < content.length; at += BLOCK_MAX) {
    const block = content.subarray(at, at + BLOCK_MAX)
    const last = at + BLOCK_MAX >= content.length ? 1 : 0
    parts.push(Uint8Array.from(little(block.length * 8 + last, 3)), block)
  }
  return concat(parts)
}

/** What is in a frame. */
export function frameContent(kind: number, sections: Sections, version = 1): Uint8Array {
  const none = new Uint8Array(0)
  const { control = none, gaps = none, fixes = none, text = none } = sections
  const all = [control, gaps, fixes, text]
  return concat([section(byte(version), byte(kind), ...all.map(({ length }) => length)), ...all])
}

export const frame = (kind: number, sections: Sections): Uint8Array =>
  zstdFrame(frameContent(kind, sections))

/** A manifest frame that leaves a manifest of so many lines as it is. */
export const sameManifest = (lines: number): Uint8Array =>
  frame(KIND.manifest, { control: section(lines, byte(0)) })

export interface FileFrame {
  bytes: Uint8Array
  /** The entry of its first record. */
  entry: number
  goesOn?: boolean
}

export function indexOf(frames: FileFrame[]): Uint8Array {
  let last = 0
  const rows = frames.flatMap(({ bytes, entry, goesOn }) => {
    const row = [bytes.length * 2 + (goesOn ? 1 : 0), entry - last]
    last = entry
    return row
  })
  return frame(KIND.index, { control: section(frames.length, ...rows) })
}

/** A whole pack: the manifest's frames, an index, and frames of files. */
export function packOf(manifest: Uint8Array[], frames: FileFrame[]): Uint8Array {
  return concat([...manifest, indexOf(frames), ...frames.map(({ bytes }) => bytes)])
}

export interface BlockWords {
  /** Bytes of text before it. */
  text: number
  length: number
  main?: boolean
  /** Its place in the base. */
  old: number
}

/** What `control` says of blocks. */
export function blockWords(blocks: BlockWords[]): Part[] {
  let at = 0
  let shift = 0
  return [
    blocks.length,
    ...blocks.flatMap(({ text, length, main = true, old }) => {
      at += text
      const turn = old - at - shift
      shift = old - at
      at += length
      return [text, length * 2 + (main ? 1 : 0), signed(turn)]
    }),
  ]
}

/** The gaps and fixes that make one out of the other, piece by piece of blocks. */
export function difference(
  predicted: Uint8Array,
  content: Uint8Array,
): { gaps: Uint8Array; fixes: Uint8Array } {
  const gaps: number[] = []
  const fixes: number[] = []
  let gap = 0
  predicted.forEach((old, i) => {
    const fix = ((content[i] as number) - old) & 0xff
    if (fix === 0) gap++
    else {
      gaps.push(gap)
      fixes.push(fix)
      gap = 0
    }
  })
  return { gaps: section(...gaps, gap), fixes: Uint8Array.from(fixes) }
}
