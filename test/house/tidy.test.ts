/** The style rules that a machine can check, and the table of imports of docs/ARCHITECTURE.md. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import * as assert from 'uvu/assert'
import { documents } from '../support/page.ts'
import { test } from '../support/suite.ts'
import {
  backtracking,
  circleIn,
  importsOf,
  longFunctions,
  mayImport,
  mayTestImport,
  namesOfTwoThings,
  namesTaken,
  parseTable,
  topNamesOf,
  withoutExceptions,
} from './rules.ts'

const LINES_MAX = 400
const COLUMNS_MAX = 100
/** Comments are prose that editors wrap. */
const COMMENT_COLUMNS_MAX = 180
const DOCUMENT_COLUMNS_MAX = 120
const FUNCTION_LINES_MAX = 70
const HEADING = '| folder | may import |'
const TEST_HEADING = '| test folder | may import |'
/** The one list of them; who may import it is a test of its own. */
const NATIVE_MODULES = 'native/modules.ts'

const FOLDERS = ['src', 'native', 'runtime', 'test', 'tools', 'bench', 'firmware']
const SOURCE = /\.(ts|mjs|js|c|h)$/

const files = FOLDERS.flatMap((folder) => {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => SOURCE.test(name)).map((name) => join(folder, name))
}).map((path) => ({ path, text: readFileSync(path, 'utf8') }))
const typeScript = files.filter(({ path }) => path.endsWith('.ts'))

const none = (offenders: string[], cure: string) =>
  assert.equal(offenders, [], `${cure}: ${offenders.join('; ')}`)
const pathsWhere = (list: typeof files, wrong: (text: string) => boolean) =>
  list.filter(({ text }) => wrong(text)).map(({ path }) => path)

test('there is something to check', () => {
  assert.ok(files.length > 100 && typeScript.length > 50)
})

