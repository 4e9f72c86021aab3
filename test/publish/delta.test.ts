/** Packs between published versions: made, proved, listed, and removed when nobody needs them. */

import type { PackWork } from 'native:pack-coder'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ConfigError, DiskError } from '../../src/errors.ts'
import type { Files, Host } from '../../src/host.ts'
import { silent } from '../../src/progress.ts'
import { makeDeltas } from '../../src/publish/delta.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { nameOfPack, openPacks } from '../../src/release/packs.ts'
import { readRelease } from '../../src/release/release.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { nodeHost } from '../support/host.ts'
import { CHANGING, packedImage } from '../support/pack-images.ts'
import { plainCoder } from '../support/plain-coder.ts'
import { Publisher } from '../support/release.ts'
import { mustRun } from '../support/stock-tool.ts'
import { skip, test } from '../support/suite.ts'

function published(...versions: number[]): Publisher {
  const publisher = new Publisher()
  for (const version of versions) publisher.publish(version, packedImage(version))
  return publisher
}

interface Wish {
  from?: number[]
  to?: number
  prune?: boolean
  host?: Host
  notes?: string[]
}

const delta = (publisher: Publisher, { from = [], to, prune = false, host, notes }: Wish) =>
  makeDeltas(host ?? publisher.host, {
    ...{ module: publisher.module, secretKey: publisher.keys.secretFile },
    ...{ from, to, prune },
    progress: { ...silent, note: (text) => notes?.push(text) },
  })

const packsIn = ({ module }: Publisher) =>
  existsSync(join(module, 'deltas')) ? readdirSync(join(module, 'deltas')).sort() : []

/** What devices find: the packs that the lists of a version name. */
function listed({ host, module, keys }: Publisher, version: number): string[] {
  const release = readRelease(new Uint8Array(readFileSync(join(module, `${version}/release`))))
  const path = join(module, `${version}/packs`)
  const trusted = [publicKeyOf(loadSecretKey(host, keys.secretFile))]
  const later = existsSync(path)
    ? openPacks(new Uint8Array(readFileSync(path)), release, trusted)
    : []
  return [...(release.packs ?? []), ...later].map(nameOfPack)
}

function refuses(
  act: () => unknown,
  message: RegExp,
  Kind: abstract new (...given: never[]) => Error,
) {
  assert.throws(act, (error: unknown) => {
    assert.instance(error, Kind, String(error))
    assert.match((error as Error).message, message)
    return true
  })
}

test('a pack has what changed, is readable to all, and is listed beside the release', () => {
  const publisher = published(41, 42)
  const { packs } = delta(publisher, { from: [41] })
  const [pack] = packs
  assert.is(pack?.from, 41)
  assert.is(pack?.changedBytes, 600_000 + 500 + 'this is version 42 of the system\n'.length)
  assert.equal(packsIn(publisher), ['41-42'])
  assert.equal(listed(publisher, 42), ['41-42'])
  const { module } = publisher
  assert.equal(readdirSync(module).sort(), ['.lock', '41', '42', 'deltas', 'latest'])
  const modes = execFileSync('stat', ['-c', '%a', `${module}/deltas`, `${module}/deltas/41-42`])
  assert.is(modes.toString(), '755\n644\n')
})

test('stock zstd takes a pack for whole', () => {
  const publisher = published(41, 42)
  delta(publisher, { from: [41] })
  if (spawnSync('zstd', ['--version']).status !== 0) skip('there is no zstd here')
  mustRun('zstd', ['-q', '-d', '-c', join(publisher.module, 'deltas/41-42')])
})

test('the same versions give the same pack and the same list', () => {
  const publisher = published(41, 42)
  const files = ['deltas/41-42', 'deltas/0-42', '42/packs'].map((name) =>
    join(publisher.module, name),
  )
  delta(publisher, { from: [41, 0] })
  const first = files.map((file) => readFileSync(file).toString('hex'))
  for (const file of files) rmSync(file)
  delta(publisher, { from: [0, 41] })
  assert.equal(
    files.map((file) => readFileSync(file).toString('hex')),
    first,
  )
})

