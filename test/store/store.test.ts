/** The store: opening, its lock, its trees and how they are removed. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { BusyError, ConfigError, TrustError } from '../../src/errors.ts'
import { RELEASE_SIZE_MAX, STATE_SIZE_MAX } from '../../src/limits.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { readFile, replaceFile } from '../../src/small-file.ts'
import { changeState, readState, writeState } from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { deadline } from '../support/deadline.ts'
import { cutting } from '../support/faults.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { makeKeys, Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()
const publisher = new Publisher()
publisher.publish(1, smallImage(1))

const keyOf = (secretFile: string) => publicKeyOf(loadSecretKey(host, secretFile))

async function installed(): Promise<string> {
  const path = newStorePath()
  await bring('install', path, publisher)
  return path
}

test('a store that is missing is a ConfigError that names it, or is made', () => {
  const path = newStorePath()
  try {
    Store.open(host, path, false)
    assert.unreachable()
  } catch (error) {
    assert.instance(error, ConfigError)
    assert.match((error as Error).message, `there is no store at ${path}: ENOENT`)
  }
  Store.open(host, `${path}/`, true).close()
  Store.open(host, path, false).close()
})

test('a store below a missing folder or below a file is not made', () => {
  const folder = scratch('store')
  assert.throws(
    () => Store.open(host, join(folder, 'a', 'b'), true),
    (error: unknown) => error instanceof ConfigError && error.message.includes(`${folder}/a`),
  )
  writeFileSync(join(folder, 'file'), '')
  assert.throws(() => Store.open(host, join(folder, 'file'), true), /ENOTDIR/)
})

test('the lock keeps a second one out until it is let go', () => {
  const path = newStorePath()
  const first = Store.open(host, path, true)
  const second = Store.open(host, path, false)
  first.lock()
  assert.throws(
    () => second.lock(),
    (error: unknown) => error instanceof BusyError && error.message.includes(path),
  )
  first.unlock()
  second.lock()
  assert.throws(
    () => first.lock(),
    (error: unknown) => error instanceof BusyError,
  )
  second.close()
  first.lock()
  first.close()
})

test('a tree is what has a release, trusted only with the right key', async () => {
  const path = await installed()
  await withStore(path, (store) => {
    assert.is(store.tree('fakeroot')?.release.version, 1)
    assert.is(store.tree('staging'), undefined)
    assert.is(store.has('staging'), false)
    assert.is(store.trustedTree('fakeroot', [keyOf(publisher.keys.secretFile)])?.release.version, 1)
    assert.throws(
      () => store.trustedTree('fakeroot', [keyOf(makeKeys().secretFile)]),
      (error: unknown) => error instanceof TrustError,
    )
    const { manifestDigest } = store.tree('fakeroot')?.release ?? {}
    assert.is(store.manifestDigest('fakeroot'), manifestDigest)
    assert.is(store.manifestDigest('upgraded-root'), undefined)
  })
})

test('a directory without a release is no tree, and a release that is too large is refused', async () => {
  const path = await installed()
  mkdirSync(join(path, 'staging', 'root'), { recursive: true })
  await withStore(path, (store) => {
    assert.is(store.has('staging'), true)
    assert.is(store.tree('staging'), undefined)
    writeFileSync(join(path, 'staging', 'release'), 'x'.repeat(RELEASE_SIZE_MAX + 1))
    assert.throws(
      () => store.tree('staging'),
      (error: unknown) => error instanceof TrustError,
    )
  })
})

test('a manifest that is a symlink or a folder has no digest', async () => {
  const path = await installed()
  mkdirSync(join(path, 'staging', 'manifest'), { recursive: true })
  mkdirSync(join(path, 'upgraded-root'))
  symlinkSync('../fakeroot/manifest', join(path, 'upgraded-root', 'manifest'))
  await withStore(path, (store) => {
    assert.is(store.manifestDigest('staging'), undefined)
    assert.is(store.manifestDigest('upgraded-root'), undefined)
  })
})

test('what is discarded half way is no tree any more, whatever was cut', async () => {
  for (let k = 0; ; k++) {
    const path = await installed()
    const { host: cut } = cutting(host.files, k, (files) => ({ ...host, files }))
    const broken = Store.open(cut, path, false)
    try {
      broken.discard('fakeroot')
      broken.close()
      assert.ok(k >= 2, 'a discard has at least two steps')
      break
    } catch {
      broken.close()
    }
    await withStore(path, (store) => {
      if (k > 0) assert.is(store.tree('fakeroot'), undefined)
      store.discard('fakeroot')
      assert.is(store.has('fakeroot'), false)
    })
  }
})

test('a small file is the old or the new one after a cut at any step', () => {
  for (let k = 0; ; k++) {
    const directory = host.files.openRoot(scratch('small-file'))
    replaceFile(host.files, directory, 'state', Buffer.from('old'))
    const { host: cut } = cutting(host.files, k, (files) => ({ ...host, files }))
    let done = true
    try {
      replaceFile(cut.files, directory, 'state', Buffer.from('new'))
    } catch {
      done = false
    }
    const content = () =>
      Buffer.from(readFile(host.files, directory, 'state', STATE_SIZE_MAX) ?? []).toString()
    assert.ok(content() === (done ? 'new' : 'old') || content() === 'new', content())
    // What was left beside is in nobody's way.
    replaceFile(host.files, directory, 'state', Buffer.from('again'))
    assert.is(content(), 'again')
    host.files.close(directory)
    if (done) break
  }
})

test('a small file that is larger than its limit is refused', () => {
  const path = scratch('small-file')
  writeFileSync(join(path, 'file'), 'x'.repeat(11))
  const directory = host.files.openRoot(path)
  assert.throws(() => readFile(host.files, directory, 'file', 10), /more than the 10 bytes/)
  assert.is(readFile(host.files, directory, 'file', 11)?.length, 11)
  rmSync(join(path, 'file'))
  assert.is(readFile(host.files, directory, 'file', 11), undefined)
  host.files.close(directory)
})

test('the record has a lock of its own: who changes it alone waits for no upgrade', async () => {
  const path = newStorePath()
  const upgrading = Store.open(host, path, true)
  const other = Store.open(host, path, false)
  upgrading.lock()
  writeState(other, { ...readState(other), floor: 41 })
  changeState(upgrading, { boots: 2 })
  assert.not.ok(other.tryLock())
  changeState(other, { trial: 42 })
  const { floor, boots, trial } = readState(upgrading)
  assert.equal([floor, boots, trial], [41, 2, 42])
  upgrading.close()
  other.close()
})

test('a change of the record waits for the one that is under way, and loses nothing of it', async () => {
  const path = newStorePath()
  const store = Store.open(host, path, true)
  const script = 'touch "$0/ready"; sleep 0.5; printf "floor=7\\n" >"$0/state"'
  spawn('flock', ['-x', path, 'sh', '-c', script, path], { stdio: 'ignore' })
  while (!existsSync(join(path, 'ready'))) await deadline(host.clock.sleep(10))
  changeState(store, { boots: 1 })
  assert.equal([readState(store).floor, readState(store).boots], [7, 1])
  store.alone(() => store.alone(() => changeState(store, { boots: 2 })))
  assert.is(readState(store).boots, 2)
  store.close()
})

test.run()
