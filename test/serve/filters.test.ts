/** A client's filter rules and wildcards, as rsync's exclude.c and wildmatch.c take them. */
import * as assert from 'uvu/assert'
import { Filters } from '../../src/serve/filters.ts'
import { MatchingWork, Wildcards } from '../../src/serve/wildcards.ts'
import { test } from '../support/suite.ts'

/** Those of the names that the rules leave out; a name that ends in a slash is a folder's. */
function excluded(rules: string[], names: string[]): string[] {
  const filters = new Filters()
  for (const rule of rules) filters.add(rule)
  return names.filter((name) => filters.excludes(name.replace(/\/$/, ''), name.endsWith('/')))
}

const NAMES = ['a', 'a.o', 'd/', 'd/a', 'd/a.o', 'd/e/', 'd/e/a', 'd/e/f/', 'd/e/f/a.o', '.']

test('rules, each with what it leaves out', () => {
  for (const [rules, names] of [
    [['- a'], ['a', 'd/a', 'd/e/a']],
    [['- /a'], ['a']],
    [['- a/'], []],
    [['- d/'], ['d/']],
    [['- *.o'], ['a.o', 'd/a.o', 'd/e/f/a.o']],
    [['- d/*'], ['d/a', 'd/a.o', 'd/e/']],
    [['- e/a'], ['d/e/a']],
    [['- /d/**.o'], ['d/a.o', 'd/e/f/a.o']],
    [['- **/a'], ['a', 'd/a', 'd/e/a']],
    [['- e/**'], ['d/e/a', 'd/e/f/', 'd/e/f/a.o']],
    [['- /d/e/***'], ['d/e/', 'd/e/a', 'd/e/f/', 'd/e/f/a.o']],
    [
      ['+ d/', '- */'],
      ['d/e/', 'd/e/f/'],
    ],
    [
      ['+ /d/a', '- a'],
      ['a', 'd/e/a'],
    ],
    [['-! */'], ['a', 'a.o', 'd/a', 'd/a.o', 'd/e/a', 'd/e/f/a.o']],
    [['-r a', 'P a', 'R a'], []],
    [
      ['-s a', 'H a.o'],
      ['a', 'a.o', 'd/a', 'd/a.o', 'd/e/a', 'd/e/f/a.o'],
    ],
    [['S a', '- a'], []],
    [['- a', '!'], []],
    [['-p_a'], ['a', 'd/a', 'd/e/a']],
    [['- [!a-c]'], ['d/', 'd/e/', 'd/e/f/']],
    [['- ?'], ['a', 'd/', 'd/a', 'd/e/', 'd/e/a', 'd/e/f/']],
  ] as const) {
    assert.equal(excluded([...rules], NAMES), names, rules.join(', '))
  }
})

test('rules that read files, and those that are none, are refused', () => {
  for (const rule of [': .rules', '. rules', '-C', '-/ /etc', 'merge x', '- ', '']) {
    assert.throws(() => excluded([rule], []), /can't apply the filter rule/, rule)
  }
  assert.throws(() => excluded(Array(1000).fill('- a'), []), /more than 500 filter rules/)
})

test('wildcards', () => {
  const matches = (pattern: string, text: string) =>
    new Wildcards(pattern, new MatchingWork()).matches(text)
  for (const [pattern, text] of [
    ['*', ''],
    ['a*b*c', 'axxbxxc'],
    ['[a\\]]', ']'],
    ['[]a]', ']'],
    ['[[:digit:]x]', '7'],
    ['[^a]', 'b'],
    ['\\*', '*'],
    ['**', 'a/b'],
    ['a-[a-]', 'a--'],
  ] as const) {
    assert.ok(matches(pattern, text), `${pattern} ${text}`)
  }
  for (const [pattern, text] of [
    ['*', 'a/b'],
    ['?', '/'],
    ['[!a]', '/'],
    ['[a', 'a'],
    ['a*b', 'ab/b'],
    ['', 'a'],
    ['[[:constructor:]]', 'a'],
  ] as const) {
    assert.not(matches(pattern, text), `${pattern} ${text}`)
  }
})

test('attack: a pattern that has many ways costs no more than others, and all of them are counted', () => {
  const pattern = new Wildcards(`${'*a'.repeat(500)}b`, new MatchingWork())
  assert.not(pattern.matches('a'.repeat(2000)))
  const work = new MatchingWork()
  assert.throws(() => {
    for (let i = 0; i < 1000; i++) work.add(1_000_000)
  }, /too much work/)
})

test.run()
