/** What a source serves beyond the size that was signed is not taken, and not even written. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { TrustError } from '../../src/errors.ts'
import type { Files, Host, Path } from '../../src/host.ts'
import { nodeHost } from '../support/host.ts'
import { FRESH, FRESH_SIZE, image41, image42 } from '../support/image.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()
const publisher = new Publisher()
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex')

test.before(() => {
  publisher.publish(41, image41())
  publisher.publish(42, image42())
})

async function installed41(): Promise<string> {
  const path = newStorePath()
  await bring('install', path, publisher, { change: { version: 41 } })
  return path
}

/** A file of the module that is as it was signed, with one more byte at its end. */
async function longer(name: Path, use: () => Promise<void>): Promise<void> {
  const path = join(publisher.module, '42', name)
  const content = readFileSync(path)
  const { atime, mtime } = statSync(path)
  writeFileSync(path, Buffer.concat([content, Buffer.from('x')]))
  try {
    await use()
  } finally {
    writeFileSync(path, content)
    utimesSync(path, atime, mtime)
  }
}

/** Over these files no more can be written into one of `partial` than its signed size. */
function bounded(sizes: ReadonlyMap<Path, number>): Host {
  const { files } = host
  const open = new Map<number, number>()
  const createFile: Files['createFile'] = (directory, path, mode) => {
    const fd = files.createFile(directory, path, mode)
    const size = sizes.get(path)
    if (size === undefined) open.delete(fd)
    else open.set(fd, size)
    return fd
  }
  const write: Files['write'] = (fd, buffer, offset, length) => {
    const left = open.get(fd)
    if (left !== undefined) {
      assert.ok(length <= left, `${length} bytes where ${left} are left of what was signed`)
      open.set(fd, left - length)
    }
    files.write(fd, buffer, offset, length)
  }
  return nodeHost({ ...files, createFile, write })
}

test('a file longer than its signed size is not taken, and never written beyond it', async () => {
  const path = await installed41()
  const digest = sha256(readFileSync(join(publisher.module, '42', 'root', FRESH)))
  await longer(`root/${FRESH}`, async () => {
    const guarded = bounded(new Map([[digest, FRESH_SIZE]]))
    const error = await rejects(
      bring('upgrade', path, publisher, { host: guarded }),
      new RegExp(FRESH),
    )
    assert.instance(error, TrustError)
  })
  await withStore(path, (store) => assert.is(store.has('upgraded-root'), false))
  assert.equal(readdirSync(join(path, 'staging', 'partial')), [], 'it is no basis of the next try')
  const { outcome, report } = await bring('upgrade', path, publisher)
  assert.is(outcome, 'staged')
  assert.is(report?.fetchedFiles, 1, 'everything else was kept')
})

test('a manifest longer than its signed size is not taken, and never written beyond it', async () => {
  const path = await installed41()
  const { size } = statSync(join(publisher.module, '42', 'manifest'))
  await longer('manifest', async () => {
    const guarded = bounded(new Map([['partial/manifest', size]]))
    const message = new RegExp(`more than the ${size} bytes that the release says`)
    const error = await rejects(bring('upgrade', path, publisher, { host: guarded }), message)
    assert.instance(error, TrustError)
  })
  await withStore(path, (store) => assert.is(store.has('staging/manifest'), false))
  assert.equal(readdirSync(join(path, 'staging', 'partial')), [], 'it is no basis of the next try')
  assert.is((await bring('upgrade', path, publisher)).outcome, 'staged')
})

test.run()
