/** Trouble with the laptop's own disk ends the round, and is held against no source. */
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { DiskError, isSystemError } from '../../src/errors.ts'
import type { Fd, Files, Host, Path, Trees } from '../../src/host.ts'
import { silent } from '../../src/progress.ts'
import { readPublicKey } from '../../src/release/signify.ts'
import { FolderSource } from '../../src/source/folder-source.ts'
import { readState } from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { swap } from '../../src/store/swap.ts'
import { confirm } from '../../src/store/trial.ts'
import { verify } from '../../src/store/verify.ts'
import { install, type Upgrade } from '../../src/upgrade.ts'
import { Device, run } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { image41, smallImage } from '../support/image.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { test } from '../support/suite.ts'

const publisher = new Publisher()
let daemon: Daemon

test.before(async () => {
  publisher.publish(41, image41())
  daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
})
test.after(() => daemon.stop())

/** Of the running tree: an unchanged file, and a folder. */
const LOST = ['etc/same', 'etc']
const isAside = (store: string) => existsSync(join(store, 'set-aside'))

test('a file that may not grow any further (EFBIG), from a daemon and from a folder', async () => {
  const urls = [`rsync://127.0.0.1:${daemon.port}/xo`, `file://${publisher.module}`]
  for (const url of urls) {
    const device = new Device({ sources: [url, url], keys: publisher.keys.publicFile })
    // 200 KiB for any file; the signal that comes with it is ignored.
    const limited = `trap '' XFSZ; ulimit -f 200; exec "$@"`
    const words = ['-c', limited, 'bash', PROGRAM, 'install', '--json', ...device.words]
    const { status, stdout } = await run(words, { program: 'bash' })
    assert.is(status, 74, stdout)
    assert.match(stdout, /"class":"SystemError".*EFBIG/)
    assert.not.ok(isAside(device.store), url)
    assert.not.match(stdout, /trying the next source/)
    assert.is((await device.succeed('install')).version, 41)
  }
})

/** Installs from a folder, asked twice, on a host with something wrong. */
async function installed(host: Host) {
  const store = Store.open(host, newStorePath(), true)
  const source = () => new FolderSource(host, publisher.module, `file://${publisher.module}`)
  const text = readFileSync(publisher.keys.publicFile, 'latin1')
  const keys = { release: [readPublicKey(host, text)] }
  const notes: string[] = []
  const job: Upgrade = {
    store,
    keys,
    device: { hardware: 'any', deployment: 'any' },
    version: undefined,
    allowDowngrade: false,
    progress: { ...silent, note: (text) => notes.push(text) },
    sources: [source(), source()],
    reserveBytes: 0,
  }
  try {
    return { result: await install(job), failure: undefined, store: store.path, notes }
  } catch (failure) {
    return { result: undefined, failure, store: store.path, notes }
  } finally {
    store.close()
  }
}

test('a write that fails', async () => {
  for (const code of ['EIO', 'EFBIG', 'EROFS'] as const) {
    const base = nodeHost()
    const write: Host['files']['write'] = (fd, buffer, offset, length) => {
      if (length < 100_000) return base.files.write(fd, buffer, offset, length)
      throw systemError('write', undefined, code)
    }
    const { failure, store, notes } = await installed(nodeHost({ ...base.files, write }))
    assert.ok(isSystemError(failure, code), `${failure}`)
    assert.not.ok(isAside(store))
    assert.equal(notes, [])
  }
})

test('a staged tree that never holds', async () => {
  const base = nodeHost()
  const damage = { path: 'etc', what: 'content', found: 'x', expected: 'y' }
  const verify: Trees['verify'] = (job, entries) => {
    const step = base.trees.verify(job, entries)
    return { ...step, failures: [damage as never] }
  }
  const { failure, store } = await installed({ ...base, trees: { ...base.trees, verify } })
  assert.instance(failure, DiskError)
  assert.not.ok(isAside(store))
})

