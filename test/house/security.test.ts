/** docs/SECURITY.md: each attack has a test that proves it, and each test that it names is there. */
import { existsSync, readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'

const PAGE = 'docs/SECURITY.md'

interface Attack {
  name: string
  proofs: { path: string; title: string }[]
}

/** The parts below a heading of the second level, each with what it names. */
function attacksIn(text: string): Attack[] {
  const section = text.split('\n## ').find((part) => part.startsWith('The attacks\n')) ?? ''
  return section
    .split('\n### ')
    .slice(1)
    .map((part) => ({
      name: part.split('\n', 1)[0] ?? '',
      proofs: [...part.replace(/\s+/g, ' ').matchAll(/`(test\/[^`]+)`: “([^”]+)”/g)].map(
        ([, path = '', title = '']) => ({ path, title }),
      ),
    }))
}

/** What is wrong with what a page says of tests; `read` gives the text of a file, if it is there. */
function faultsIn(text: string, read: (path: string) => string | undefined): string[] {
  const attacks = attacksIn(text)
  const bare = attacks.flatMap(({ name, proofs }) =>
    proofs.length === 0 ? [`${name}: no test`] : [],
  )
  const gone = attacks.flatMap(({ proofs }) =>
    proofs.flatMap(({ path, title }) => {
      const source = read(path)
      if (source === undefined) return [`${path} is not there`]
      return source.includes(title) ? [] : [`${path} has no test “${title}”`]
    }),
  )
  return [...bare, ...gone]
}

const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined)

test('each attack has its tests, and they exist', () => {
  const text = readFileSync(PAGE, 'utf8')
  assert.ok(attacksIn(text).length >= 20)
  assert.equal(faultsIn(text, read), [])
})

test('each file of the hostile suite proves something of the list', () => {
  const text = readFileSync(PAGE, 'utf8')
  for (const name of ['altered-wire', 'attack-told', 'flash', 'home-server', 'memory', 'stick']) {
    assert.match(text, `test/hostile/${name}.test.ts`)
  }
})

test('the rules themselves find what they look for', () => {
  const page =
    '# x\n\n## The attacks\n\n### One\n- `test/a.test.ts`: “goes\nwrong”\n\n### Two\nno\n'
  const found = faultsIn(page, (path) =>
    path === 'test/a.test.ts' ? "test('goes right')" : undefined,
  )
  assert.equal(found, ['Two: no test', 'test/a.test.ts has no test “goes wrong”'])
  assert.equal(
    faultsIn(page, () => undefined),
    ['Two: no test', 'test/a.test.ts is not there'],
  )
})

test.run()
