/** The room that the store keeps for its record: on a full disk a change is written into it. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { SpaceError } from '../../src/errors.ts'
import type { Files, Host } from '../../src/host.ts'
import { keepRoom, spaceError } from '../../src/store/room.ts'
import { changeState, readState } from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { test } from '../support/suite.ts'

const full = () => systemError('write', undefined, 'ENOSPC')

/** Nothing can be written while `isFull` says so. */
function hostOf(isFull: () => boolean): Host {
  const { files } = nodeHost()
  const write: Files['write'] = (fd, ...rest) => {
    if (isFull()) throw full()
    files.write(fd, ...rest)
  }
  return nodeHost({ ...files, write })
}

test('a record that finds no room takes what was kept for it', () => {
  const path = newStorePath()
  let isFull = false
  const store = Store.open(
    hostOf(() => isFull && existsSync(join(path, 'room'))),
    path,
    true,
  )
  assert.ok(keepRoom(store))
  assert.is(statSync(join(path, 'room')).size, 512 * 1024)
  changeState(store, { boots: 1 })
  assert.ok(existsSync(join(path, 'room')))
  isFull = true
  changeState(store, { boots: 2 })
  assert.not.ok(existsSync(join(path, 'room')))
  assert.is(readState(store).boots, 2)
  store.close()
})

test('a disk that is too full to keep any has no leftovers of it, and the record stays as it was', () => {
  const path = newStorePath()
  let isFull = false
  const store = Store.open(
    hostOf(() => isFull),
    path,
    true,
  )
  changeState(store, { boots: 1 })
  isFull = true
  assert.not.ok(keepRoom(store))
  assert.not.ok(existsSync(join(path, 'room')))
  assert.throws(() => changeState(store, { boots: 2 }), /ENOSPC/)
  assert.match(readFileSync(join(path, 'state'), 'utf8'), /^boots=1$/m)
  store.close()
})

test('what is cut short is made again', () => {
  const path = newStorePath()
  const store = Store.open(nodeHost(), path, true)
  const fd = store.host.files.createFile(store.directory, 'room', 0o600)
  store.host.files.close(fd)
  assert.ok(keepRoom(store))
  assert.is(statSync(join(path, 'room')).size, 512 * 1024)
  store.close()
})

test('a full disk is told with what is missing and what to do; other errors stay as they are', () => {
  const store = Store.open(nodeHost(), newStorePath(), true)
  const error = spaceError(store, full(), 1e18)
  assert.instance(error, SpaceError)
  const { message, cure, missingBytes } = error as SpaceError
  assert.match(message, /the store's disk is full: [0-9.]+ MB are free, and [0-9.]+ MB should be/)
  assert.is(cure, 'free that much, then run this again')
  assert.ok(missingBytes > 1e17)
  const roomy = spaceError(store, systemError('write', undefined, 'EDQUOT'), 0) as SpaceError
  assert.match(roomy.message, /took no more, though [0-9.]+ MB are free \(.*EDQUOT/)
  assert.match(`${roomy.cure}`, /raise the quota/)
  const other = new Error('other')
  assert.is(spaceError(store, other, 1), other)
  store.close()
})

test.run()
