/** What `publish` refuses because nobody can mean it, and what lets each of them pass. */
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { makeDeltas } from '../../src/publish/delta.ts'
import { askedOfDisk } from '../../src/publish/disk-check.ts'
import { EXCEPTIONS, exceptionOf } from '../../src/publish/exceptions.ts'
import { generateKeys, loadSecretKey } from '../../src/publish/keygen.ts'
import { extendChain, type KeyRole } from '../../src/release/keys.ts'
import type { Entry } from '../../src/release/manifest-line.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage, systemImage } from '../support/image.ts'
import { plainCoder } from '../support/plain-coder.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { file, makeTree, noise, type Tree } from '../support/tree.ts'
import { host, publishTree, quiet, refuses, SECRET_KEY } from './support.ts'

function imageOf(tree: Tree): string {
  const image = `${scratch('image')}/root`
  makeTree(nodeHost(), image, tree)
  return image
}

const strict = (tree: Tree, module: string, version: number) =>
  publishTree(imageOf(tree), module, version, { anyTree: false })

test('a folder that is no system is refused before anything is published', () => {
  const module = scratch('module')
  const empty = scratch('empty')
  refuses(
    () => publishTree(empty, module, 1, { anyTree: false }),
    /no \/etc\/os-release and no \/usr/,
  )
  refuses(() => strict(smallImage(1), module, 1), /is no system/)
  assert.not(existsSync(`${module}/latest`))
  assert.ok(publishTree(empty, module, 1).published)
})

test('os-release may also stand where the system keeps its own', () => {
  const tree = systemImage(1)
  tree.delete('etc/os-release')
  tree.set('usr', { ...(tree.get('etc') as object) } as never)
  tree.set('usr/lib', { ...(tree.get('etc') as object) } as never)
  tree.set('usr/lib/os-release', file('VERSION_ID=1\n'))
  assert.ok(strict(tree, scratch('module'), 1).published)
})

test('a tree that starts no device is refused, by what it lacks', () => {
  const module = scratch('module')
  const without = systemImage(1)
  without.delete('bin/sh')
  refuses(() => strict(without, module, 1), /it has no \/sbin\/init, no .* no \/bin\/sh/)
  const linked = systemImage(1).set('bin/sh', file('#!/bin/lua\n', { mode: 0o755 }))
  refuses(() => strict(linked, module, 1), /bin\/sh needs \/bin\/lua, which it lacks/)
  assert.equal(existsSync(`${module}/1`), false)
  assert.ok(strict(systemImage(1), module, 1).published)
})

test('less than half of the version before is refused, with both sizes', () => {
  const module = scratch('module')
  strict(systemImage(1).set('etc/large', file(noise(1_000_000, 1))), module, 1)
  refuses(() => strict(systemImage(2), module, 2), /less than half of the .* of version 1/)
  assert.ok(strict(systemImage(2).set('etc/large', file(noise(600_000, 2))), module, 2).published)
  assert.ok(publishTree(imageOf(smallImage(3)), module, 3).published)
})

test('a secret key that others can read is refused, also to who signs something else', () => {
  const folder = scratch('keys')
  const path = `${folder}/open.sec`
  writeFileSync(path, readFileSync(SECRET_KEY), { mode: 0o600 })
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(path, mode)
    refuses(() => loadSecretKey(host, path), /others may read this secret key/)
  }
  const module = scratch('module')
  const image = imageOf(smallImage(1))
  refuses(() => publishTree(image, module, 1, { secretKey: path }), /its mode is 0620/)
  assert.ok(publishTree(image, module, 1, { secretKey: path, allow: ['readable-key'] }).published)
  chmodSync(path, 0o400)
  assert.ok(loadSecretKey(host, path))
})

test('a key of another role is refused by its name, where there is one', () => {
  const folder = scratch('keys')
  for (const name of ['home', 'push-2', 'pushkin', 'release.old', 'mine']) {
    writeFileSync(`${folder}/${name}.sec`, readFileSync(SECRET_KEY), { mode: 0o600 })
  }
  const load = (name: string) => loadSecretKey(host, `${folder}/${name}.sec`, { role: 'release' })
  refuses(() => load('home'), /home\.sec is a key of the role home by its name, and a release key/)
  refuses(() => load('push-2'), /of the role push/)
  for (const name of ['pushkin', 'release.old', 'mine']) assert.ok(load(name))
})

function revoke(module: string, role: KeyRole, name: string, by: string): void {
  const [key, next] = [name, by].map((one) => loadSecretKey(host, one))
  if (!key || !next) throw new Error('no key')
  const change = { role, issued: 1_750_000_000, next: [publicKeyOf(next)] }
  const { chain } = extendChain(new Uint8Array(0), { ...change, revoked: [publicKeyOf(key)] }, key)
  writeFileSync(`${module}/keys`, chain)
}

test('a key that the module itself revoked signs nothing more', () => {
  const module = scratch('module')
  const { secretFile } = generateKeys(host, { directory: scratch('next'), name: 'next' })
  const image = imageOf(smallImage(1))
  publishTree(image, module, 1)
  revoke(module, 'release', SECRET_KEY, secretFile)
  refuses(
    () => publishTree(image, module, 2),
    /this is a revoked key, number [0-9a-f]{16}: .*\/keys .* at 2025-/,
  )
  refuses(
    () =>
      makeDeltas(
        { ...host, packCoder: plainCoder(host.files) },
        { module, secretKey: SECRET_KEY, from: [], to: undefined, prune: true, progress: quiet },
      ),
    /revoked key/,
  )
  assert.not(existsSync(`${module}/2`))
  assert.ok(publishTree(image, module, 2, { secretKey: secretFile }).published)
  assert.ok(publishTree(image, module, 3, { allow: ['revoked-key'] }).published)
  rmSync(`${module}/keys`)
  revoke(module, 'home', SECRET_KEY, secretFile)
  assert.ok(publishTree(image, module, 4).published)
  writeFileSync(`${module}/keys`, 'no chain')
  assert.ok(publishTree(image, module, 5).published)
})

test('what common disks do not hold is told, entry by entry', () => {
  const plain: Entry = {
    ...{
      path: 'x',
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: 1,
      link: '',
      major: 0,
      minor: 0,
    },
    ...{ modified: { seconds: 0, nanoseconds: 0 }, digest: '', links: 1, hardLinkTo: undefined },
    xattrs: [],
  }
  const attribute = (length: number) => [{ name: 'user.x', value: new Uint8Array(length) }]
  const at = (seconds: number) => ({ seconds, nanoseconds: 0 })
  const held: Partial<Entry>[] = [
    {},
    { links: 65_000 },
    { modified: at(-2_147_483_648) },
    { modified: at(15_032_385_535) },
    { xattrs: attribute(4036) },
  ]
  for (const more of held) assert.is(askedOfDisk({ ...plain, ...more }), undefined)
  const refused: [Partial<Entry>, RegExp][] = [
    [{ links: 65_001 }, /65001 names/],
    [{ size: 2 ** 44 + 1 }, /bytes/],
    [{ modified: at(-2_147_483_649) }, /after 1970/],
    [{ modified: at(15_032_385_536) }, /after 1970/],
    [{ xattrs: attribute(4041) }, /bytes of attributes/],
  ]
  for (const [more, words] of refused) assert.match(askedOfDisk({ ...plain, ...more }) ?? '', words)
})

test('each exception has a name, and others are refused with the list of names', () => {
  for (const name of Object.keys(EXCEPTIONS)) assert.is(exceptionOf(name), name)
  refuses(() => exceptionOf('constructor'), /--allow is "constructor", allowed: mounts, disk/)
})

test.run()