test('what the disk can not give of the running tree is fetched', async () => {
  const both = new Publisher()
  both.publish(1, smallImage(1))
  both.publish(2, smallImage(2))
  for (const code of ['EIO', 'EUCLEAN'] as const) {
    const path = newStorePath()
    await bring('install', path, both, { change: { version: 1 } })
    const { files } = nodeHost()
    const live = join(path, 'fakeroot', 'root')
    const found = (directory: Fd, name: Path): Files => {
      const isLive = readlinkSync(`/proc/self/fd/${directory}`) === live
      if (isLive && LOST.includes(name)) throw systemError('stat', name, code)
      return files
    }
    const host = nodeHost({
      ...files,
      stat: (fd, name) => found(fd, name).stat(fd, name),
      openRead: (fd, name) => found(fd, name).openRead(fd, name),
      readDirectory: (fd, name) => found(fd, name).readDirectory(fd, name),
      hardLink: (fd, name, ...target) => found(fd, name).hardLink(fd, name, ...target),
    })
    assert.is((await bring('upgrade', path, both, { host })).version, 2)
    const { damage } = await withStore(
      path,
      (store) => {
        const release = store.tree('fakeroot')?.release
        if (!release) throw new Error('nothing runs')
        return verify(store, 'fakeroot', { release, full: true, progress: silent })
      },
      host,
    )
    for (const name of LOST)
      assert.ok(
        damage.some((one) => one.path === name),
        name,
      )
  }
})

test('a folder that can not be read is the source’s own trouble', async () => {
  const base = nodeHost()
  let failures = 1
  const read: Host['files']['read'] = (fd, buffer, offset, length, position) => {
    // The content of a file, as it is copied: at a position, in large pieces.
    if (position === 0 && length === 256 * 1024 && failures-- > 0) {
      throw systemError('read', undefined, 'EIO')
    }
    return position === undefined
      ? base.files.read(fd, buffer, offset, length)
      : base.files.read(fd, buffer, offset, length, position)
  }
  const { result, store } = await installed(nodeHost({ ...base.files, read }))
  assert.is(result?.version, 41)
  assert.ok(isAside(store))
})

test('any clock: an upgrade goes on, from the next source, and so does the one after the clock jumped', async () => {
  const both = new Publisher()
  const foreign = new Publisher()
  for (const version of [1, 2, 3]) {
    both.publish(version, smallImage(version))
    foreign.publish(version, smallImage(version))
  }
  const urls = [foreign, both].map(({ module }) => `file://${module}`)
  const at = (seconds: number) => {
    const base = nodeHost()
    return { ...base, clock: { ...base.clock, wallSeconds: () => seconds } }
  }
  // Before 1970, at its begin, around the end of signed and unsigned 32 bits, and the year 9999 and later.
  const clocks = [0, -86_400, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 253_402_300_799, 253_402_300_800, 0.5]
  for (const [index, seconds] of clocks.entries()) {
    const path = newStorePath()
    const host = at(seconds)
    const later = at(clocks[(index + 3) % clocks.length] as number)
    const bringTo = (flow: 'install' | 'upgrade', version: number, host: Host) =>
      bring(flow, path, both, { urls, host, change: { version } })
    assert.is((await bringTo('install', 1, host)).version, 1, `${seconds}`)
    assert.is((await bringTo('upgrade', 2, host)).version, 2, `${seconds}`)
    await withStore(path, (store) => void swap(store), later)
    await withStore(path, (store) => confirm(store), host)
    assert.is((await bringTo('upgrade', 3, later)).version, 3, `${seconds}`)
    assert.ok(isAside(path), `${seconds}`)
    await withStore(path, (store) => assert.is(readState(store).attack?.name, 'unknown key'))
  }
})

test('what is remembered of sources may be garbage, of any size', async () => {
  const device = new Device({
    sources: [`file://${publisher.module}`],
    keys: publisher.keys.publicFile,
  })
  await device.succeed('install')
  writeFileSync(join(device.store, 'set-aside'), Buffer.alloc(1_000_000, 'x'))
  await device.succeed('upgrade')
  rmSync(join(device.store, 'set-aside'))
  assert.ok(readdirSync(device.store).includes('fakeroot'))
})

test.run()
