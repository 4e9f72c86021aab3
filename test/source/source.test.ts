/** Sources by their URLs, a folder as a source, and what a source says when it lacks something. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { ConfigError, PeerError, TrustError } from '../../src/errors.ts'
import type { Host } from '../../src/host.ts'
import { RELEASE_SIZE_MAX } from '../../src/limits.ts'
import { FolderSource } from '../../src/source/folder-source.ts'
import { openSource } from '../../src/source/open-source.ts'
import { RsyncSource } from '../../src/source/rsync-source.ts'
import { Store } from '../../src/store/store.ts'
import type { FileOutcome, WantedFile } from '../../src/wanted-file.ts'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath, sourceOptions } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()
const store = Store.open(host, newStorePath(), true)
const options = { ...sourceOptions(host, store), password: 'secret' }

const addressOf = (url: string) => {
  const source = openSource(host, url, options)
  assert.instance(source, RsyncSource)
  return (source as RsyncSource).address
}

test('rsync URLs name host, port, module and user', () => {
  const secret = { password: 'secret', weakDigests: [] }
  assert.equal(addressOf('rsync://school/xo'), {
    host: 'school',
    port: 873,
    module: 'xo',
    ...secret,
  })
  assert.equal(addressOf('rsync://10.0.0.1:8730/xo/'), {
    host: '10.0.0.1',
    port: 8730,
    module: 'xo',
    ...secret,
  })
  assert.equal(addressOf('rsync://anna%40home@[fe80::1]:1/a%20b'), {
    host: 'fe80::1',
    port: 1,
    module: 'a b',
    user: 'anna@home',
    ...secret,
  })
})

test('file URLs name a folder', () => {
  const source = openSource(host, 'file:///media/my%20stick/xo', options)
  assert.instance(source, FolderSource)
  assert.is((source as FolderSource).path, '/media/my stick/xo')
  assert.is(source.name, 'file:///media/my%20stick/xo')
})

for (const url of [
  '',
  'school',
  'http://school/xo',
  'rsync://school',
  'rsync://school/',
  'rsync:///xo',
  'rsync://school:123456/xo',
  'rsync://school:0/xo',
  'rsync://school:65536/xo',
  'file://relative',
  'file:///a%00',
  'file:///\u0100',
  'rsync://school\0/xo',
  'rsync://school/%00',
]) {
  test(`"${url}" is not a source`, () => {
    assert.throws(
      () => openSource(host, url, options),
      (error: unknown) => error instanceof ConfigError && error.message.includes(`"${url}"`),
    )
  })
}

test('what stock rsync would go another way for is refused by name', () => {
  const refused = (url: string, words: RegExp, variables: Record<string, string> = {}) => {
    const processes = { ...host.processes, variable: (name: string) => variables[name] }
    assert.throws(
      () => openSource({ ...host, processes }, url, options),
      (error: unknown) => error instanceof ConfigError && words.test(error.message),
    )
  }
  refused('rsync://school/xo/deeper', /names a folder below a module/)
  refused('ssh://xo@school/xo/deeper', /names a folder below a module/)
  refused('rsync://school/xo', /RSYNC_PROXY is set/, { RSYNC_PROXY: 'proxy:3128' })
  refused('rsync://school/xo', /RSYNC_CONNECT_PROG is set/, { RSYNC_CONNECT_PROG: 'nc %H 873' })
})

test('a password in a URL is refused, and not repeated', () => {
  assert.throws(
    () => openSource(host, 'rsync://anna:secret@school/xo', options),
    (error: unknown) =>
      error instanceof ConfigError &&
      /password in its URL/.test(error.message) &&
      !error.message.includes('secret'),
  )
})

/** A request, and the outcome and content that came of it. */
function wanting(name: string, sizeMax: number) {
  const answer: { outcome?: FileOutcome; content: () => string } = { content: () => '' }
  const fd = options.scratch()
  answer.content = () => {
    const buffer = new Uint8Array(1000)
    return Buffer.from(buffer.subarray(0, host.files.read(fd, buffer, 0, 1000, 0))).toString()
  }
  const wanted: WantedFile = {
    name,
    sizeMax,
    target: () => fd,
    done(outcome) {
      assert.is(answer.outcome, undefined, 'one outcome for one request')
      answer.outcome = outcome
    },
  }
  return { wanted, answer }
}

