/** Upgrades by packs over the Node host: what comes out of a pack, and what from the source all the same. */
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Progress } from '../../src/progress.ts'
import { silent } from '../../src/progress.ts'
import { makeDeltas } from '../../src/publish/delta.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { recoverSystem } from '../../src/recover.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { FolderSource } from '../../src/source/folder-source.ts'
import type { WantedContent } from '../../src/source/source.ts'
import { Store } from '../../src/store/store.ts'
import { swap } from '../../src/store/swap.ts'
import { confirm } from '../../src/store/trial.ts'
import type { Upgraded } from '../../src/upgrade.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { CHANGING, packedImage } from '../support/pack-images.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'
import { linesOfTree } from '../support/tree.ts'

/** Counts what is asked of the folder besides its packs. */
class Watched extends FolderSource {
  names: string[] = []
  manifests = 0

  override manifest(...given: Parameters<FolderSource['manifest']>): Promise<void> {
    this.manifests++
    return super.manifest(...given)
  }

  override content(version: number, files: WantedContent): Promise<void> {
    this.names.push(...files.names())
    return super.content(version, files)
  }
}

function published(versions: number[], from: Record<number, number[]> = {}): Publisher {
  const publisher = new Publisher()
  for (const version of versions) {
    publisher.publish(version, packedImage(version), { deltaFrom: from[version] ?? [] })
  }
  return publisher
}

interface Brought extends Upgraded {
  watched: Watched
  notes: string[]
}

async function brought(
  flow: 'install' | 'upgrade',
  path: string,
  publisher: Publisher,
  change: { version?: number; withoutPacks?: boolean; keepPacks?: boolean } = {},
): Promise<Brought> {
  const { host, module } = publisher
  const watched = new Watched(host, module, 'the module')
  const notes: string[] = []
  const progress: Progress = { ...silent, note: (text) => notes.push(text) }
  const result = await bring(flow, path, publisher, { sources: [watched], progress, change })
  return { ...result, watched, notes }
}

/** A store in which the version runs, fetched file by file. */
async function running(publisher: Publisher, version: number): Promise<string> {
  const path = newStorePath()
  await brought('install', path, publisher, { version, withoutPacks: true })
  return path
}

function isTree({ host, module }: Publisher, path: string, name: string, version: number): void {
  const lines = (tree: string) => linesOfTree(host, tree, { inodes: false })
  assert.equal(lines(join(path, name, 'root')), lines(join(module, String(version), 'root')))
}

const alter = (path: string, at: number) => {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 0xff
  writeFileSync(path, bytes)
}

test('an upgrade by pack takes manifest and files out of it, and nothing from the image', async () => {
  const publisher = published([41, 42], { 42: [41] })
  const path = await running(publisher, 41)
  const { packs, report, watched, notes } = await brought('upgrade', path, publisher)
  assert.is(packs?.way, 'pack')
  assert.equal(packs?.packs, ['41-42'])
  assert.is(packs?.madeFiles, CHANGING.length + 1)
  assert.is(packs?.otherFiles, 0)
  assert.is(report?.fetchedFiles, packs?.madeFiles)
  assert.equal(watched.names, [])
  assert.is(watched.manifests, 0)
  assert.ok(
    notes.some((note) => /^by pack: 41-42 has 0\.0 MB; about 0\.1 MB file by file$/.test(note)),
    notes.join(),
  )
  isTree(publisher, path, 'upgraded-root', 42)
  assert.not.ok(existsSync(join(path, 'packs')))
})

test('what is told not to take packs fetches file by file, and says nothing of them', async () => {
  const publisher = published([41, 42], { 42: [41] })
  const path = await running(publisher, 41)
  const { packs, watched } = await brought('upgrade', path, publisher, { withoutPacks: true })
  assert.is(packs, undefined)
  assert.is(watched.manifests, 1)
  isTree(publisher, path, 'upgraded-root', 42)
})

