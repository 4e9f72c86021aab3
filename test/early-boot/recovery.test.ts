/**
 * A recovery believes no errand that had to do with strangers: what it says it brought is read here before
 * it is started. And what an errand found out about the trees is there for the next one.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Boot } from '../../src/boot/boot.ts'
import { knownFrom, knownText } from '../../src/boot/known-trees.ts'
import { tryToRecover } from '../../src/boot/recovery.ts'
import { Console } from '../../src/boot/screen/console.ts'
import type { Host } from '../../src/host.ts'
import { silent } from '../../src/progress.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import type { Known } from '../../src/recover.ts'
import { type PublicKey, publicKeyOf } from '../../src/release/signify.ts'
import { signedTree } from '../../src/store/mend-record.ts'
import type { Store } from '../../src/store/store.ts'
import { verify } from '../../src/store/verify.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { nodeHost } from '../support/host.ts'
import { withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { calmStore } from '../support/stores.ts'
import { suite } from '../support/suite.ts'

const test = suite('a recovery')
const FILE = 'fakeroot/root/etc/release'
/** Version 42 runs there; the keys are those that its publisher signs with. */
async function withCalm(use: (store: Store, keys: PublicKey[]) => Promise<void>): Promise<void> {
  const publisher = new Publisher()
  const keys = [publicKeyOf(loadSecretKey(publisher.host, publisher.keys.secretFile))]
  await withStore(await calmStore(publisher, [41, 42]), (store) => use(store, keys))
}

/** The network errand says `words`; what was tried, or undefined if that brought a system. */
function recover(store: Store, keys: PublicKey[], words: string): Promise<string[] | undefined> {
  const node = nodeHost()
  const pieces = [arrayOfBytes(words)]
  const host: Host = {
    ...node,
    files: { ...node.files, write() {} },
    system: { ...node.system, openDevice: () => node.files.openRoot('/') },
    processes: {
      ...node.processes,
      start() {
        // Whoever is on an errand works in the store, so it must be free.
        assert.not.ok(store.isLocked)
        return { pid: 7, stream: {}, ended: Promise.resolve(0) }
      },
    },
    sockets: {
      ...node.sockets,
      close() {},
      shutdown() {},
      async write() {},
      async read(_socket, buffer) {
        const piece = pieces.shift()
        if (piece) buffer.set(piece)
        return piece?.length ?? 0
      },
    },
  }
  const boot = {
    ...{ host, store, keys, console: new Console(host), known: '' },
    ...{ network: { bringUp: async () => [] }, words: { sources: [] } },
  }
  return tryToRecover(boot as unknown as Boot, 'network')
}

test('what was brought is proved, and the store is locked again', () =>
  withCalm(async (store, keys) => {
    store.lock()
    assert.is(await recover(store, keys, 'done\n'), undefined)
    assert.ok(store.isLocked)
    assert.equal(await recover(store, keys, 'say nobody is there\n'), ['nobody is there'])
  }))

test('attack: one that says it is done, and has altered a file', () =>
  withCalm(async (store, keys) => {
    const path = join(store.path, FILE)
    const content = readFileSync(path)
    writeFileSync(path, Buffer.alloc(content.length, 'x'))
    store.lock()
    assert.match(((await recover(store, keys, 'done\n')) ?? []).join(), /not what was signed/)
  }))

test('attack: one that says it is done, and has put a manifest or a statement of its own there', async () => {
  for (const name of ['manifest', 'release']) {
    await withCalm(async (store, keys) => {
      const path = join(store.path, 'fakeroot', name)
      writeFileSync(path, readFileSync(path, 'utf8').replace(/[0-9]/, '7').replace(/[a-f]/, 'b'))
      store.lock()
      const tried = (await recover(store, keys, 'done\n')) ?? []
      assert.match(tried.join(), /not what was signed|not the signed one/, name)
    })
  }
})

test('what an errand found out is known to the next, as long as the tree is the same', () =>
  withCalm(async (store, keys) => {
    writeFileSync(join(store.path, FILE), 'damaged')
    const tree = signedTree(store, 'fakeroot', keys)
    assert.ok(tree)
    const { damage } = await verify(store, 'fakeroot', {
      ...{ release: tree.release, full: true, progress: silent },
    })
    assert.is(damage.length > 0, true)
    const known: Known = new Map()
    known.set('fakeroot', { tree, damage, cut: false, hasManifest: true, isReadable: true })
    known.set('previous-root', undefined)
    const text = knownText(known)
    assert.equal([...knownFrom(text, store, keys)], [[...known][0]])
    assert.is(knownFrom('', store, keys).size, 0)
    assert.is(knownFrom(text, store, []).size, 0)
    const other = text.replace(tree.release.manifestDigest, '0'.repeat(64))
    assert.is(knownFrom(other, store, keys).size, 0)
    const much = { tree, cut: false, hasManifest: true, isReadable: true }
    const line = { path: 'x'.repeat(1000), what: 'content', found: 'a', expected: 'b' }
    known.set('fakeroot', { ...much, damage: Array.from({ length: 1000 }, () => line) })
    assert.is(knownText(known), '')
  }))

test.run()
