/** The new manifest out of the old one and a pack's manifest frames, for the Node side. */
import type { Fd, Files } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { FRAME, type FrameReader, packError } from './frames.node.ts'

const FRAMES_MAX = 128
const LINE_MAX = 128 * 1024
const SECONDS_LIMIT = 2 ** 53
const DIGEST = / sha256digest=(?= |$)/

/** Whole lines of a text; what has no newline is an error. */
export function linesOf(files: Files, fd: Fd | undefined): string[] {
  if (fd === undefined) return []
  const bytes = new Uint8Array(files.statHandle(fd).size)
  const count = files.read(fd, bytes, 0, bytes.length, 0)
  const lines = bytesOfArray(bytes.subarray(0, count)).split('\n')
  if (lines.pop() !== '') throw packError('the last line of a manifest has no newline')
  if (lines.some((line) => line.length > LINE_MAX)) {
    throw packError(`a line of a manifest has more than ${LINE_MAX} bytes`)
  }
  return lines
}

export class ManifestRebuild {
  private readonly made: string[] = []
  private size = 0
  private at = 0
  private lastSeconds = 0
  private readonly times = new Map<bigint, { old: string; made: string }>()

  constructor(
    private readonly frames: FrameReader,
    private readonly old: string[],
    private readonly sizeMax: number,
  ) {}

  /** Undefined: more of the pack is needed. */
  run(): string[] | undefined {
    const { frames } = this
    frames.seek(0, 0)
    for (;;) {
      while (frames.left('control') === 0) if (!this.nextFrame()) return undefined
      const kept = frames.count('control', 'the number of lines that stay')
      const operation = frames.take('control', 1)[0] as number
      for (let i = 0; i < kept; i++) this.put(this.nextOld())
      if (operation === 0) return this.finish()
      this.operate(operation)
    }
  }

  private nextFrame(): boolean {
    const { frames } = this
    if (!frames.usedUp) frames.fail('its changes have ended, and its other sections have not')
    if (!frames.next()) return false
    if (frames.kind !== FRAME.manifest || frames.number > FRAMES_MAX) {
      frames.fail(
        `kind ${frames.kind}, where one of at most ${FRAMES_MAX} frames of the manifest is due`,
      )
    }
    return true
  }

  private finish(): string[] {
    if (!this.frames.usedUp) this.frames.fail('the manifest has ended, and its frame has not')
    if (this.at < this.old.length) {
      this.frames.fail('the old manifest goes on where it should end')
    }
    return this.made
  }

  private put(line: string): void {
    this.size += line.length + 1
    if (this.size > this.sizeMax) {
      this.frames.fail(`the manifest grows past the ${this.sizeMax} bytes that it may have`)
    }
    this.made.push(line)
  }

  private nextOld(): string {
    return this.old[this.at++] ?? this.frames.fail('the old manifest has no such line')
  }

  private operate(operation: number): void {
    if (operation === 1) this.nextOld()
    else if (operation === 2) this.put(this.newLine())
    else if (operation === 3) {
      this.nextOld()
      this.put(this.newLine())
    } else if ((operation & 56) !== 0 && operation === (4 | (operation & 56))) {
      this.put(this.changed(this.nextOld(), operation))
    } else this.frames.fail(`${operation} is no change of a line`)
  }

  private digest(): string {
    const bytes = this.frames.take('fixes', 32)
    return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  }

  private newLine(): string {
    const length = this.frames.peek('text').indexOf(10)
    if (length < 0 || length > LINE_MAX) {
      this.frames.fail(`a new line has no end within ${LINE_MAX} bytes and its section`)
    }
    const line = bytesOfArray(this.frames.take('text', length + 1).subarray(0, length))
    return line.replace(DIGEST, (word) => word + this.digest())
  }

  private changed(line: string, changes: number): string {
    const words = line.split(' ')
    const change = (keyword: string, flag: number, form: RegExp, make: (old: string) => string) => {
      if ((changes & flag) === 0) return
      const at = words.findIndex((word) => word.startsWith(keyword))
      const value = at < 0 ? undefined : words[at]?.slice(keyword.length)
      if (value === undefined || !form.test(value)) {
        this.frames.fail(`an old line has no ${keyword} that could be changed`)
      }
      words[at] = keyword + make(value)
    }
    change('time=', 8, /^(?!-0\.)-?(?:0|[1-9][0-9]*)\.[0-9]{9}$/, (old) => this.time(old))
    change('size=', 16, /^[0-9]+$/, (old) => this.newSize(old))
    change('sha256digest=', 32, /^.{64}$/, () => this.digest())
    return words.join(' ')
  }

  private newSize(old: string): string {
    const size = Number(old) + this.frames.signed('gaps', 'a size')
    if (size < 0) this.frames.fail(`a size becomes ${size}`)
    return String(size)
  }

  private time(old: string): string {
    const [seconds, nanoseconds] = old.split('.').map(Number) as [number, number]
    const key = BigInt(seconds) * 1000000007n + BigInt(nanoseconds)
    const slot = BigInt.asUintN(64, BigInt.asUintN(64, key) * 0x9e3779b97f4a7c15n) >> 52n
    if (this.frames.count('gaps', 'the way of a time', 1) === 0) {
      const known = this.times.get(slot)
      if (known?.old !== old) this.frames.fail('a time is said to be known, and is not')
      return known.made
    }
    const later = this.frames.signed('gaps', `a time's seconds`)
    const rest = this.frames.count('gaps', `a time's nanoseconds`, 999999999)
    this.lastSeconds += later
    if (Math.abs(this.lastSeconds) >= SECONDS_LIMIT) {
      this.frames.fail(`a time is ${later} seconds after the one before`)
    }
    const made = `${this.lastSeconds}.${String(rest).padStart(9, '0')}`
    this.times.set(slot, { old, made })
    return made
  }
}

export function bytesOfLines(lines: string[]): Uint8Array {
  return arrayOfBytes(lines.map((line) => `${line}\n`).join(''))
}
