/** Packs in the store: whole, torn, or something else altogether. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { keptBytes, openKept, tidyPacks, wantedPack } from '../../src/packs/kept.ts'
import type { Pack } from '../../src/release/packs.ts'
import { Store } from '../../src/store/store.ts'
import type { FileOutcome } from '../../src/wanted-file.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { test } from '../support/suite.ts'

const CONTENT = 'what is in the pack'

const pack = (content = CONTENT, from = 41, to = 42): Pack => ({
  from,
  to,
  size: content.length,
  digest: createHash('sha256').update(content).digest('hex'),
  changedBytes: 1000,
})

function newStore(): Store {
  return Store.open(nodeHost(), newStorePath(), true)
}

function put(store: Store, name: string, content: string): void {
  mkdirSync(join(store.path, 'packs'), { recursive: true })
  writeFileSync(join(store.path, 'packs', name), content)
}

/** What came of fetching it, where the source sends `content`, or fails in the middle of it. */
function fetched(store: Store, content: string, isCut = false): FileOutcome | undefined {
  const { files } = store.host
  let told: FileOutcome | undefined
  const wanted = wantedPack(store, pack(), (outcome) => {
    told = outcome
  })
  const fd = wanted.target()
  files.write(fd, Buffer.from(content), 0, content.length)
  const digest = createHash('sha256').update(content).digest('hex')
  if (isCut) wanted.abandoned?.()
  else wanted.done({ size: content.length, digest })
  return told
}

const open = (store: Store) => {
  const fd = openKept(store, pack())
  if (fd !== undefined) store.host.files.close(fd)
  return fd !== undefined
}

test('a pack that came is whole in the store, and nothing else is there', () => {
  const store = newStore()
  assert.not.ok(open(store))
  assert.is(keptBytes(store, pack()), 0)
  fetched(store, CONTENT)
  assert.ok(open(store))
  assert.is(keptBytes(store, pack()), CONTENT.length)
  assert.equal(readdirSync(join(store.path, 'packs')), ['41-42'])
  store.close()
})

test('what a cut left is the basis of the next try, and gone after it', () => {
  const store = newStore()
  fetched(store, CONTENT.slice(0, 7), true)
  assert.not.ok(open(store))
  assert.is(keptBytes(store, pack()), 7)
  const wanted = wantedPack(store, pack(), () => {})
  assert.is(wanted.basis?.size, 7)
  wanted.target()
  // Cut again with less: the larger rest is still there.
  wanted.abandoned?.()
  assert.is(keptBytes(store, pack()), 7)
  fetched(store, CONTENT)
  assert.ok(open(store))
  assert.equal(readdirSync(join(store.path, 'packs')), ['41-42'])
  store.close()
})

test('a pack that power loss left torn, with its full length, does not count', () => {
  const store = newStore()
  put(store, '41-42', CONTENT.replace('pack', 'p\0ck'))
  assert.not.ok(open(store))
  fetched(store, CONTENT)
  assert.ok(open(store))
  store.close()
})

test('whatever has the name of a pack gives way to it', () => {
  const make: ((path: string) => void)[] = [
    (path) => mkdirSync(join(path, 'folder'), { recursive: true }),
    (path) => symlinkSync('/etc/passwd', path),
  ]
  for (const name of ['41-42', '41-42.basis']) {
    for (const one of make) {
      const store = newStore()
      put(store, 'x', '')
      one(join(store.path, 'packs', name))
      assert.is(keptBytes(store, pack()), 0)
      assert.not.ok(open(store))
      fetched(store, CONTENT)
      assert.ok(open(store))
      store.close()
    }
  }
  assert.ok(readFileSync('/etc/passwd').length > 0)
})

test('packs go when they are of no use, those of a version that is kept stay', () => {
  const store = newStore()
  const names = ['40-41', '41-42', '0-42', '41-42.basis', 'steps']
  for (const name of names) put(store, name, '')
  tidyPacks(store, 42)
  assert.equal(readdirSync(join(store.path, 'packs')).sort(), ['0-42', '41-42'])
  tidyPacks(store, undefined)
  assert.not.ok(existsSync(join(store.path, 'packs')))
  tidyPacks(store, undefined)
  store.close()
})

test('who takes the lock makes files of all that lies among the packs', () => {
  const store = newStore()
  put(store, '41-42', CONTENT)
  mkdirSync(join(store.path, 'packs/40-41/folder'), { recursive: true })
  symlinkSync('/etc', join(store.path, 'packs/0-42'))
  store.lock()
  assert.equal(readdirSync(join(store.path, 'packs')), ['41-42'])
  store.close()
  const other = newStore()
  writeFileSync(join(other.path, 'packs'), 'a file')
  other.lock()
  assert.not.ok(existsSync(join(other.path, 'packs')))
  other.close()
})

test.run()