test('a pack that is there is not made again', () => {
  const publisher = published(41, 42)
  delta(publisher, { from: [41] })
  const { packs, known } = delta(publisher, { from: [41] })
  assert.equal(packs, [])
  assert.equal(known, ['41-42'])
})

test('publishing makes packs, and the statement lists them with those that lead to where they begin', () => {
  const publisher = published(40, 41)
  delta(publisher, { from: [40] })
  const { packs } = publisher.publish(42, packedImage(42), { deltaFrom: [41, 0] })
  assert.equal(packs, ['41-42', '0-42'])
  assert.equal(listed(publisher, 42), ['41-42', '0-42', '40-41'])
  assert.not.ok(existsSync(join(publisher.module, '42/packs')))
  // Published again with one more: the statement stays, the list beside it has it.
  const before = readFileSync(join(publisher.module, '42/release'))
  const again = publisher.publish(42, packedImage(42), { deltaFrom: [41, 40] })
  assert.is(again.published, false)
  assert.equal(again.packs, ['40-42'])
  assert.ok(before.equals(readFileSync(join(publisher.module, '42/release'))))
  assert.ok(listed(publisher, 42).includes('40-42'))
})

test('a pack between earlier versions is listed for the latest, too', () => {
  const publisher = published(40, 41, 42)
  delta(publisher, { from: [41] })
  delta(publisher, { from: [40], to: 41 })
  assert.equal(listed(publisher, 41), ['40-41'])
  assert.equal(listed(publisher, 42), ['41-42', '40-41'])
})

test('pruning leaves the smallest way from each version, and the latest whole image', () => {
  const publisher = published(39, 40, 41, 42)
  delta(publisher, { from: [39, 40], to: 41 })
  delta(publisher, { from: [0], to: 41 })
  delta(publisher, { from: [41, 40, 0] })
  const sizes = (name: string) => readFileSync(join(publisher.module, 'deltas', name)).length
  const direct = sizes('40-42') < sizes('40-41') + sizes('41-42')
  assert.ok(direct, 'the direct way is smaller here')
  writeFileSync(join(publisher.module, 'deltas/7-8'), 'nobody lists this')
  writeFileSync(join(publisher.module, 'deltas/README'), 'no pack')
  const { pruned } = delta(publisher, { prune: true })
  assert.equal(pruned.sort(), ['0-41', '40-41', '7-8'])
  assert.equal(packsIn(publisher), ['0-42', '39-41', '40-42', '41-42', 'README'])
  assert.equal(listed(publisher, 42).sort(), ['0-42', '39-41', '40-42', '41-42'])
})

test('a pack nearly as large as the whole image is not kept, which is said', () => {
  const publisher = new Publisher()
  const old = packedImage(41)
  for (const path of CHANGING) old.delete(path)
  publisher.publish(41, old)
  publisher.publish(42, packedImage(42))
  const notes: string[] = []
  const { packs, refused } = delta(publisher, { from: [0, 41], notes })
  assert.equal(packs.map(nameOfPack), ['0-42'])
  assert.equal(refused, ['41-42'])
  assert.ok(
    notes.some((note) => /no pack 41-42: it would have 0.\d MB, and the whole image/.test(note)),
  )
  assert.equal(packsIn(publisher), ['0-42'])
})

