/**
 * What all documents have in common: whatever they show is run by a test that they name, or is listed in
 * `not-run.ts`; every command line can be typed; every file and heading that they point to is there.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import * as assert from 'uvu/assert'
import { type Block, blocksIn, blocksOf, documents, place, proseOf } from '../support/page.ts'
import { test } from '../support/suite.ts'
import { commandLines, complaintAbout } from './command-lines.ts'
import { NOT_RUN } from './not-run.ts'

const pages = documents().map((page) => ({ page, text: readFileSync(page, 'utf8') }))
const blocks = pages.flatMap(({ page }) => blocksOf(page))
const shown = blocks.filter(({ language }) => language !== undefined)

const excused = (block: Block) =>
  NOT_RUN.filter(({ page, begins }) => page === block.page && block.text.startsWith(begins))

/** What is wrong with who runs a block; undefined: nothing. */
function unrun(block: Block): string | undefined {
  const reasons = excused(block).length
  if (block.test === undefined) {
    return reasons === 1 ? undefined : `${place(block)} names no test, and is not in not-run.ts`
  }
  if (reasons > 0) return `${place(block)} names a test, and is in not-run.ts`
  if (!existsSync(block.test)) return `${place(block)}: ${block.test} is not there`
  const test = readFileSync(block.test, 'utf8')
  const runs = test.includes(block.page) && test.includes('new Page(') && test.includes('.left()')
  return runs ? undefined : `${place(block)}: ${block.test} takes no blocks of this page`
}

test('there is something to look at', () => {
  assert.ok(pages.length > 12 && shown.length > 30, `${pages.length} pages, ${shown.length} blocks`)
})

test('every block is run by a test, or stands in the list of those that are not', () => {
  assert.equal(
    shown.flatMap((block) => unrun(block) ?? []),
    [],
  )
})

test('the list of what is not run has no line too many', () => {
  const useless = NOT_RUN.filter(
    (entry) => !shown.some((block) => block.test === undefined && excused(block).includes(entry)),
  )
  assert.equal(useless, [])
})

test('every command line can be typed', () => {
  const wrong = pages.flatMap(({ page, text }) =>
    commandLines(text, page).flatMap((words) => {
      const complaint = complaintAbout(words)
      return complaint === undefined ? [] : [`${page}: ${words.join(' ')}: ${complaint}`]
    }),
  )
  assert.equal(wrong, [])
})

const anchorsOf = (text: string) =>
  [...proseOf(text).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )

test('every link leads somewhere', () => {
  const broken = pages.flatMap(({ page, text }) =>
    [...proseOf(text).matchAll(/\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)/g)].flatMap((found) => {
      const [link, file = '', anchor] = found
      const target = file === '' ? page : normalize(join(dirname(page), file))
      if (!existsSync(target)) return [`${page}: ${link}`]
      const isThere =
        anchor === undefined || anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
      return isThere ? [] : [`${page}: ${link}`]
    }),
  )
  assert.equal(broken, [])
})

test('every file of ours that a document names is there', () => {
  const ours = /^(src|native|runtime|firmware|tools|test|bench|docs|\.ci|\.github)\/[\w./-]+$/
  const missing = pages.flatMap(({ page, text }) =>
    [...proseOf(text).matchAll(/`([^`\s]+)`/g)]
      .map(([, path = '']) => path)
      .filter((path) => ours.test(path) && !/NAME|TARGET/.test(path) && !existsSync(path))
      .map((path) => `${page}: ${path}`),
  )
  assert.equal(missing, [])
})

test('the rules themselves find what they look for', () => {
  const text =
    '# A\n<!-- tested: a.ts -->\n```sh\nnpm x\n```\n\n- b\n  ```sh\n  xo-upgrade y\n  ```\n'
  const [first, second] = blocksIn(text, 'a.md')
  assert.equal([first?.test, first?.line, first?.text], ['a.ts', 3, 'npm x\n'])
  assert.equal([second?.test, second?.text], [undefined, 'xo-upgrade y\n'])
  assert.equal(commandLines(text, 'a.md'), [
    ['npm', 'x'],
    ['xo-upgrade', 'y'],
  ])
  assert.equal(commandLines('Say `xo-upgrade a --b` or `c`.', 'a.md'), [['xo-upgrade', 'a', '--b']])
  const complaints: [string, RegExp][] = [
    ['npm run dance', /no script "dance"/],
    ['npm dance', /no script "dance"/],
    ['npm run bench -- --dance', /no option --dance/],
    ['xo-upgrade dance', /no command "dance"/],
    ['xo-upgrade upgrade --dance', /no option --dance/],
    ['xo-upgrade upgrade --store --keys x', /--store .* takes a value/],
    ['node tools/dance.mjs', /is not there/],
  ]
  for (const [line, complaint] of complaints) {
    assert.match(complaintAbout(line.split(' ')) ?? '', complaint, line)
  }
  for (const line of ['npm test', 'npm run bench -- --runs 2', 'xo-upgrade upgrade --store x']) {
    assert.is(complaintAbout(line.split(' ')), undefined, line)
  }
  assert.equal(anchorsOf('# A b: c\n'), ['a-b-c'])
})

test.run()
