/** One daemon per store. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device } from '../../src/device/device.ts'
import { claimStore } from '../../src/device/one-daemon.ts'
import { BusyError } from '../../src/errors.ts'
import { silent } from '../../src/progress.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const EMPTY = join(scratch('configuration'), 'empty')
writeFileSync(EMPTY, '')

function deviceWithStore() {
  const path = newStorePath()
  Store.open(nodeHost(), path, true).close()
  const device = new Device(nodeHost(), silent, { store: path, configuration: EMPTY })
  return { path, device }
}

test('a second daemon is refused, and told which one runs, until that one ends', () => {
  const { path, device } = deviceWithStore()
  const end = claimStore(device)
  for (let tries = 0; tries < 2; tries++) {
    assert.throws(
      () => claimStore(device),
      (error: unknown) =>
        error instanceof BusyError &&
        error.message === `a daemon runs on the store ${path} already, process ${process.pid}`,
    )
  }
  end()
  claimStore(device)()
})

test('its file does not grow without bound, and is held all the same', () => {
  const { path, device } = deviceWithStore()
  writeFileSync(join(path, 'daemon'), '12345\n'.repeat(680))
  const end = claimStore(device)
  assert.is(readFileSync(join(path, 'daemon'), 'utf8'), `${process.pid}\n`)
  assert.throws(
    () => claimStore(device),
    (error: unknown) => error instanceof BusyError,
  )
  end()
})

test('whatever has the name of its file keeps no daemon from running', () => {
  const { path, device } = deviceWithStore()
  mkdirSync(join(path, 'daemon', 'x'), { recursive: true })
  claimStore(device)()
})

test('before there is a store, a daemon waits for it', () => {
  claimStore(new Device(nodeHost(), silent, { store: '/none', configuration: EMPTY }))()
})

test.run()