function folderOf(files: Record<string, string>): { path: string; source: FolderSource } {
  const path = scratch('folder')
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  return { path, source: new FolderSource(host, path, `file://${path}`) }
}

async function contentOf(source: FolderSource, name: string, sizeMax = 100, version = 1) {
  const { wanted, answer } = wanting(name, sizeMax)
  await source.content(version, { wanted: () => [wanted] })
  return answer
}

test('a folder gives statements, manifests and content', async () => {
  const { source } = folderOf({
    latest: 'newest',
    '1/release': 'first',
    '1/manifest': 'lines',
    '1/root/etc/name': 'content',
  })
  assert.is(Buffer.from(await source.statement(undefined)).toString(), 'newest')
  assert.is(Buffer.from(await source.statement(1)).toString(), 'first')
  const { wanted, answer } = wanting('', 100)
  await source.manifest(1, wanted)
  assert.is(answer.content(), 'lines')
  const { outcome, content } = await contentOf(source, 'etc/name')
  assert.is(content(), 'content')
  assert.equal(outcome, {
    size: 7,
    digest: 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73',
  })
  source.close()
  source.close()
})

test('a folder gives packs, and the list of those that were made later', async () => {
  const { source } = folderOf({ '2/packs': 'a list', 'deltas/1-2': 'a pack' })
  assert.is(Buffer.from((await source.packList(2)) ?? []).toString(), 'a list')
  assert.is(await source.packList(1), undefined)
  assert.is(await source.hasPack('1-2', 6), true)
  assert.is(await source.hasPack('1-2', 5), false)
  assert.is(await source.hasPack('0-2', 6), false)
  const { wanted, answer } = wanting('1-2', 100)
  await source.packs([wanted])
  assert.is(answer.content(), 'a pack')
  source.close()
})

test('a folder that lacks the version, the file, or itself, says which', async () => {
  const { source, path } = folderOf({ '1/root/a': 'a' })
  const absent = async (promise: Promise<unknown>, message: RegExp) => {
    const error = await rejects(promise, message)
    assert.instance(error, PeerError)
    assert.is((error as PeerError).kind, 'absent')
  }
  await absent(source.statement(undefined), /has no latest/)
  await absent(source.statement(7), /has no 7\/release/)
  await absent(source.content(7, { wanted: () => [] }), /has no 7\/root/)
  assert.equal((await contentOf(source, 'b')).outcome, { failed: 'absent' })
  assert.equal((await contentOf(source, 'a/b')).outcome, { failed: 'absent' })
  const gone = new FolderSource(host, `${path}/gone`, 'the stick')
  const away = await rejects(gone.statement(undefined), /there is no folder/)
  assert.is((away as PeerError).kind, 'away')
})

test('a folder never leads out of itself, nor gives what is no file', async () => {
  const { source, path } = folderOf({ '1/root/a': 'a', secret: 'secret' })
  symlinkSync(join(path, 'secret'), join(path, '1/root/link'))
  symlinkSync(path, join(path, '1/root/folder'))
  mkdirSync(join(path, '1/root/directory'))
  for (const name of ['link', 'folder/secret', 'directory']) {
    assert.equal((await contentOf(source, name)).outcome, { failed: 'absent' }, name)
  }
})

test('a file that is larger or smaller than signed gives no digest that could hold', async () => {
  const { source, path } = folderOf({ '1/root/a': 'twelve bytes' })
  const larger = await contentOf(source, 'a', 11)
  assert.equal(larger.outcome, { failed: 'too-large' })
  truncateSync(join(path, '1/root/a'), 3)
  const smaller = await contentOf(source, 'a', 12)
  assert.is((smaller.outcome as { size: number }).size, 3)
})

