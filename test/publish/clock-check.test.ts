/** What `publish` says about the clock that dates a release. */
import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { type PublishOptions, publish } from '../../src/publish/publish.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { host, quiet, refuses, SECRET_KEY } from './support.ts'

const DAY = 86_400
const NOW = Date.parse('2026-11-30T12:00:00Z') / 1000

/** An image whose files are older than any clock here. */
function image(): string {
  const tree = scratch('image')
  mkdirSync(`${tree}/etc`)
  writeFileSync(`${tree}/etc/motd`, 'hello\n')
  chmodSync(tree, 0o755)
  for (const path of ['/etc/motd', '/etc', '']) utimesSync(tree + path, 1e9, 1e9)
  return tree
}

/** A module, and what publishes into it with a clock that says `seconds`. */
function publisher() {
  const module = scratch('module')
  const tree = image()
  const at = (seconds: number, version: number, options: Partial<PublishOptions> = {}) =>
    publish(
      { ...host, clock: { ...host.clock, wallSeconds: () => seconds } },
      {
        image: tree,
        version,
        module,
        secretKey: SECRET_KEY,
        anyTree: true,
        progress: quiet,
        ...options,
      },
    ).warnings.join('\n')
  return { module, tree, at }
}

test('a clock before the newest release is refused, and nothing is published', () => {
  const { module, at } = publisher()
  assert.is(at(NOW, 1), '')
  refuses(
    () => at(NOW - DAY, 2),
    /clock says 2026-11-29T12:00:00Z, before version 1, which is of 2026-11-30/,
  )
  assert.not(existsSync(`${module}/2`))
  // What is there already is not dated again.
  assert.is(at(NOW - DAY, 1), '')
})

test('the newest release counts, also where it is not the latest version', () => {
  const { at } = publisher()
  at(NOW - 9 * DAY, 4)
  at(NOW, 3)
  refuses(() => at(NOW - DAY, 5), /before version 3/)
})

test('where the release before has the wrong date, a date by hand is taken, and told', () => {
  const { at } = publisher()
  at(NOW + 365 * DAY, 1)
  assert.match(at(NOW, 2, { issued: '2026-11-30T12:00:00Z' }), /before version 1, which is of 2027/)
})

test('a clock far ahead of the newest release is warned of', () => {
  const { at } = publisher()
  at(NOW, 1)
  assert.is(at(NOW + 180 * DAY, 2), '')
  assert.match(at(NOW + 545 * DAY, 3), /365 days after version 2: if that is wrong, set the clock/)
})

test('so is one that stands before the files of the image', () => {
  const { tree, at } = publisher()
  utimesSync(`${tree}/etc/motd`, NOW, NOW)
  assert.match(at(3 * DAY, 1), /1970-01-04.*newest file of the image is of 2026-11-30/)
})

test('what is no release in the module says nothing of time', () => {
  const { module, at } = publisher()
  mkdirSync(`${module}/7`)
  writeFileSync(`${module}/7/release`, 'nonsense')
  assert.is(at(NOW, 1), '')
})

test.run()
