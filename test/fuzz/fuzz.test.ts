// deadline: 20 minutes
/**
 * A sample of `npm run fuzz`: what once broke something is tried again, each target in C has a few seconds
 * of new input, and defects that are put in on purpose are found.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'
import { makeSeeds } from './seeds.ts'

interface Outcome {
  executions: number
  finds: { file: string; said: string }[]
}

interface Target {
  name: string
  run(wish: {
    seconds: number
    folder: string
    instead?: Record<string, string>
    as?: string
    words?: string[]
  }): Promise<Outcome>
}

const tool = (path: string) => new URL(`../../../../tools/${path}`, import.meta.url).href
const { C_TARGETS }: { C_TARGETS: Target[] } = await import(tool('fuzz/targets.mjs'))

/** Of all targets in C together. */
const SAMPLE_SECONDS = 56
/** More than a defect ever takes; it ends when it is found. */
const DEFECT_SECONDS = 120
const FOLDER = 'test/fuzz'

const folder = scratch('fuzz')
const names = C_TARGETS.map(({ name }) => name)

function needClang(): void {
  if (process.arch !== 'x64') skip(`fuzzing is for x86_64, and this is ${process.arch}`)
  const { error } = spawnSync('clang', ['--version'])
  if (error) skip('clang is not on this machine (npm run setup fuzz)')
}

test('every C file of the folder is a target, and every target has something to begin with', async () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.c'))
  assert.equal(files.map((name) => basename(name, '.c')).sort(), [...names].sort())
  const seeds = await makeSeeds()
  assert.equal(Object.keys(seeds).sort(), [...names].sort())
})

test('the page names every target, and every folder that has C', () => {
  const text = readFileSync('docs/FUZZING.md', 'utf8')
  const section = text.split('\n## ').find((part) => part.startsWith('What is fuzzed in C\n')) ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  const named = rows.flatMap((row) => [...(row.split('|')[3] ?? '').matchAll(/`([a-z-]+)`/g)])
  assert.equal([...new Set(named.map(([, name]) => name))].sort(), [...names].sort())
  const folders = ['native', 'runtime'].flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.c'))
      .map((path) => join(root, dirname(path))),
  )
  const missing = [...new Set(folders)].filter((path) => !section.includes(`\`${path}\``))
  assert.equal(missing, [])
})

for (const target of C_TARGETS) {
  test(`${target.name} takes whatever comes`, async () => {
    needClang()
    const seconds = Math.max(1, Math.floor(SAMPLE_SECONDS / C_TARGETS.length))
    const outcome = await target.run({ seconds, folder: join(folder, target.name) })
    assert.equal(outcome.finds, [], outcome.finds.map(({ said }) => said).join())
    assert.ok(outcome.executions > 10, `${outcome.executions} executions`)
  })
}

/** Each is one that this project might have had. */
const DEFECTS = [
  {
    what: 'one byte past the end of what an escape is written into',
    target: 'manifest-words',
    file: 'native/trees/manifest-words.c',
    right: 'count + 1 >= size',
    wrong: 'count > size',
  },
  {
    what: 'a name that climbs out of the tree',
    target: 'file-list',
    file: 'native/delta/file-list.c',
    right: 'dots && component == 2',
    wrong: 'dots && component == 3',
  },
  {
    what: 'a file that grows past what was signed',
    target: 'rebuild-zlibx',
    file: 'native/delta/rebuild.c',
    right: 'allowed < space ? (size_t)allowed : (size_t)space',
    wrong: '(size_t)space',
  },
  {
    what: 'memory of a source that is never given back',
    target: 'file-list',
    file: 'native/delta/list-names.c',
    right: 'budget_free(&budget_source, names->order);',
    wrong: '',
  },
]

for (const { what, target: name, file, right, wrong } of DEFECTS) {
  test(`a defect is found: ${what}`, async () => {
    needClang()
    const target = C_TARGETS.find((each) => each.name === name)
    const text = readFileSync(file, 'utf8')
    assert.ok(target && text.includes(right), `${file} no longer has ${right}`)
    const place = join(folder, `defect-${DEFECTS.findIndex((each) => each.what === what)}`)
    mkdirSync(place, { recursive: true })
    const source = join(place, basename(file))
    writeFileSync(source, text.replace(right, wrong))
    const { finds } = await target.run({
      seconds: DEFECT_SECONDS,
      folder: place,
      instead: { [file]: source },
      as: `${name}-${basename(place)}`,
      words: ['-seed=1'],
    })
    assert.is(finds.length, 1)
    assert.ok(existsSync(finds[0]?.file ?? ''), finds[0]?.said)
  })
}

test.run()