test('a file that does not come out right goes in plain', () => {
  const publisher = published(41, 42)
  const { files } = publisher.host
  const coder = plainCoder(files)
  const rounds: string[][] = []
  // It codes one file against a base that the device does not have.
  const encodeFiles = (work: PackWork) => {
    rounds.push(work.files.filter(({ isPlain }) => isPlain).map(({ path }) => path))
    const wrong = work.files.map((file) =>
      file.path === 'usr/large' && !file.isPlain
        ? { ...file, bases: [{ line: 2, path: 'usr/large', size: 300_000, isNew: false }] }
        : file,
    )
    return coder.encodeFiles?.({ ...work, files: wrong }) as never
  }
  const host = { ...publisher.host, packCoder: { ...coder, encodeFiles } }
  const { packs } = delta(publisher, { from: [41], host })
  assert.is(packs.length, 1)
  assert.equal(rounds, [[], ['usr/large']])
})

test('a pack that never comes out right is not published', () => {
  const publisher = published(41, 42)
  const { packs } = publisher.host
  const applyFile: typeof packs.applyFile = (pack, base, target) => {
    const made = packs.applyFile(pack, base, target)
    return 'failed' in made ? made : { ...made, digest: '0'.repeat(64) }
  }
  const host = { ...publisher.host, packs: { ...packs, applyFile } }
  refuses(
    () => delta(publisher, { from: [41], host }),
    /files do not come out of the pack/,
    DiskError,
  )
  assert.equal(packsIn(publisher), [])
  assert.equal(
    readdirSync(publisher.module).filter((name) => name.startsWith('.new')),
    [],
  )
})

test('what can not be made is refused in words, before anything is written', () => {
  const publisher = published(41, 42)
  const host = nodeHost()
  refuses(
    () => delta(publisher, { from: [41], host }),
    /this program only reads packs/,
    ConfigError,
  )
  refuses(() => delta(publisher, { from: [40] }), /has no version 40/, ConfigError)
  refuses(() => delta(publisher, { from: [42], to: 41 }), /not from 42 to 41/, ConfigError)
  refuses(() => delta(publisher, { from: [41], to: 43 }), /has no version 43/, ConfigError)
  assert.equal(readdirSync(publisher.module).sort(), ['.lock', '41', '42', 'latest'])
  writeFileSync(join(publisher.module, '41/manifest'), '#mtree v2.0\n', { flag: 'a' })
  refuses(() => delta(publisher, { from: [41] }), /41\/manifest was altered/, ConfigError)
  refuses(() => delta(new Publisher(), { from: [41] }), /has no release yet/, ConfigError)
})

/** Files whose changes end after so many: as if the power had failed there. */
function failing(files: Files, after: number): Files {
  let left = after
  const cut = <Given extends unknown[], Result>(act: (...given: Given) => Result) => {
    return (...given: Given): Result => {
      if (left-- <= 0) throw new Error('cut')
      return act(...given)
    }
  }
  const { createFile, makeDirectory, rename, sync, removeFile, setMetadata } = files
  return {
    ...files,
    createFile: cut(createFile),
    makeDirectory: cut(makeDirectory),
    rename: cut(rename),
    sync: cut(sync),
    removeFile: cut(removeFile),
    setMetadata: cut(setMetadata),
  }
}

test('cut anywhere, no list names a pack that is not there, and the next run completes it', () => {
  const publisher = published(41, 42)
  const { module, host } = publisher
  let cuts = 0
  for (; ; cuts++) {
    rmSync(join(module, 'deltas'), { recursive: true, force: true })
    rmSync(join(module, '42/packs'), { force: true })
    const files = failing(host.files, cuts)
    let done = false
    try {
      delta(publisher, { from: [41], host: { ...host, files } })
      done = true
    } catch (error) {
      assert.is((error as Error).message, 'cut')
    }
    for (const name of listed(publisher, 42))
      assert.ok(packsIn(publisher).includes(name), `${cuts}`)
    delta(publisher, { from: [41] })
    assert.equal(readdirSync(module).sort(), ['.lock', '41', '42', 'deltas', 'latest'])
    assert.equal(listed(publisher, 42), ['41-42'])
    if (done) break
  }
  assert.ok(cuts > 10, String(cuts))
})

test.run()
