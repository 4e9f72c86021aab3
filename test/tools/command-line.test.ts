/** Every tool answers `--help`, and a word that can't be meant, in words and before any work. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const EXIT_USAGE = 64
/** A tool that would begin its work is ended here. */
const ANSWER_TIMEOUT_MS = 60_000
const NOWHERE = '/there/is/no/such/place'
/** Options whose file is made. */
const MADE = [
  'firmware --to',
  'bench --json',
  'bench --svg',
  'micro --json',
  'serve --json',
  'run-tests --as boot --console',
  'school --json',
  'school --svg',
]

const sources = ['tools', 'bench'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => join(folder, name)),
)
const text = (file: string) => readFileSync(file, 'utf8')
/** The emulator hands its words on to the laptop; its own test is test/emulator/emulate.test.ts. */
const EMULATOR = 'tools/emulate.mjs'
const tools = sources.filter((file) => text(file).includes('await runCommand(import.meta.url'))
const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> }
/** A tool with several tables chooses one by its first words, which some commands fix. */
const ways = Object.values(scripts).flatMap(
  (script) => / node (\S+ --as \S+)$/.exec(script)?.[1] ?? [],
)

const start = (...words: string[]) =>
  spawnSync(process.execPath, words, { encoding: 'utf8', timeout: ANSWER_TIMEOUT_MS })

function refuses(words: string[], complaint: string): void {
  const { status, stdout, stderr } = start(...words)
  const shown = `${words.join(' ')}: ${stdout}${stderr}`
  assert.is(status, EXIT_USAGE, shown)
  assert.is(stdout, '', shown)
  assert.ok(stderr.split('\n')[0]?.includes(complaint), shown)
  assert.match(stderr, /\n\nusage: .*\n/)
  assert.not.match(stderr, /^ {4}at /m, shown)
}

/** The options that take a value, by a tool's own help, each with what it takes. */
function optionsOf(help: string): [string, string][] {
  const lines = [...help.matchAll(/^ {2}(--[a-z-]+) ([A-Z]+)/gm)]
  return lines.map(([, name = '', takes = '']) => [name, takes])
}

test('nothing but the one reader looks at the words of a command line', () => {
  const reading = sources.filter((file) => /process\.argv|parseArgs/.test(text(file)))
  assert.equal(reading.sort(), ['tools/command-line.mjs', EMULATOR])
  assert.ok(tools.length > 20, `${tools.length} tools`)
})

for (const tool of [...tools, ...ways]) {
  const call = tool.split(' ')
  test(`${tool} says what it takes, and refuses the rest`, () => {
    const { status, stdout, stderr } = start(...call, '--help')
    assert.is(status, 0, stderr)
    assert.is(stderr, '')
    assert.match(stdout, /^[A-Z].*\.\n\nusage: .*\n\n/)
    refuses([...call, '--no-such-option'], "'--no-such-option'")
    for (const [name, takes] of optionsOf(stdout)) {
      refuses([...call, name], `${name} needs a value: ${takes}`)
      const made = MADE.some((each) => `${tool.replace('.mjs', '')} ${name}`.endsWith(each))
      if (/^(FILE|FOLDER|TREE)$/.test(takes) && !made) refuses([...call, name, NOWHERE], NOWHERE)
      if (takes === 'N') refuses([...call, name, 'many'], `${name}: "many" is not a whole number`)
    }
  })
}

test('the runner refuses a way that there is not', () => {
  for (const words of [['--as'], ['--as', 'nobody']]) {
    refuses(['tools/run-tests.mjs', ...words], 'is not one of: one, i586, armv7, boot, power-cut')
  }
})

test('a tool is found by whatever name its folder is reached', () => {
  const link = join(scratch('command-line'), 'link')
  symlinkSync(process.cwd(), link)
  const { status, stdout } = start(join(link, 'tools/size.mjs'), '--help')
  assert.is(status, 0)
  assert.match(stdout, /usage: npm run size/)
})

test('`npm run` says of every command what it is for, as its `--help` does', () => {
  for (const [name, script] of Object.entries(scripts)) {
    const [, about, file = '', words] =
      /^: '([^']+\.)'; exec node (\S+\.mjs)(.*)$/.exec(script) ?? []
    assert.ok(about, `${name}: ${script}`)
    // One that fixes some words of a tool, or of the emulator, has a line of its own.
    const isWay = words?.startsWith(' --as ')
    if ((words !== '' && !isWay) || file === EMULATOR) continue
    const call = `${file}${words}`.split(' ')
    assert.is(start(...call, '--help').stdout.split('\n', 1)[0], about, name)
  }
})

test.run()