test('a pack stays for neighbours until the next upgrade, where it is to', async () => {
  const publisher = published([41, 42, 43], { 42: [41], 43: [42] })
  const path = await running(publisher, 41)
  await brought('upgrade', path, publisher, { version: 42, keepPacks: true })
  assert.equal(readdirSync(join(path, 'packs')), ['41-42'])
  await withStore(path, (store) => {
    store.lock()
    swap(store)
    confirm(store)
  })
  await brought('upgrade', path, publisher, { keepPacks: true })
  assert.equal(readdirSync(join(path, 'packs')), ['42-43'])
})

test('a chain makes the versions between, and leaves nothing of them', async () => {
  const publisher = published([40, 41, 42], { 41: [40], 42: [41] })
  const path = await running(publisher, 40)
  const { packs, watched } = await brought('upgrade', path, publisher)
  assert.is(packs?.way, 'chain')
  assert.equal(packs?.packs, ['40-41', '41-42'])
  assert.is(packs?.otherFiles, 0)
  assert.equal(watched.names, [])
  isTree(publisher, path, 'upgraded-root', 42)
  assert.not.ok(existsSync(join(path, 'packs')))
})

test('a fresh device takes the pack of the whole image', async () => {
  const publisher = published([42], { 42: [0] })
  const path = newStorePath()
  const { packs, watched } = await brought('install', path, publisher)
  assert.is(packs?.way, 'whole')
  assert.is(packs?.otherFiles, 0)
  assert.equal(watched.names, [])
  assert.is(watched.manifests, 0)
  isTree(publisher, path, 'fakeroot', 42)
})

test('what a killed upgrade left is gone on with, and only the missing files are made', async () => {
  const publisher = published([41, 42], { 42: [41] })
  const path = await running(publisher, 41)
  const { host } = publisher
  const settle: typeof host.trees.settle = (...given) => {
    if (given[1].line.startsWith('./usr/twin ')) throw new Error('killed')
    return host.trees.settle(...given)
  }
  const dying = { ...host, trees: { ...host.trees, settle } }
  const first = new Watched(dying, publisher.module, 'the module')
  await rejects(bring('upgrade', path, publisher, { host: dying, sources: [first] }), /killed/)
  assert.equal(readdirSync(join(path, 'packs')), ['41-42'])
  const { packs } = await brought('upgrade', path, publisher)
  assert.is(packs?.way, 'pack')
  assert.is(packs?.bytes, 0)
  assert.is(packs?.madeFiles, 1)
  isTree(publisher, path, 'upgraded-root', 42)
})

test('a pack that was made later is found in the signed list beside the release', async () => {
  const publisher = published([41, 42])
  const { module, keys, host } = publisher
  const release = readFileSync(join(module, '42/release'))
  const options = { module, secretKey: keys.secretFile, prune: false, progress: silent }
  const { packs } = makeDeltas(host, { ...options, from: [41], to: undefined })
  assert.equal(
    packs.map(({ from, to }) => [from, to]),
    [[41, 42]],
  )
  assert.ok(release.equals(readFileSync(join(module, '42/release'))))
  const path = await running(publisher, 41)
  const brings = await brought('upgrade', path, publisher)
  assert.equal(brings.packs?.packs, ['41-42'])
  isTree(publisher, path, 'upgraded-root', 42)
})

test('a list that somebody else signed is left alone, and the upgrade goes on', async () => {
  const publisher = published([41, 42])
  const stranger = published([41, 42], { 42: [41] })
  const { module, keys, host } = stranger
  const options = { module, secretKey: keys.secretFile, prune: false, progress: silent }
  rmSync(join(module, '42'), { recursive: true })
  rmSync(join(module, 'latest'))
  stranger.publish(42, packedImage(42))
  makeDeltas(host, { ...options, from: [41], to: 42 })
  copyFileSync(join(module, '42/packs'), join(publisher.module, '42/packs'))
  const path = await running(publisher, 41)
  const { packs, notes } = await brought('upgrade', path, publisher)
  assert.is(packs, undefined)
  assert.ok(notes.some((note) => /packs of the module are left alone: unknown key/.test(note)))
  isTree(publisher, path, 'upgraded-root', 42)
})

