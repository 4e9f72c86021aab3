/** Our C: laid out as the formatter does it, no circle of includes, and who may include whom. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { skip, test } from '../support/suite.ts'
import {
  circleOfIncludes,
  includesAmong,
  includesOf,
  longCFunctions,
  mayInclude,
} from './c-rules.ts'
import { parseTable } from './rules.ts'

const HEADING = '| native module | may include |'
const FUNCTION_LINES_MAX = 70
/** Another major version lays out some lines differently; this one is Debian bookworm's. */
const FORMATTER_VERSION = '14'

const files = ['native', 'runtime', 'firmware', 'test', 'tools', 'bench'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => join(folder, name))
    .map((path) => ({ path, text: readFileSync(path, 'utf8') })),
)
const ours = files.filter(({ path }) => /^(native|runtime)\//.test(path))
const includes = includesAmong(ours)

test('C is laid out as .clang-format says', () => {
  const { stdout, error } = spawnSync('clang-format', ['--version'], { encoding: 'utf8' })
  if (error) skip('clang-format is not on this machine (npm run setup)')
  const version = /version (\d+)/.exec(stdout)?.[1]
  if (version !== FORMATTER_VERSION) {
    skip(`clang-format is version ${version} here; ${FORMATTER_VERSION} decides`)
  }
  const paths = files.map(({ path }) => path)
  const words = ['--dry-run', '--Werror', '--ferror-limit=1', ...paths]
  const { status, stderr } = spawnSync('clang-format', words, { encoding: 'utf8' })
  const wrong = [...stderr.matchAll(/^([^\s:]+):(\d+):/gm)].map(
    (found) => `${found[1]}:${found[2]}`,
  )
  assert.is(status, 0, `npm run format: ${wrong.join('; ')}`)
})

test('functions of C fit on a screen', () => {
  const long = files.flatMap(({ path, text }) =>
    longCFunctions(text, FUNCTION_LINES_MAX).map((found) => `${path}: ${found}`),
  )
  assert.equal(long, [], `split functions of more than ${FUNCTION_LINES_MAX} lines`)
})

test('no two C files need each other', () => {
  assert.ok(includes.size > 80, 'there is something to check')
  assert.is(circleOfIncludes(includes), undefined, 'move what both need into a file of its own')
})

test('C includes what the table of docs/ARCHITECTURE.md allows, and nothing else', () => {
  const table = parseTable(readFileSync('docs/ARCHITECTURE.md', 'utf8'), HEADING)
  assert.ok(table.size >= 4, 'the table is there')
  const wrong = [...includes].flatMap(([path, targets]) =>
    targets
      .filter((target) => !mayInclude(table, path, target))
      .map((target) => `${path} includes ${target}`),
  )
  assert.equal(wrong, [])
})

test('one spelling of what QuickJS calls, and one way to leave a parameter unused', () => {
  const product = ours.filter(({ path }) => !path.endsWith('runtime/host/native.h'))
  const wrong = product.filter(({ text }) =>
    /JSContext \*context, JSValueConst self\b|int argc, JSValueConst|Wunused|\(void\)\w+[;,]/.test(
      text,
    ),
  )
  assert.equal(
    wrong.map(({ path }) => path),
    [],
    'use NATIVE, NATIVE_WITH and UNUSED of runtime/host/native.h',
  )
})

test('the rules themselves find what they look for', () => {
  assert.equal(includesOf('#include <stdio.h>\n#include "a.h"\n  #include "b.h"\n'), ['a.h'])
  const text = (name: string) => `#include "${name}"\n`
  const round = includesAmong([
    { path: 'native/a/a.c', text: text('a.h') + text('b.h') },
    { path: 'native/a/a.h', text: '' },
    { path: 'native/a/b.c', text: text('b.h') + text('../../runtime/host/low.h') },
    { path: 'native/a/b.h', text: text('low.h') },
    { path: 'runtime/host/low.h', text: '' },
  ])
  assert.equal(round.get('native/a/b.h'), ['runtime/host/low.h'])
  assert.is(circleOfIncludes(round), undefined)
  round.set('native/a/b.c', ['native/a/a.h'])
  assert.equal(circleOfIncludes(round), ['native/a/a', 'native/a/b', 'native/a/a'])
  const table = parseTable(
    `${HEADING}\n|---|---|\n| \`native/a\` | \`native/b\` |\n\n| \`native/c\` | |\n`,
    HEADING,
  )
  assert.ok(mayInclude(table, 'native/a/x.c', 'native/b/x.h'))
  assert.ok(mayInclude(table, 'native/a/x.c', 'runtime/host/x.h'))
  assert.not(mayInclude(table, 'native/b/x.c', 'native/a/x.h'))
  assert.not(mayInclude(table, 'runtime/host/x.c', 'native/a/x.h'))
  const body = '  x();\n'.repeat(5)
  assert.equal(longCFunctions(`int a(void);\nint a(\n    void) {\n${body}}\n`, 7), [
    'line 2 has 8 lines',
  ])
  assert.equal(longCFunctions(`static const int a[] = {f(\n    1),\n${body}};\n`, 3), [])
})

test.run()
