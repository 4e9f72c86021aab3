/**
 * Packs that lie, though a key of ours signed their list: whatever is wrong in one, what it can't make as the
 * signed manifest says comes from the source, and the tree that waits is the true one.
 */
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { silent } from '../../src/progress.ts'
import { makeDeltas } from '../../src/publish/delta.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { signPacks } from '../../src/release/packs.ts'
import { readRelease } from '../../src/release/release.ts'
import type { Upgraded } from '../../src/upgrade.ts'
import { bring, newStorePath } from '../support/node-device.ts'
import { packedImage } from '../support/pack-images.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'
import { linesOfTree } from '../support/tree.ts'

/** Places of a pack that are bent, from its first byte to its last. */
const PLACES = 12

const publisher = new Publisher()
const { host, module, keys } = publisher
const pack = join(module, 'deltas/41-42')
const path = newStorePath()
let honest: Buffer

test.before(async () => {
  for (const version of [41, 42]) publisher.publish(version, packedImage(version))
  makeDeltas(host, {
    ...{ module, secretKey: keys.secretFile, from: [41], to: 42, prune: false },
    progress: silent,
  })
  honest = readFileSync(pack)
  await bring('install', path, publisher, { change: { version: 41, withoutPacks: true } })
})

/** Puts a pack into the module, with a signed list that vouches for it. */
function plant(content: Uint8Array): void {
  writeFileSync(pack, content)
  const release = readRelease(new Uint8Array(readFileSync(join(module, '42/release'))))
  const digest = createHash('sha256').update(content).digest('hex')
  const listed = { from: 41, to: 42, size: content.length, digest, changedBytes: 600_000 }
  const signed = signPacks(release, [listed], loadSecretKey(host, keys.secretFile), 'test')
  writeFileSync(join(module, '42/packs'), signed)
}

async function upgraded(content: Uint8Array): Promise<Upgraded> {
  plant(content)
  const result = await bring('upgrade', path, publisher)
  const lines = (tree: string) => linesOfTree(host, tree, { inodes: false })
  assert.equal(lines(join(path, 'upgraded-root/root')), lines(join(module, '42/root')))
  rmSync(join(path, 'upgraded-root'), { recursive: true })
  return result
}

test('the pack is taken as it was made', async () => {
  const { packs } = await upgraded(honest)
  assert.is(packs?.otherFiles, 0)
})

test('pack-bent: wherever a byte is another, the tree is the true one', async () => {
  for (let at = 0; at < PLACES; at++) {
    const place = Math.floor((at * (honest.length - 1)) / (PLACES - 1))
    const bent = new Uint8Array(honest)
    bent[place] = (bent[place] as number) ^ 0x41
    const { packs } = await upgraded(bent)
    assert.ok(packs, `byte ${place}`)
  }
})

test('pack-cut: one that ends anywhere before its end only brings less', async () => {
  for (const share of [0.02, 0.5, 0.99]) {
    await upgraded(new Uint8Array(honest.subarray(0, Math.ceil(honest.length * share))))
  }
})

test('pack-of-noise: what is no pack at all is told, and fetched around', async () => {
  const { packs } = await upgraded(new Uint8Array(3000).fill(0x28))
  assert.is(packs?.way, 'files')
})

test.run()
