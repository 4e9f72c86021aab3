/**
 * A store by a relative path. Only in Node, which can change its working directory; no native module does.
 */
import { readdirSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

test('a relative path with one name is made in the working directory', () => {
  const before = process.cwd()
  process.chdir(scratch('store'))
  try {
    Store.open(nodeHost(), 'store', true).close()
    assert.equal(readdirSync('.'), ['store'])
  } finally {
    process.chdir(before)
  }
})

test.run()