test('every test file runs its tests, and all of them', () => {
  const tests = typeScript.filter(({ path }) => path.endsWith('.test.ts'))
  assert.ok(tests.length > 5)
  // A contract suite runs itself, and so does the report of another engine's tests.
  const runs = (text: string) => /\.run\(\)|[a-z]Contract\(|\breportTests\(/.test(text)
  none(
    pathsWhere(tests, (text) => !runs(text)),
    'end the file with test.run()',
  )
  none(
    pathsWhere(typeScript, (text) => /\btest\.only\(/.test(withoutExceptions(text))),
    'take out .only',
  )
})

test('suites are our own, and assertions those of uvu', () => {
  const foreign = typeScript.filter(({ text }) =>
    importsOf(withoutExceptions(text)).some(({ from }) => from === 'uvu'),
  )
  none(
    foreign.map(({ path }) => path),
    'import suite and test from test/support/suite.ts',
  )
})

test('files open with a comment, and stay short', () => {
  const opens = (text: string) =>
    /^(#!.*\n)?(\/\/ (alone|deadline: \d+ minutes)\n)*\s*(\/\*|\/\/)/.test(text)
  none(
    pathsWhere(files, (text) => !opens(text)),
    'say what the file owns',
  )
  none(
    pathsWhere(files, (text) => text.split('\n').length > LINES_MAX + 1),
    `split files of more than ${LINES_MAX} lines`,
  )
})

test('nothing is left to be fixed later', () => {
  const mark = new RegExp(`\\b(${['FIX', 'ME'].join('')}|${['XX', 'X'].join('')})\\b`)
  none(
    pathsWhere(files, (text) => mark.test(text)),
    'fix it now',
  )
})

test('lines are short', () => {
  // The formatters leave only texts longer, which are better not broken.
  const long = files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .map((line, index) => ({ line, where: `${path}:${index + 1}` }))
      .filter(({ line }) => {
        const isComment = /^\s*(\/\*|\*|\/\/)/.test(line)
        if (isComment) return line.length > COMMENT_COLUMNS_MAX
        return line.length > COLUMNS_MAX && !/['"`]/.test(line)
      })
      .map(({ where }) => where),
  )
  none(long, `break lines at ${COLUMNS_MAX} columns`)
})

test('lines of documents are short', () => {
  const long = documents().flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .map((line, index) => ({ line, where: `${path}:${index + 1}` }))
      .filter(({ line }) => line.length > DOCUMENT_COLUMNS_MAX)
      .map(({ where }) => where),
  )
  none(long, `break lines at ${DOCUMENT_COLUMNS_MAX} columns`)
})

test('functions fit on a screen', () => {
  const long = [...typeScript, ...files.filter(({ path }) => path.endsWith('.mjs'))]
    // The functions of a suite hold tests, which are functions of their own.
    .filter(({ path }) => !path.startsWith('test/'))
    .flatMap(({ path, text }) =>
      longFunctions(text, FUNCTION_LINES_MAX).map((found) => `${path}: ${found}`),
    )
  none(long, `split functions of more than ${FUNCTION_LINES_MAX} lines`)
})

test('src imports what the table of docs/ARCHITECTURE.md allows, and nothing else', () => {
  const table = parseTable(readFileSync('docs/ARCHITECTURE.md', 'utf8'), HEADING)
  assert.ok(table.size >= 8, 'the table is there')
  const product = typeScript.filter(({ path }) => path.startsWith('src/'))
  const wrong = product.flatMap(({ path, text }) =>
    importsOf(text)
      .filter(({ from }) => from.startsWith('.'))
      .map(({ from }) => normalize(join(dirname(path), from)))
      .filter((target) => target !== NATIVE_MODULES && !mayImport(table, path, target))
      .map((target) => `${path} imports ${target}`),
  )
  none(wrong, 'nothing calls back up')
})

test('tests import what their table says and no more, and nobody imports tests', () => {
  const table = parseTable(readFileSync('docs/ARCHITECTURE.md', 'utf8'), TEST_HEADING)
  assert.ok(table.size >= 5, 'the table is there')
  assert.ok(mayTestImport(table, 'test/release/a.ts', 'test/publish/b.ts'))
  assert.ok(mayTestImport(table, 'test/release/a.ts', 'test/support/b.ts'))
  assert.not(mayTestImport(table, 'test/publish/a.ts', 'test/release/b.ts'))
  assert.not(mayTestImport(table, 'test/support/a.ts', 'test/release/b.ts'))
  assert.not(mayTestImport(table, 'src/a/a.ts', 'test/support/b.ts'))
  const wrong = typeScript.flatMap(({ path, text }) =>
    importsOf(text)
      .filter(({ from }) => from.startsWith('.'))
      .map(({ from }) => normalize(join(dirname(path), from)))
      .filter((target) => !mayTestImport(table, path, target))
      .map((target) => `${path} imports ${target}`),
  )
  none(wrong, 'what two folders need belongs into test/support')
})

test('no two files of src and runtime need each other', () => {
  const imports = new Map(
    typeScript
      .filter(({ path }) => path.startsWith('src/') || path.startsWith('runtime/'))
      .map(({ path, text }) => {
        const own = importsOf(text).filter(({ from }) => from.startsWith('.'))
        return [path, own.map(({ from }) => normalize(join(dirname(path), from)))]
      }),
  )
  none(circleIn(imports) ?? [], 'move what both need into a file of its own')
})

const product = typeScript.filter(({ path }) => path.startsWith('src/'))

test('a name that src gives away means one thing in all of src', () => {
  assert.equal(
    namesOfTwoThings([
      { path: 'a', text: 'export type One = 1\nexport const One = 1\nconst own = 1\n' },
      { path: 'b', text: 'const own = 2\nexport function both() {}\n' },
      { path: 'c', text: 'async function both() {}\n' },
    ]),
    ['both (b, c)'],
  )
  none(namesOfTwoThings(product), 'give one of them a name of its own (docs/ARCHITECTURE.md)')
})

/** Imported by another name: in place of Node's modules, and as the text of a module of the emulator. */
const UNDER_ANOTHER_NAME = ['test/engines/stand-ins/', 'runtime/emulator/guest.ts']

test('what a file gives away is taken by another', () => {
  assert.equal(
    namesTaken(
      "import type { A, B as C } from './a.ts'\nimport x from 'x'\nimport('./b.ts')\n",
    ).map(({ from, names }) => [from, names.has('B'), names.has('x')]),
    [
      ['./a.ts', true, false],
      ['./b.ts', true, true],
    ],
  )
  const taken = typeScript.flatMap(({ path, text }) =>
    namesTaken(text).map(({ from, names }) => ({
      path: normalize(join(dirname(path), from)),
      names,
    })),
  )
  // The tools load TypeScript by paths that are known only when they run.
  const tools = new Set(
    files.flatMap(({ path, text }) => (/js$/.test(path) ? text.match(/\w+/g) : [])),
  )
  const unused = typeScript.flatMap(({ path, text }) => {
    if (UNDER_ANOTHER_NAME.some((start) => path.startsWith(start))) return []
    const takers = taken.filter((other) => other.path === path)
    return [...topNamesOf(text)]
      .filter(([name, { isExported }]) => isExported && !tools.has(name))
      .filter(([name]) => !takers.some(({ names }) => names.has(name)))
      .map(([name]) => `${name} (${path})`)
  })
  none(unused, 'take "export" away, or the whole')
})

test('no command takes anything from another', () => {
  const isCommand = (path: string) => /^src\/command-line\/.*-commands?\.ts$/.test(path)
  const commands = product.filter(({ path }) => isCommand(path))
  assert.ok(commands.length > 5)
  const wrong = commands.flatMap(({ path, text }) =>
    importsOf(text)
      .filter(({ from }) => isCommand(normalize(join(dirname(path), from))))
      .map(({ from }) => `${path} imports ${from}`),
  )
  none(wrong, 'move what both need to src/device, or to a file that is no command')
})

test('only src/main.ts takes the native modules as values, and src knows nothing of Node', () => {
  const product = typeScript.filter(({ path }) => path.startsWith('src/'))
  const wrong = product.flatMap(({ path, text }) =>
    importsOf(text)
      .filter(({ from, isType }) => {
        if (from.startsWith('node:')) return true
        const isNative =
          from.startsWith('native:') || normalize(join(dirname(path), from)) === NATIVE_MODULES
        return isNative && !isType && path !== 'src/main.ts'
      })
      .map(({ from }) => `${path} imports ${from}`),
  )
  none(wrong, 'hand it in as a parameter')
})

test('no expression of src goes back over what it looked at', () => {
  const found = typeScript
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap(({ path, text }) => backtracking(text).map((one) => `${path}: ${one}`))
  none(found, 'look for the place by indexOf, or take the ends off by trimmed (src/text.ts)')
})

test('the rules themselves find what they look for', () => {
  const table = parseTable(
    '| folder | may import |\n|---|---|\n| `src/a` | `src/b` |\n| `src/b` | |\n| `src/up.ts` | `src/a` |\n',
    HEADING,
  )
  assert.ok(mayImport(table, 'src/a/x.ts', 'src/a/y.ts'))
  assert.ok(mayImport(table, 'src/a/x.ts', 'src/b/y.ts'))
  assert.ok(mayImport(table, 'src/a/x.ts', 'src/text.ts'))
  assert.ok(mayImport(table, 'src/up.ts', 'src/a/x.ts'))
  assert.not.ok(mayImport(table, 'src/b/x.ts', 'src/a/y.ts'))
  assert.not.ok(mayImport(table, 'src/b/x.ts', 'src/up.ts'))
  assert.not.ok(mayImport(table, 'src/text.ts', 'src/a/x.ts'))
  assert.not.ok(mayImport(table, 'src/unknown/x.ts', 'src/a/x.ts'))
  const found = importsOf(
    "import type { A } from './a.ts'\nimport {\n  b,\n} from 'b'\nexport interface I {\n  x: 1\n}\nexport * from './c.ts'\nlet t: typeof import('d')\n",
  )
  assert.equal(
    found.map(({ from, isType }) => [from, isType]),
    [
      ['./a.ts', true],
      ['b', false],
      ['./c.ts', false],
      ['d', true],
    ],
  )
  const round = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', []],
    ['d', ['b']],
  ])
  assert.equal(circleIn(round), ['b', 'd', 'b'])
  round.set('d', ['c'])
  assert.is(circleIn(round), undefined)
  const body = '  x()\n'.repeat(5)
  assert.is(longFunctions(`function a() {\n${body}}\n`, 7).length, 0)
  assert.equal(longFunctions(`function a() {\n${body}}\n`, 6), ['line 1 has 7 lines'])
  const shapes = ['/^([a-z]+):[ \\t]*(.*?)[ \\t]*$/', '/[ \\t]+$/', '/^(a+)+$/', 'new RegExp(x)']
  for (const shape of shapes) assert.equal(backtracking(`const a = ${shape}\n`), [shape])
  assert.equal(backtracking('const a = /^[a-z]+: (.*)$/\n'), [])
})

test.run()
