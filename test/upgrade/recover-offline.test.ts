/**
 * Recovery when nothing runs from the store, as in an early boot: the way back stays what it was. Also on a
 * disk that can't read what is on it.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { PeerError } from '../../src/errors.ts'
import type { Fd, Files, Host } from '../../src/host.ts'
import { silent } from '../../src/progress.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { type Recovered, recoverSystem } from '../../src/recover.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { openSource } from '../../src/source/open-source.ts'
import type { Source } from '../../src/source/source.ts'
import { readState } from '../../src/store/state.ts'
import type { Store } from '../../src/store/store.ts'
import { verify } from '../../src/store/verify.ts'
import { nodeHost } from '../support/host.ts'
import { sourceOptions, withStore } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { calmStore } from '../support/stores.ts'
import { test } from '../support/suite.ts'

function recovered(
  path: string,
  { host, keys, module }: Publisher,
  files?: Files,
  change = (source: Source) => source,
): Promise<Recovered> {
  const machine: Host = nodeHost(files)
  return withStore(
    path,
    async (store) => {
      const source = change(openSource(machine, `file://${module}`, sourceOptions(machine, store)))
      const job = {
        ...{ store, sources: [source], version: undefined, allowDowngrade: false, reserveBytes: 0 },
        keys: { release: [publicKeyOf(loadSecretKey(host, keys.secretFile))] },
        device: { hardware: 'any', deployment: 'any' },
        progress: silent,
      }
      return recoverSystem(job, true).finally(() => source.close())
    },
    machine,
  )
}

async function isWhole(store: Store, version: number): Promise<void> {
  const release = store.tree('fakeroot')?.release
  if (!release) throw new Error('nothing runs')
  assert.is(release.version, version)
  const { damage } = await verify(store, 'fakeroot', { release, full: true, progress: silent })
  assert.equal(damage, [])
}

test('the damaged tree is replaced, and the way back stays', async () => {
  const publisher = new Publisher()
  const path = await calmStore(publisher)
  writeFileSync(join(path, 'fakeroot/root/etc/same'), 'another content')
  const result = await recovered(path, publisher)
  assert.equal([result.outcome, result.version, result.report?.fetchedFiles], ['mended', 2, 1])
  await withStore(path, async (store) => {
    await isWhole(store, 2)
    assert.is(store.version('previous-root'), 1)
    assert.equal([readState(store).trial, readState(store).boots], [undefined, 0])
  })
})

test('a fault of our own, met while a newer version is looked for, is not taken for having none', async () => {
  const publisher = new Publisher()
  const path = await calmStore(publisher)
  writeFileSync(join(path, 'fakeroot/root/etc/only-2'), 'another content')
  let hasFailed = false
  const change = (source: Source): Source => ({
    ...{ name: source.name, close: () => source.close() },
    statement: async (version) => {
      if (hasFailed) throw new Error('a fault of our own')
      return source.statement(version)
    },
    manifest: (version, wanted) => source.manifest(version, wanted),
    content: async () => {
      hasFailed = true
      throw new PeerError('the line was cut', 'cut')
    },
  })
  await rejects(recovered(path, publisher, undefined, change), /^a fault of our own$/)
})

/** Reading these files of the running tree fails as on flash whose checksum is wrong. */
function unreadable(names: string[]): Files {
  const { files } = nodeHost()
  const broken = new Set<Fd>()
  const isBroken = (path: string) => names.some((name) => path.endsWith(name))
  const fail = (): never => {
    throw systemError('read', undefined, 'EIO')
  }
  let root: string | undefined
  return {
    ...files,
    openDirectory(directory, path) {
      const fd = files.openDirectory(directory, path)
      if (path === 'fakeroot/root') root = files.statHandle(fd).identity
      return fd
    },
    openRead(directory, path) {
      const fd = files.openRead(directory, path)
      broken.delete(fd)
      if (isBroken(path) && files.statHandle(directory).identity === root) broken.add(fd)
      return fd
    },
    read: (fd, ...rest) => (broken.has(fd) ? fail() : files.read(fd, ...rest)),
  } as Files
}

test('content that the disk can not read is damage, and is fetched', async () => {
  const publisher = new Publisher()
  const path = await calmStore(publisher)
  const result = await recovered(path, publisher, unreadable(['etc/same', 'etc/only-2']))
  // The previous tree has one of them.
  assert.equal([result.outcome, result.damaged, result.report?.fetchedFiles], ['mended', 2, 1])
  await withStore(path, (store) => isWhole(store, 2))
})

test('a tree whose names can not even be read is built again', async () => {
  const publisher = new Publisher()
  const path = await calmStore(publisher)
  const { files } = nodeHost()
  let identity = ''
  const broken = {
    ...files,
    openDirectory(directory: Fd, name: string) {
      const fd = files.openDirectory(directory, name)
      if (name === 'fakeroot/root') identity = files.statHandle(fd).identity
      return fd
    },
    stat(directory: Fd, name: string) {
      if (name === 'etc/release' && files.statHandle(directory).identity === identity) {
        throw systemError('stat', name, 'EIO')
      }
      return files.stat(directory, name)
    },
  } as Files
  const result = await recovered(path, publisher, broken)
  assert.equal([result.outcome, result.version], ['mended', 2])
  await withStore(path, (store) => isWhole(store, 2))
})

test.run()
