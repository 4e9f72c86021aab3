// deadline: 20 minutes
/**
 * Every command of package.json is run on small input, or stands below with the reason why not. What
 * the commands do is proved elsewhere; here they come to their end, and print what they are for.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { makeKeys } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

const RUN_TIMEOUT_MS = 600_000
const ONE_PASSED = /\n1 passed, 0 failed, 0 skipped\n$/

const NOT_RUN: Record<string, string> = {
  start:
    'makes two Debian systems: minutes; RELEASING.md has it run, and each of its parts is tested',
  test: 'runs this test',
  check: '`npm test` runs it before this test',
  format: 'would change the checkout',
  pins: 'asks archives of this day, which may have anything; test/set-up runs it on archives of its own',
  'test:wasm': 'fixes words of test:node; the files that it names run in `npm test`',
  'test:host': 'fixes words of test:node; the files that it names run in `npm test`',
  'test:i586': 'the files that it names run in `npm test`',
  'test:armv7':
    'some fifteen times as long in qemu-user, and needs packages that `npm test` does not',
  'test:boot': 'half an hour in QEMU; test/boot/boot.test.ts runs some of the same cases',
}

const folder = scratch('npm-run')
const place = (name: string) => join(folder, name)

/** Two small root file systems that differ in a file. */
function makeTrees(): string[] {
  for (const [tree, changed] of [
    ['old', 'one'],
    ['new', 'two'],
  ] as const) {
    mkdirSync(place(`${tree}/etc`), { recursive: true })
    for (let file = 0; file < 5; file++) writeFileSync(place(`${tree}/etc/${file}`), `${file}\n`)
    writeFileSync(place(`${tree}/etc/changed`), `${changed}\n`)
  }
  return ['--old', place('old'), '--new', place('new')]
}

function makeObject(): string {
  writeFileSync(place('some.s'), 'rep stosl\n')
  mustRun('as', ['--32', place('some.s'), '-o', place('some.o')])
  return place('some.o')
}

function firmwareWords(): string[] {
  const keys = makeKeys()
  writeFileSync(place('xo-upgrade.conf'), '')
  mkdirSync(place('added'))
  const asked = ['--keys', join(keys.publicFile, '..'), '--config', place('xo-upgrade.conf')]
  return [...asked, '--add', place('added'), '--no-dbclient', '--no-busybox', '--to', place('made')]
}

interface Run {
  words?: string[]
  prints: RegExp
}

const RUNS: Record<string, Run[]> = {
  setup: [{ words: ['build'], prints: /^$/ }],
  build: [
    { prints: /\/host {2}\d+ bytes\n.*\/xo-upgrade {2}\d+ bytes\n/ },
    { words: ['--quiet', '--flavour', 'test'], prints: /^$/ },
  ],
  size: [{ prints: /size +\d+ bytes .*bundle \(bytecode\).*start-up +[\d.]+ ms/s }],
  firmware: [{ words: firmwareWords(), prints: /initramfs\.cpio\.zst.*initramfs\.cpio\.gz/s }],
  'check:isa': [{ words: [makeObject()], prints: /1 instructions, 0 foreign/ }],
  emulate: [{ words: ['--disk', place('disk'), 'ls', '/'], prints: /^/ }],
  deployment: [{ words: ['--emulated'], prints: /confirms version \d+/ }],
  school: [{ words: ['--laptops', '2', '--hops', '1'], prints: /stock rsync each.*by pack/s }],
  'test:one': [{ words: ['test/text.test.ts'], prints: /\n\d+ passed, 0 failed, 0 skipped\n$/ }],
  'test:node': [{ words: ['test/text.test'], prints: /\n\d+ passed, 0 failed, 0 skipped\n$/ }],
  'power-cut': [
    {
      words: ['--scenario', 'roll back', '--model', 'weak', '--cut', '9'],
      prints: />> {4}9 .*\n2 passed, 0 failed, 0 skipped\n$/s,
    },
    { words: ['--mutants', '--scenario', 'no fsync'], prints: ONE_PASSED },
    { words: ['--network', '--every', '3000'], prints: ONE_PASSED },
    { words: ['--faults', '--scenario', 'roll back:'], prints: ONE_PASSED },
    { words: ['--memory', '--samples', '2', '--scenario', 'swap'], prints: ONE_PASSED },
  ],
  bench: [
    {
      words: [...makeTrees(), '--runs', '1', '--scratch', folder, '--json', place('record.json')],
      prints: /Upgrade from scratch.*can be recycled.*touched.*Fresh install.*Nothing changed/s,
    },
  ],
  fuzz: [
    { words: ['--list'], prints: /^file-list +file lists/m },
    { words: ['--totals'], prints: /^target +executions .*\nall +[\d,]+/s },
  ],
  'bench:home': [{ words: ['--laptops', '50', '--seconds', '1'], prints: /at once: 50 answers/ }],
  'bench:micro': [
    {
      words: ['--runs', '1', '--mib', '2', '--entries', '1500', '--json', place('micro.json')],
      prints: /SHA-256.*MB.s.*matching.*from a base.*whole.*merge.*entries.s.*file list/s,
    },
  ],
  'bench:serve': [
    {
      words: ['--clients', '2', '--size', '1', '--json', place('serve.json')],
      prints: /One pack.*Whole files.*Deltas.*xo-upgrade serve +2 /s,
    },
  ],
  'bench:emulator': [
    { words: ['--directories', '1'], prints: /took at most .* MiB\n.*took at most/s },
  ],
}

test('each command is run or stands in the list with a reason, and only one of these', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object }
  const listed = [...Object.keys(RUNS), ...Object.keys(NOT_RUN)]
  assert.equal(listed.sort(), Object.keys(scripts).sort())
})

for (const [name, runs] of Object.entries(RUNS)) {
  for (const { words = [], prints } of runs) {
    test(`npm run ${name} ${words.join(' ')}`, () => {
      const { status, stdout, stderr } = spawnSync(
        'npm',
        ['run', '--silent', name, '--', ...words],
        { encoding: 'utf8', timeout: RUN_TIMEOUT_MS },
      )
      assert.is(status, 0, `${stdout}${stderr}`)
      assert.match(stdout, prints)
    })
  }
}

test.run()