test('a statement that is too large is refused', async () => {
  const { source, path } = folderOf({ latest: 'x'.repeat(RELEASE_SIZE_MAX + 1) })
  assert.instance(
    await rejects(source.statement(undefined), /more than the 8192 bytes/),
    TrustError,
  )
  truncateSync(join(path, 'latest'), RELEASE_SIZE_MAX)
  assert.is((await source.statement(undefined)).length, RELEASE_SIZE_MAX)
  unlinkSync(join(path, 'latest'))
  mkdirSync(join(path, 'latest'))
  assert.instance(await rejects(source.statement(undefined), /latest/), Error)
})

/** What may stand under a name in place of what belongs there. */
const STRANGE: Record<string, (path: string) => void> = {
  folder: (path) => mkdirSync(path),
  link: (path) => symlinkSync('/etc/hostname', path),
  'link to nowhere': (path) => symlinkSync('nowhere', path),
  FIFO: (path) => execFileSync('mkfifo', [path]),
  socket: (path) => void bindSocket(path),
  device: (path) => execFileSync('mknod', [path, 'c', '1', '5']),
}

const bindSocket = (path: string) => createServer().listen(path).unref()

for (const [what, put] of Object.entries(STRANGE)) {
  test(`a ${what} under any name of a folder is the folder's fault, and is not waited for`, async () => {
    const peerError = async (promise: Promise<unknown>, name: string) => {
      const error = await deadline(rejects(promise, new RegExp(name)))
      assert.instance(error, PeerError, `${name}: ${error.stack}`)
    }
    const { path, source } = folderOf({ '1/x': '', '2/root/a': 'a' })
    for (const name of ['latest', 'keys', '1/release', '1/manifest']) put(join(path, name))
    await peerError(source.statement(undefined), 'latest')
    await peerError(source.statement(1), 'release')
    await peerError(source.keys(), 'keys')
    const { wanted, answer } = wanting('', 100)
    await source.manifest(1, wanted)
    assert.equal(answer.outcome, { failed: 'absent' })
    if (what !== 'folder') {
      put(join(path, '1/root'))
      await peerError(source.content(1, { wanted: () => [] }), 'root')
      put(join(path, 'module'))
      const other = new FolderSource(host, join(path, 'module'), 'the stick')
      if (!what.startsWith('link')) await peerError(other.statement(undefined), 'module')
    }
    put(join(path, '2/root/b'))
    assert.equal((await contentOf(source, 'a', 100, 2)).content(), 'a')
    assert.equal((await contentOf(source, 'b', 100, 2)).outcome, { failed: 'absent' })
  })
}

test("whatever the kernel says of a folder that is read is the folder's fault", async () => {
  for (const code of [
    'EIO',
    'EACCES',
    'EPERM',
    'EREMOTEIO',
    'ETIMEDOUT',
    'EUCLEAN',
    'ENOTCONN',
  ] as const) {
    const fails = () => {
      throw systemError('read', undefined, code)
    }
    const { path } = folderOf({ latest: 'newest', '1/root/a': 'a' })
    const broken = { ...host, files: { ...host.files, read: fails, openRead: fails } } as Host
    const source = new FolderSource(broken, path, 'the stick')
    const error = await rejects(source.statement(undefined), new RegExp(`the stick.*${code}`))
    assert.is((error as PeerError).kind, 'broken')
    assert.equal((await contentOf(source, 'a')).outcome, { failed: 'unreadable' })
  }
})

test("a write that fails is not the folder's fault", async () => {
  const { path } = folderOf({ '1/root/a': 'a' })
  const full = (_: number, target: number) => {
    assert.ok(target > 0)
    throw systemError('write', undefined, 'ENOSPC')
  }
  const broken = { ...host, delta: { ...host.delta, copyWhole: full } } as Host
  const source = new FolderSource(broken, path, 'the stick')
  const error = await rejects(contentOf(source, 'a'), /ENOSPC/)
  assert.not.instance(error, PeerError)
})

test.run()
