/** What the runner says of test files with whom something is wrong: the words, the counts, and what it ends. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'

interface Told {
  status: number | null
  text: string
  last: string
}

/** Runs the runner on one of `cases/`. */
function runCase(name: string, ...words: string[]): Promise<Told> {
  const file = `test/runner/cases/${name}.ts`
  const child = spawn(process.execPath, ['tools/run-tests.mjs', file, ...words])
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece) => {
      text += piece
    })
  }
  return new Promise((resolve) =>
    child.once('close', (status) => {
      resolve({ status, text, last: text.trimEnd().split('\n').at(-1) ?? '' })
    }),
  )
}

/** @param wanted the last line's counts: passed, failed, skipped */
async function says(
  name: string,
  wanted: [number, number, number],
  ...patterns: RegExp[]
): Promise<Told> {
  const told = await runCase(name)
  const [passed, failed, skipped] = wanted
  assert.is(told.last, `${passed} passed, ${failed} failed, ${skipped} skipped`, told.text)
  assert.is(told.status, failed === 0 ? 0 : 1)
  for (const pattern of patterns) assert.match(told.text, pattern)
  return told
}

test('what passes is counted', () =>
  says('passes', [4, 0, 0], /^ok {3}test\/runner\/cases\/passes\.ts \(4 of 4, [0-9.]+ s\)$/m))

test('one test is run by its name', async () => {
  const told = await runCase('passes', '--name', 'second: adds')
  assert.is(told.last, '1 passed, 0 failed, 0 skipped')
  const none = await runCase('passes', '--name', 'multiplies')
  assert.is(none.last, '0 passed, 1 failed, 0 skipped')
  assert.match(none.text, /no test's name holds "multiplies"/)
})

test('a failing `before` is told once with its stack, and fails each test', async () => {
  const { text } = await says(
    'failing-before',
    [0, 2, 0],
    /before the tests: Error: no room at the inn/,
    /at prepare \(.*test\/runner\/cases\/failing-before\.ts:5:\d+\)/,
    /swept up/,
  )
  assert.is(text.split('no room at the inn').length, 2)
})

test('so are hooks around each test, and the one after all', () =>
  says('failing-each', [1, 3, 0], /no plates/, /no water/, /what follows the tests.*no door/))

test('a file that hangs is ended, says in which test, and leaves no folder', async () => {
  const { text } = await says(
    'hangs',
    [1, 1, 0],
    /ran longer than 0\.05 minutes, and was ended in "waits for a guest"/,
  )
  const folder = /made (\S+)/.exec(text)?.[1] ?? ''
  assert.ok(folder !== '' && !existsSync(folder), folder)
})

test('one that is in a loop is ended, too', () =>
  says('loops', [0, 1, 0], /was ended in "turns and turns"/))

test('what a file left running fails it, is named and ended, whatever it did to get away', async () => {
  const { text } = await says('leaves-children', [1, 1, 0], /left processes running/)
  for (const seconds of [7001, 7002, 7003]) {
    assert.match(text, new RegExp(`this was left running, and was ended: sleep ${seconds}`))
  }
})

test('what ends by itself soon after its file was not left running', () =>
  says('ends-soon', [1, 0, 0]))

test('sockets that a failed test leaves open keep nobody waiting', () =>
  says('open-sockets', [0, 1, 0], /expects too much of a server/))

test('skips are counted, and each is named with its reason', () =>
  says(
    'skips',
    [1, 0, 3],
    /\(1 of 4, 3 skipped, /,
    /^ {2}test\/runner\/cases\/skips\.ts: on the moon: jumps high: there is no moon here$/m,
    /on the moon: casts a shadow: there is no moon here/,
    /on earth: swims: there is no sea here/,
  ))

test('a file without tests fails', () => says('no-tests', [0, 1, 0], /no-tests\.ts ran no test/))

test('so does one whose path nobody knows', async () => {
  const { last, text } = await runCase('nowhere')
  assert.is(last, '0 passed, 1 failed, 0 skipped')
  assert.match(text, /no test file's path holds test\/runner\/cases\/nowhere/)
})

test('a crash is told with the signal and the test', () =>
  says('crashes', [1, 1, 0], /was ended by SIGSEGV in "falls"/))

test('a test that ends the process has failed', () =>
  says('exits', [0, 1, 0], /"leaves early": .*the process ended in it/))

test('so has one that waits for what never comes', () =>
  says('waits', [0, 1, 0], /"waits for nobody": .*the process ended in it/))

test('what fails behind a test that waits fails it at once', () =>
  says(
    'rejects',
    [1, 2, 0],
    /"drops a promise": Error: dropped/,
    /"throws later": Error: thrown later/,
  ))

test('a file that does not load says why', () =>
  says('does-not-load', [1, 1, 0], /"loading the file": Error: the ground is wet/))

test.run()
