/** The manifest frames of a pack, read again by the words of docs/PACKS.md alone. */
import * as assert from 'uvu/assert'
import type { Fd, Files } from '../../src/host.ts'
import { manifestFrames } from '../../src/publish/pack-manifest.ts'
import { indexFrame } from '../../src/publish/pack-sections.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { test } from '../support/suite.ts'

const FRAME_SIZE_MAX = 1024 * 1024
const HEAD = '#mtree v2.0'
const ROOT = '. type=dir mode=0755 uid=0 gid=0 time=1700000000.000000000'

const file = (path: string, digest: string, { size = 5, time = '1700000000.000000000' } = {}) =>
  `./${path} type=file mode=0644 uid=0 gid=0 size=${size} time=${time} sha256digest=${digest.repeat(32)}`

const text = (lines: string[]) => `${lines.join('\n')}\n`

/** Two files of which each is only read. */
function filesOf(contents: string[]): Files {
  const arrays = contents.map(arrayOfBytes)
  const read = (fd: Fd, buffer: Uint8Array, offset: number, length: number, position = 0) => {
    const piece = arrays[fd]?.subarray(position, position + length) ?? new Uint8Array(0)
    buffer.set(piece, offset)
    return piece.length
  }
  return { read } as unknown as Files
}

/** A section, read from its start. */
class Section {
  at = 0
  constructor(readonly bytes: Uint8Array) {}

  byte(): number {
    assert.ok(this.at < this.bytes.length, 'a section that ends too soon')
    return this.bytes[this.at++] as number
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte()
      value += (byte % 128) * factor
      if (byte < 128) return value
    }
  }

  signed(): number {
    const value = this.varint()
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2
  }

  hex(): string {
    return Array.from({ length: 32 }, () => this.byte().toString(16).padStart(2, '0')).join('')
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.at)
    const line = bytesOfArray(this.bytes.subarray(this.at, end))
    this.at = end + 1
    return line
  }
}

interface OpenFrame {
  kind: number
  control: Section
  gaps: Section
  fixes: Section
  text: Section
}

function openFrame(frame: Uint8Array): OpenFrame {
  assert.ok(frame.length <= FRAME_SIZE_MAX, `a frame of ${frame.length} bytes`)
  const head = new Section(frame)
  assert.is(head.byte(), 1)
  const kind = head.byte()
  const lengths = [head.varint(), head.varint(), head.varint(), head.varint()]
  let at = head.at
  const [control, gaps, fixes, text] = lengths.map((length) => {
    at += length
    return new Section(frame.slice(at - length, at))
  }) as [Section, Section, Section, Section]
  assert.is(at, frame.length)
  return { kind, control, gaps, fixes, text }
}

const isUsedUp = ({ bytes, at }: Section) => at === bytes.length

/** The words of a line, with what a record says of them. */
class Reader {
  readonly lines: string[] = []
  readonly #times = new Map<bigint, [string, string]>()
  #seconds = 0
  #at = 0

  constructor(readonly old: string[]) {}

