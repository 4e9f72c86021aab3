/** The recipes of docs/KEYS.md and docs/ANTI-THEFT.md, one after the other, and the configurations of the pages on starting. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parseConfiguration } from '../../src/device/settings.ts'
import { splitChain } from '../../src/release/keys.ts'
import { Page } from '../support/page.ts'
import { scratch } from '../support/scratch.ts'
import { shell } from '../support/shell.ts'
import { test } from '../support/suite.ts'

const pageOf = (path: string) => new Page(path, 'test/docs/recipes.test.ts')
const keys = pageOf('docs/KEYS.md')
const theft = pageOf('docs/ANTI-THEFT.md')
const boot = pageOf('docs/BOOT.md')

test('the recipes for keys make a chain', () => {
  const folder = scratch('keys')
  mkdirSync(join(folder, 'module'))
  while (keys.left().length > 0) shell(keys.next('sh', 'xo-upgrade key'), { folder })
  const chain = readFileSync(join(folder, 'module/keys'))
  assert.is(splitChain(new Uint8Array(chain)).length, 3)
})

test('a statement that unlocks is written onto a stick', () => {
  const folder = scratch('unlock')
  mkdirSync(join(folder, 'stick'))
  shell('xo-upgrade keygen --to keys --name home', { folder })
  const script = theft.block('sh', 'xo-upgrade make-unlock')
  shell(script.replace('/media/stick', join(folder, 'stick')), { folder })
  assert.ok(existsSync(join(folder, 'stick/unlock-SHC83302A3E')))
})

test('the configurations parse', () => {
  assert.ok(parseConfiguration(theft.block('ini', '[home]'), 'docs/ANTI-THEFT.md').lock.enforce)
  parseConfiguration(boot.block('ini', '[boot]'), 'docs/BOOT.md')
})

test('every block that names this file was run', () => {
  assert.equal([...keys.left(), ...theft.left(), ...boot.left()], [])
})

test.run()
