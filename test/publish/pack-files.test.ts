/** Which files a pack carries, and what each may be made from. */

import type { PackFile } from 'native:pack-coder'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { filesToCarry } from '../../src/publish/pack-files.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()

type Carried = ReturnType<typeof filesToCarry>

interface Given {
  content?: string
  size?: number
  hardLinkTo?: string
}

/** A manifest of regular files below folders that are left out; its digests are made of their contents. */
function manifest(entries: Record<string, Given>): string {
  const lines = Object.entries(entries).map(
    ([path, { content = path, size = 100, hardLinkTo }]) => {
      const digest = Buffer.from(content).toString('hex').padEnd(64, '0').slice(0, 64)
      const tags = hardLinkTo === undefined ? '' : ` nlink=2 tags=hardlink:./${hardLinkTo}`
      return (
        `./${path} type=file mode=0644 uid=0 gid=0 size=${size} ` +
        `time=1700000000.000000000 sha256digest=${digest}${tags}\n`
      )
    },
  )
  const folder = 'type=dir mode=0755 uid=0 gid=0 time=1700000000.000000000\n'
  for (const path of foldersOf(Object.keys(entries))) lines.push(`./${path} ${folder}`)
  return `#mtree v2.0\n. ${folder}${lines.sort().join('')}`
}

function foldersOf(paths: string[]): Set<string> {
  const folders = new Set<string>()
  for (const path of paths) {
    const names = path.split('/')
    for (let depth = 1; depth < names.length; depth++) folders.add(names.slice(0, depth).join('/'))
  }
  return folders
}

function carried(old: Record<string, Given> | undefined, target: Record<string, Given>): Carried {
  const { files } = host
  const folder = scratch('manifests')
  mkdirSync(folder, { recursive: true })
  const open = (name: string, entries: Record<string, Given>) => {
    writeFileSync(join(folder, name), manifest(entries))
    return files.openFile(join(folder, name))
  }
  const fds = [open('target', target), ...(old ? [open('old', old)] : [])]
  try {
    return filesToCarry(host, fds[1], fds[0] as number)
  } finally {
    for (const fd of fds) files.close(fd)
  }
}

const paths = (files: readonly PackFile[]) => files.map(({ path }) => path)
const basesOf = (found: Carried, path: string) =>
  found.files
    .find((file) => file.path === path)
    ?.bases.map((base) => `${base.isNew ? 'new ' : ''}${base.path}`)

test('only content that the old version lacks is carried, each once, and counted', () => {
  const old = { a: {}, b: { content: 'moved' }, c: {} }
  const target = {
    a: {},
    c: { content: 'other', size: 70 },
    d: { content: 'moved' },
    e: { content: 'twin', size: 30 },
    f: { content: 'twin', size: 30 },
    g: { content: 'twin', size: 30, hardLinkTo: 'f' },
    h: { content: '', size: 0 },
  }
  const found = carried(old, target)
  assert.equal(paths(found.files), ['c', 'e'])
  assert.is(found.bytes, 100)
  // Entry 0 is the root.
  assert.equal(
    found.files.map(({ line }) => line),
    [2, 4],
  )
})

test('without an old version everything is carried, whole', () => {
  const found = carried(undefined, { a: {}, b: {}, 'libx.so.1': {}, 'libx.so.2': {} })
  assert.is(found.files.length, 4)
  assert.ok(found.files.every(({ bases, isPlain }) => bases.length === 0 && !isPlain))
})

test('the same path is the base, and else the nearest numbers of the same shape', () => {
  const old = {
    'lib/libssl.so.3.0.9': {},
    'lib/libssl.so.3.0.15': {},
    'modules/6.1.0-40/a.ko': {},
    same: { content: 'before' },
  }
  const target = {
    'lib/libssl.so.3.0.16': {},
    'modules/6.1.0-41/a.ko': {},
    same: { content: 'after' },
    'unlike-anything': {},
  }
  const found = carried(old, target)
  assert.equal(basesOf(found, 'same'), ['same'])
  assert.equal(basesOf(found, 'modules/6.1.0-41/a.ko'), ['modules/6.1.0-40/a.ko'])
  assert.is(basesOf(found, 'lib/libssl.so.3.0.16')?.[0], 'lib/libssl.so.3.0.15')
  assert.equal(basesOf(found, 'unlike-anything'), [])
})

test('a file that is gone goes before one that stays', () => {
  const old = { 'a/x-1.txt': {}, 'b/x-5.txt': {} }
  const found = carried(old, { 'a/x-1.txt': {}, 'c/x-2.txt': {} })
  assert.equal(basesOf(found, 'c/x-2.txt'), ['b/x-5.txt', 'a/x-1.txt'])
})

test('a new file of the same name may be the base of a later one, if it is about as large', () => {
  const old = { z: {} }
  const target = { 'a/re.so': { size: 100 }, 'b/re.so': { size: 200 }, 'c/re.so': { size: 401 } }
  const found = carried(old, target)
  assert.equal(basesOf(found, 'a/re.so'), [])
  assert.equal(basesOf(found, 'b/re.so'), ['new a/re.so'])
  assert.equal(basesOf(found, 'c/re.so'), [])
})

test('a file past what a place in a pack can name is left to the source', () => {
  const found = carried({ z: {} }, { a: { size: 0xffff_ffff }, b: { size: 0x1_0000_0000 } })
  assert.equal(paths(found.files), ['a'])
})

test.run()