  frame({ control, gaps, fixes, text }: OpenFrame): boolean {
    while (!isUsedUp(control)) {
      for (let left = control.varint(); left > 0; left--) this.lines.push(this.#next())
      const op = control.byte()
      if (op === 0) return true
      const old = op === 2 ? '' : this.#next()
      if (op === 2 || op === 3) {
        const added = text.line()
        const whole = / sha256digest=(?= |$)/
        this.lines.push(
          whole.test(added) ? added.replace(whole, ` sha256digest=${fixes.hex()}`) : added,
        )
      }
      if (op > 3) this.lines.push(this.#changed(old, op - 4, gaps, fixes))
    }
    for (const section of [gaps, fixes, text]) assert.ok(isUsedUp(section), 'bytes are left over')
    return false
  }

  #next(): string {
    assert.ok(this.#at < this.old.length, 'the old manifest is used up')
    return this.old[this.#at++] as string
  }

  #changed(old: string, flags: number, gaps: Section, fixes: Section): string {
    let line = old
    if (flags & 8)
      line = line.replace(/ time=\S+/, (word) => ` time=${this.#time(word.slice(6), gaps)}`)
    if (flags & 16) {
      line = line.replace(/ size=(\d+)/, (_, size) => ` size=${Number(size) + gaps.signed()}`)
    }
    if (flags & 32) line = line.replace(/ sha256digest=\S+/, () => ` sha256digest=${fixes.hex()}`)
    return line
  }

  #time(old: string, gaps: Section): string {
    const [seconds = '', nanoseconds = ''] = old.split('.')
    const key = BigInt.asUintN(64, BigInt(seconds) * 1_000_000_007n + BigInt(nanoseconds))
    const place = BigInt.asUintN(64, key * 0x9e3779b97f4a7c15n) >> 52n
    if (gaps.varint() === 0) {
      const [known, time] = this.#times.get(place) ?? []
      assert.is(known, old)
      return time as string
    }
    this.#seconds += gaps.signed()
    const time = `${this.#seconds}.${String(gaps.varint()).padStart(9, '0')}`
    this.#times.set(place, [old, time])
    return time
  }
}

/** What comes out of the frames, and how many there are. */
function rebuilt(
  old: string[] | undefined,
  target: string[],
): { lines: string[]; frames: OpenFrame[] } {
  const files = filesOf([text(target), ...(old ? [text(old)] : [])])
  const frames = [...manifestFrames(files, old && 1, 0)].map((frame) => openFrame(frame.slice()))
  const reader = new Reader(old ?? [])
  for (const [at, frame] of frames.entries()) {
    assert.is(frame.kind, 0)
    assert.is(reader.frame(frame), at === frames.length - 1)
  }
  return { lines: reader.lines, frames }
}

function comesOut(old: string[] | undefined, target: string[]): OpenFrame[] {
  const { lines, frames } = rebuilt(old, target)
  assert.equal(lines, target)
  return frames
}

test('a manifest without one before it comes out whole', () => {
  const [frame] = comesOut(undefined, [
    HEAD,
    ROOT,
    file('a', 'ab'),
    './l type=link mode=0777 uid=0 gid=0 time=1.000000000 link=a',
  ])
  assert.is(frame?.fixes.bytes.length, 32)
})

test('the same manifest is one count', () => {
  const lines = [HEAD, ROOT, file('a', 'ab')]
  const [frame] = comesOut(lines, lines)
  assert.equal([...(frame?.control.bytes ?? [])], [3, 0])
})

test('lines are added, dropped and replaced where they stand', () => {
  const old = [
    HEAD,
    ROOT,
    file('a', 'aa'),
    file('c', 'cc'),
    './d type=link mode=0777 uid=0 gid=0 time=1.000000000 link=a',
    file('z', '00'),
  ]
  const target = [HEAD, ROOT, file('b', 'bb'), file('c', 'cc'), file('d', 'dd'), file('e', 'ee')]
  comesOut(old, target)
  comesOut(target, old)
})

test('a new time, size and digest cost their own bytes alone', () => {
  const old = [HEAD, ROOT, file('a', 'aa'), file('b', 'bb'), file('c', 'cc')]
  const time = '1700000900.000000005'
  const target = [
    HEAD,
    ROOT,
    file('a', 'ab', { size: 4, time }),
    file('b', 'bb', { time }),
    file('c', 'cd'),
  ]
  const [frame] = comesOut(old, target)
  assert.is(frame?.text.bytes.length, 0)
  assert.is(frame?.fixes.bytes.length, 64)
  // A time with its seconds and nanoseconds, a size, and the same time again.
  assert.is(frame?.gaps.bytes.length, 1 + 5 + 1 + 1 + 1)
})

test('the same old time may become another new one', () => {
  const old = ['a', 'b', 'c', 'd'].map((path) => file(path, 'aa'))
  const times = ['1700000900.0', '-5.0', '1700000900.0', '1700000900.0'].map(
    (time) => `${time}00000000`,
  )
  const target = old.map((line, at) => line.replace(/time=\S+/, `time=${times[at]}`))
  comesOut([HEAD, ROOT, ...old], [HEAD, ROOT, ...target])
})

test('a line of another form is replaced as a whole', () => {
  const short = ROOT.replace('.000000000', '.5')
  const [frame] = comesOut([HEAD, short], [HEAD, ROOT])
  assert.is(bytesOfArray(frame?.text.bytes ?? new Uint8Array(0)), `${ROOT}\n`)
  comesOut(['#mtree', '# a comment', ROOT, '', file('a', 'aa')], [HEAD, ROOT, file('a', 'aa')])
})

test('a large manifest goes on from frame to frame', () => {
  const name = (at: number) => `${String(at).padStart(6, '0')}-${'x'.repeat(200)}`
  const target = [HEAD, ROOT, ...Array.from({ length: 9000 }, (_, at) => file(name(at), 'ab'))]
  const frames = comesOut(undefined, target)
  assert.ok(frames.length > 2)
  const old = target.filter((_, at) => at < 2 || at % 2 === 0)
  assert.ok(comesOut(old, target).length > 1)
})

test('the index counts entries on, and not for frames that go on', () => {
  const frame = openFrame(
    indexFrame([
      { length: 300, line: 7, goesOn: false },
      { length: 5, line: 9, goesOn: true },
      { length: 6, line: 12, goesOn: false },
    ]),
  )
  assert.is(frame.kind, 3)
  const { control } = frame
  const numbers = Array.from({ length: 7 }, () => control.varint())
  assert.equal(numbers, [3, 600, 7, 11, 0, 12, 5])
  assert.ok(isUsedUp(control))
})

test.run()
