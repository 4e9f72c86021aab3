/** Progress over a clock that the test turns: a bar, lines of a log, JSON lines. */

import * as assert from 'uvu/assert'
import { jsonProgress, logProgress } from '../../src/command-line/progress.ts'
import type { ShownProgress } from '../../src/progress.ts'
import { amount, terminalProgress } from '../../src/progress-bar.ts'
import { test } from '../support/suite.ts'

function clocked() {
  const at = { ms: 1_000 }
  const written: string[] = []
  const clock = {
    monotonicMs: () => at.ms,
    wallSeconds: () => 0,
    sleep: () => Promise.resolve(),
  }
  return { at, written, clock, write: (text: string) => void written.push(text) }
}

test('amounts are rounded to what a person reads', () => {
  assert.is(amount(0, 'bytes'), '0 B')
  assert.is(amount(999, 'bytes'), '999 B')
  assert.is(amount(1_234, 'bytes'), '1.2 kB')
  assert.is(amount(59_900_000, 'bytes'), '59.9 MB')
  assert.is(amount(1.45e9, 'bytes'), '1.45 GB')
  assert.is(amount(43_400, 'entries'), '43400 entries')
})

test('a bar is drawn at most five times a second, and ends in a line', () => {
  const { at, written, clock, write } = clocked()
  const progress = terminalProgress(clock, write, () => 100)
  progress.begin('fetch', 1_000_000, 'bytes')
  assert.is(written.length, 1)
  for (let ms = 1; ms <= 1000; ms++) {
    at.ms = 1_000 + ms
    progress.advance(ms * 500, 'usr/bin/ping')
  }
  assert.ok(written.length >= 5 && written.length <= 7, `${written.length} times`)
  const last = written.at(-1) ?? ''
  assert.match(last, /50%/)
  assert.match(last, /500.0 kB of 1.0 MB/)
  assert.match(last, /0:0[12] left/)
  assert.match(last, /usr\/bin\/ping/)
  progress.end()
  assert.ok(written.at(-1)?.endsWith('\n'))
  const count = written.length
  progress.end()
  assert.is(written.length, count, 'an end that was said twice is one')
})

for (const columns of [10, 20, 60, 80, 200]) {
  test(`a bar fits ${columns} columns, whatever the path holds`, () => {
    const { at, written, clock, write } = clocked()
    const progress = terminalProgress(clock, write, () => columns)
    progress.begin('fetch', 123_456_789, 'bytes')
    for (const path of [
      'a'.repeat(4000),
      '\xff\x1b[31m\n\r\x07',
      '\u00e6\u0097\u00a5'.repeat(50),
    ]) {
      at.ms += 1_000
      progress.advance(60_000_000, path)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
      const line = (written.at(-1) ?? '').replace(/^\r\x1b\[K/, '')
      assert.ok(line.length < columns, `${line.length}: ${line}`)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
      assert.not.match(line, /[\x00-\x1f\x7f]/)
    }
  })
}

test('nothing moves in a log: one line for each phase that ended, and the notes', () => {
  const { at, written, clock, write } = clocked()
  const progress = logProgress(clock, write)
  progress.begin('release', undefined, 'bytes')
  at.ms += 500
  progress.begin('fetch', 100, 'bytes')
  for (let i = 0; i <= 100; i++) {
    at.ms += 100
    progress.advance(i, 'x')
    progress.traffic(i * 2, i)
  }
  progress.note('a note')
  progress.end()
  progress.end()
  assert.equal(written, [
    'asking: in 0.5 s (0 B received in all)\n',
    'a note\n',
    'fetching: 100 B in 10.1 s; 200 B received, 100 B sent in all\n',
  ])
  for (const line of written) assert.not.match(line, /\r/)
})

function everything(progress: ShownProgress, turn: () => void): void {
  for (const phase of ['release', 'manifest', 'compare', 'fetch', 'verify', 'commit'] as const) {
    progress.begin(phase, phase === 'release' ? undefined : 10, 'entries')
    progress.traffic(1, 2)
    turn()
    progress.advance(5, 'odd \xff\n name')
    turn()
    progress.advance(10)
    progress.note('a note with "quotes" and é')
  }
  progress.end()
}

test('JSON lines have the documented fields, and end with the last state of a phase', () => {
  const { at, written, clock, write } = clocked()
  everything(jsonProgress(clock, write), () => {
    at.ms += 1_000
  })
  const events = written.map((line) => JSON.parse(line))
  for (const line of written) assert.match(line, /^[^\n]*\n$/)
  assert.is(events.filter(({ event }) => event === 'phase').length, 6)
  for (const event of events) {
    if (event.event === 'phase') assert.ok('phase' in event && 'unit' in event)
    if (event.event === 'note') assert.is(event.text, 'a note with "quotes" and é')
    if (event.event !== 'progress') continue
    for (const field of ['phase', 'done', 'unit', 'received', 'sent', 'path']) {
      assert.ok(field in event, field)
    }
  }
  assert.match(events.find(({ path }) => path)?.path ?? '', /^odd \\377\\012 name$/)
  const last = events.at(-1)
  assert.is(last.phase, 'commit')
  assert.is(last.done, 10)
})

test('every phase can be shown in each of the three ways', () => {
  for (const make of [logProgress, jsonProgress]) {
    const { at, written, clock, write } = clocked()
    everything(make(clock, write), () => {
      at.ms += 1_000
    })
    assert.not.match(written.join(''), /undefined|NaN|Infinity/)
  }
  const { at, written, clock, write } = clocked()
  everything(
    terminalProgress(clock, write, () => 80),
    () => {
      at.ms += 1_000
    },
  )
  assert.not.match(written.join(''), /undefined|NaN|Infinity/)
})

test.run()