test('a pack that came altered is dropped, and everything comes file by file in the same run', async () => {
  const publisher = published([41, 42], { 42: [41] })
  alter(join(publisher.module, 'deltas/41-42'), 100)
  const path = await running(publisher, 41)
  const { packs, watched, notes } = await brought('upgrade', path, publisher)
  assert.is(packs?.way, 'files')
  assert.match(packs?.reason ?? '', /sent 41-42 that is not the signed one/)
  assert.ok(notes.some((note) => /the files come one by one/.test(note)))
  assert.is(watched.manifests, 1)
  isTree(publisher, path, 'upgraded-root', 42)
  assert.not.ok(existsSync(join(path, 'packs')))
})

test('a file whose base was edited on the device comes from the source, the others do not', async () => {
  const publisher = published([41, 42], { 42: [41] })
  const path = await running(publisher, 41)
  alter(join(path, 'fakeroot/root/usr/large'), 17)
  const { packs, watched, notes } = await brought('upgrade', path, publisher)
  assert.is(packs?.way, 'pack')
  assert.ok(watched.names.includes('usr/large'))
  assert.not.ok(watched.names.includes('etc/version'))
  assert.is(packs?.otherFiles, watched.names.length)
  assert.ok(notes.some((note) => /are not in the pack, and come from the source/.test(note)))
  isTree(publisher, path, 'upgraded-root', 42)
})

test('a base that is gone, or something else, only makes more come from the source', async () => {
  const publisher = published([41, 42], { 42: [41] })
  const path = await running(publisher, 41)
  rmSync(join(path, 'fakeroot/root/usr/large'))
  rmSync(join(path, 'fakeroot/root/etc'), { recursive: true })
  const { packs } = await brought('upgrade', path, publisher)
  assert.is(packs?.way, 'pack')
  isTree(publisher, path, 'upgraded-root', 42)
})

test('a pack that lies in the store is not fetched again', async () => {
  const publisher = published([41, 42], { 42: [41] })
  const path = await running(publisher, 41)
  await brought('upgrade', path, publisher, { keepPacks: true })
  rmSync(join(path, 'upgraded-root'), { recursive: true })
  const pack = join(publisher.module, 'deltas/41-42')
  const before = readFileSync(pack)
  writeFileSync(pack, Buffer.alloc(before.length))
  const { packs } = await brought('upgrade', path, publisher)
  assert.is(packs?.way, 'pack')
  assert.is(packs?.bytes, 0)
  isTree(publisher, path, 'upgraded-root', 42)
})

test('a repair of a damaged version takes what a pack has from what is left of the one before', async () => {
  const publisher = published([41, 42], { 42: [41] })
  const path = await running(publisher, 41)
  const { host, module, keys } = publisher
  const files = readdirSync(join(path, 'fakeroot/root/usr/share'))
  for (const name of files.slice(0, 3)) alter(join(path, 'fakeroot/root/usr/share', name), 5)
  // The module lost 41, so the repair leads to 42.
  rmSync(join(module, '41'), { recursive: true })
  const store = Store.open(host, path, false)
  const watched = new Watched(host, module, 'the module')
  try {
    store.lock()
    const recovered = await recoverSystem(
      {
        ...{
          store,
          sources: [watched],
          version: undefined,
          allowDowngrade: false,
          reserveBytes: 0,
        },
        keys: { release: [publicKeyOf(loadSecretKey(host, keys.secretFile))] },
        device: { hardware: 'any', deployment: 'any' },
        progress: silent,
      },
      true,
    )
    assert.is(recovered.version, 42)
    assert.is(recovered.packs?.way, 'pack')
    assert.ok((recovered.packs?.madeFiles ?? 0) >= CHANGING.length)
  } finally {
    store.close()
  }
  isTree(publisher, path, 'fakeroot', 42)
})

test.run()
