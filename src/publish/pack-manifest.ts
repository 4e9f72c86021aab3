/**
 * The manifest frames of a pack: the new manifest as changes to the old one, line by line. Both are walked
 * once, side by side, in their order; nothing of them is held but the lines at hand.
 */
import type { Fd, Files } from '../host.ts'
import { comparePaths, parseManifestLine } from '../release/manifest-line.ts'
import { bytesOfArray } from '../text.ts'
import { FrameKind, Sections } from './pack-sections.ts'

const CHUNK_SIZE = 64 * 1024

/** Operations after the count of lines that stay. */
const Op = { end: 0, drop: 1, add: 2, replace: 3, words: 4 } as const
const WordFlag = { time: 8, size: 16, digest: 32 } as const

const DIGEST_WORD = / sha256digest=([0-9a-f]{64})(?= |$)/
/** The words that may change within a line, in the order in which their values are written. */
const WORDS = [
  { flag: WordFlag.time, pattern: /^time=(-?[0-9]+)\.([0-9]{9})$/ },
  { flag: WordFlag.size, pattern: /^size=(0|[1-9][0-9]*)$/ },
  { flag: WordFlag.digest, pattern: /^sha256digest=([0-9a-f]{64})$/ },
]

/** Places where times are kept, and how one is found for a time. */
const TIMES_BITS = 12n
const TIME_FACTOR = 1_000_000_007n
const SPREAD_FACTOR = 0x9e3779b97f4a7c15n

/** Gives the manifest's frames, one after the other, before they are compressed. */
export function* manifestFrames(
  files: Files,
  old: Fd | undefined,
  target: Fd,
): Generator<Uint8Array> {
  const encoder = new Encoder()
  const before = old === undefined ? [][Symbol.iterator]() : linesOf(files, old)
  let was = before.next()
  for (const line of linesOf(files, target)) {
    let order = was.done ? 1 : compareLines(was.value, line)
    while (!was.done && order < 0) {
      yield* encoder.drop()
      was = before.next()
      order = was.done ? 1 : compareLines(was.value, line)
    }
    if (was.done || order > 0) {
      yield* encoder.add(line, Op.add)
      continue
    }
    if (was.value === line) encoder.keep()
    else yield* encoder.change(was.value, line)
    was = before.next()
  }
  for (; !was.done; was = before.next()) yield* encoder.drop()
  yield* encoder.end()
}

class Encoder {
  readonly #frame = new Sections()
  /** What is being written: it goes into a frame as a whole. */
  readonly #record = new Sections()
  readonly #times = new Map<bigint, { old: string; target: string }>()
  #kept = 0
  #lastSeconds = 0

  keep(): void {
    this.#kept++
  }

  drop(): Generator<Uint8Array> {
    this.#begin(Op.drop)
    return this.#finish()
  }

  add(line: string, op: number): Generator<Uint8Array> {
    this.#begin(op)
    const digest = DIGEST_WORD.exec(line)?.[1]
    const text = digest === undefined ? line : line.replace(DIGEST_WORD, ' sha256digest=')
    this.#record.text.text(`${text}\n`)
    if (digest !== undefined) this.#record.fixes.hex(digest)
    return this.#finish()
  }

  change(old: string, line: string): Generator<Uint8Array> {
    const words = changedWords(old, line)
    if (!words) return this.add(line, Op.replace)
    this.#begin(Op.words + words.reduce((sum, { flag }) => sum + flag, 0))
    const { gaps, fixes } = this.#record
    for (const { flag, was, is } of words) {
      if (flag === WordFlag.time) this.#time(was, is)
      else if (flag === WordFlag.size) gaps.signed(Number(is[1]) - Number(was[1]))
      else fixes.hex(is[1] as string)
    }
    return this.#finish()
  }

  *end(): Generator<Uint8Array> {
    this.#begin(Op.end)
    yield* this.#finish()
    yield this.#frame.frame(FrameKind.manifest)
  }

  #begin(op: number): void {
    this.#record.control.varint(this.#kept)
    this.#record.control.byte(op)
    this.#kept = 0
  }

  *#finish(): Generator<Uint8Array> {
    if (!this.#frame.hasRoomFor(this.#record)) {
      yield this.#frame.frame(FrameKind.manifest)
      this.#frame.clear()
    }
    this.#frame.append(this.#record)
    this.#record.clear()
  }

  /** The same change of a time as before takes one byte. */
  #time([old, seconds = '', nanoseconds = '']: string[], is: string[]): void {
    const { gaps } = this.#record
    const place = timePlace(seconds, nanoseconds)
    const known = this.#times.get(place)
    const target = is[0] as string
    if (known?.old === old && known?.target === target) {
      gaps.varint(0)
      return
    }
    gaps.varint(1)
    gaps.signed(Number(is[1]) - this.#lastSeconds)
    gaps.varint(Number(is[2]))
    this.#lastSeconds = Number(is[1])
    this.#times.set(place, { old: old as string, target })
  }
}

function timePlace(seconds: string, nanoseconds: string): bigint {
  const key = BigInt.asUintN(64, BigInt(seconds) * TIME_FACTOR + BigInt(nanoseconds))
  return BigInt.asUintN(64, key * SPREAD_FACTOR) >> (64n - TIMES_BITS)
}

interface ChangedWord {
  flag: number
  was: string[]
  is: string[]
}

/** Undefined if more differs than words that have a way of their own. */
function changedWords(old: string, line: string): ChangedWord[] | undefined {
  const before = old.split(' ')
  const after = line.split(' ')
  if (before.length !== after.length) return undefined
  const changed: ChangedWord[] = []
  for (const [at, word] of after.entries()) {
    if (before[at] === word) continue
    const known = WORDS.find(({ pattern }) => pattern.test(before[at] ?? '') && pattern.test(word))
    if (!known) return undefined
    const { flag, pattern } = known
    const [was, is] = [pattern.exec(before[at] ?? ''), pattern.exec(word)]
    changed.push({ flag, was: [...(was ?? [])], is: [...(is ?? [])] })
  }
  return changed.sort((one, other) => one.flag - other.flag)
}

/** By the paths of their entries; other lines come first, as they stand. */
function compareLines(old: string, target: string): number {
  if (old === target) return 0
  const [isEntry, wanted] = [isEntryLine(old), isEntryLine(target)]
  if (!isEntry || !wanted) return isEntry === wanted ? 0 : isEntry ? 1 : -1
  return comparePaths(parseManifestLine(old).path, parseManifestLine(target).path)
}

function isEntryLine(line: string): boolean {
  return line !== '' && !line.startsWith('#')
}

/** All lines of a manifest, also those that are no entries, without their newlines. */
function* linesOf(files: Files, fd: Fd): Generator<string, undefined> {
  const buffer = new Uint8Array(CHUNK_SIZE)
  let position = 0
  let rest = ''
  for (;;) {
    const length = files.read(fd, buffer, 0, CHUNK_SIZE, position)
    if (length === 0) return
    position += length
    const lines = (rest + bytesOfArray(buffer.subarray(0, length))).split('\n')
    rest = lines.pop() as string
    yield* lines
  }
}
