/** What a disk does not hold is found by trying, said in words, and nothing of the trial is left. */
import { readdirSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import type { Files } from '../../src/host.ts'
import { limitsOfDisk } from '../../src/store/disk-limits.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { test } from '../support/suite.ts'

const { files } = nodeHost()
const EVERY_TIME = {
  granularityNanoseconds: 1,
  earliestSeconds: -(2 ** 40),
  latestSeconds: 2 ** 40,
}

function limits(change: Partial<Files>): string[] {
  const path = newStorePath()
  const host = nodeHost({ ...files, diskTimes: () => EVERY_TIME, ...change })
  const store = Store.open(host, path, true)
  try {
    return limitsOfDisk(store)
  } finally {
    store.close()
    assert.equal(readdirSync(path), [])
  }
}

const refuse = (call: string, code: Parameters<typeof systemError>[2]) => () => {
  throw systemError(call, 'probe', code)
}

test('nothing, where it holds everything', () => {
  assert.equal(limits({}), [])
})

test('whole seconds, up to 2038', () => {
  const diskTimes = () => ({
    granularityNanoseconds: 1_000_000_000,
    earliestSeconds: -(2 ** 31),
    latestSeconds: 2 ** 31 - 2,
  })
  assert.equal(limits({ diskTimes }), [
    'keeps times in steps of 1 s, up to 2038; equal as far as it keeps them',
  ])
})

test('names that differ only in case', () => {
  const stat: Files['stat'] = (directory, path) => files.stat(directory, path.toLowerCase())
  assert.equal(limits({ stat }), ['takes names that differ only in case for one'])
})

test('no attributes, and no exchange of names', () => {
  const change = {
    setMetadata: refuse('setxattr', 'EOPNOTSUPP'),
    exchange: refuse('rename', 'EINVAL'),
  }
  assert.equal(limits(change), [
    'has no extended attributes',
    'does not exchange names, so that a swap takes two renames',
  ])
})

test('of a disk that takes no changes nothing is said', () => {
  assert.equal(limits({ createFile: refuse('open', 'EROFS') }), [])
})

test.run()
