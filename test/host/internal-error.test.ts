/**
 * What the host does when JavaScript gives up: one readable line, exit status 70, the stack only on
 * `--debug`; never a crash. Runs small scripts on the built host, plain and under the sanitizers.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { CHECKED_HOST, HOST, PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const DEADLINE_MS = 60_000
const hosts = [HOST, CHECKED_HOST]

/** Runs a script on every host and gives what each did to `look`. */
function onEachHost(
  script: string,
  words: string[],
  look: (result: { status: number | null; stderr: string; stdout: string }) => void,
  environment: Record<string, string> = {},
): void {
  const file = join(scratch(), 'script.js')
  writeFileSync(file, script)
  for (const host of hosts) {
    const env = { ...process.env, ...environment }
    look(spawnSync(host, [file, ...words], { encoding: 'utf8', timeout: DEADLINE_MS, env }))
  }
}

const line = (text: string) => `xo-upgrade: internal error: ${text}\n`

const fatal: Array<[what: string, script: string, expected: string]> = [
  ['an exception', 'throw new Error("one\\ntwo \\u00e9")', 'Error: one two é'],
  ['a rejection that nobody takes', 'Promise.reject(new TypeError("x"))', 'TypeError: x'],
  [
    'a wait that can never end',
    'await new Promise(() => {})',
    'everything has ended, but the program still waits for something',
  ],
  ['recursion without end', 'const f = () => f() + 1; f()', 'InternalError: stack overflow'],
  [
    'an exception that throws when shown',
    'throw { toString() { throw 1 } }',
    'an exception that cannot be shown',
  ],
  [
    'a module that is not there',
    'import { x } from "native:nothing"; x()',
    "ReferenceError: could not load module 'native:nothing'",
  ],
]

for (const [what, script, expected] of fatal) {
  test(`${what} ends in one line and status 70`, () => {
    onEachHost(script, [], ({ status, stderr, stdout }) => {
      assert.is(stderr, line(expected))
      assert.is(stdout, '')
      assert.is(status, 70)
    })
  })
}

test('the end of memory is an internal error, in small pieces and in large', () => {
  // Each comes to some 100 MB: without a limit the script would end well.
  const pieces: Array<[string, number]> = [
    ['{ a: 1 }', 1_000_000],
    ['new Uint8Array(1e6)', 100],
    ['"x".repeat(5000) + all.length', 20_000],
  ]
  for (const [piece, count] of pieces) {
    const script = `const all = []; for (let i = 0; i < ${count}; i++) all.push(${piece})`
    const look = ({ status, stderr }: { status: number | null; stderr: string }) => {
      assert.match(stderr, /^xo-upgrade: internal error: .*out of memory\n$/)
      assert.is(status, 70)
    }
    onEachHost(script, [], look, { XO_MEMORY_LIMIT_MB: '16' })
  }
})

test('the stack is shown on --debug alone, below the line', () => {
  const script = 'function inner() { throw new Error("x") }\ninner()\n'
  onEachHost(script, ['--debug'], ({ status, stderr }) => {
    assert.is(stderr.startsWith(`${line('Error: x')}    at inner (`), true, stderr)
    assert.is(status, 70)
  })
  onEachHost(script, ['--', '--debug'], ({ stderr }) => assert.is(stderr, line('Error: x')))
})

test('a rejection that is taken later in the same turn is none', () => {
  const script = 'const late = Promise.reject(new Error("x")); late.catch(() => {})'
  onEachHost(script, [], ({ status, stderr }) => {
    assert.is(stderr, '')
    assert.is(status, 0)
  })
})

test('a small piece keeps its content while others come and go', () => {
  const script = `
    const random = new (${SeededRandom})(1)
    const kept = []
    for (let i = 0; i < 30000; i++) {
      const text = String.fromCharCode(65 + random.below(26)).repeat(random.below(900))
      kept[random.below(500)] = [text, text.length, text + i]
      const old = kept[random.below(500)]
      if (old && (old[0].length !== old[1] || !old[2].startsWith(old[0]))) throw new Error('broken')
    }`
  onEachHost(script, [], ({ status, stderr }) => {
    assert.is(stderr, '')
    assert.is(status, 0)
  })
})

test('a program whose bundle was altered on its flash says so', () => {
  const program = readFileSync(PROGRAM)
  // As zstd begins a frame of known length with a checksum (RFC 8878, 3.1.1.1).
  const start = program.indexOf(Buffer.from('28b52ffda4', 'hex'))
  assert.ok(start > 0)
  const altered = join(scratch(), 'xo-upgrade')
  for (const at of [start + 8, start + 1000, start + 100_000]) {
    const content = Buffer.from(program)
    content[at] = (content[at] ?? 0) ^ 1
    writeFileSync(altered, content, { mode: 0o755 })
    const { status, stderr } = spawnSync(altered, ['--version'], { encoding: 'utf8' })
    assert.is(status, 70)
    assert.is(stderr, line('the bundle in this program is damaged'))
  }
})

test.run()
