/**
 * The power is cut in an upgrade that brings a rotation of keys, before every operation. Whatever is
 * left, the chain in the store is none or the whole one, what runs can be proved by it, and the same
 * upgrade ends well when it is done again.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { copyTree } from '../../runtime/emulator/disk/copy.ts'
import { type CrashModel, Medium } from '../../runtime/emulator/disk/crash.ts'
import { enumerate } from '../../runtime/emulator/disk/crash-choices.ts'
import { digestOf } from '../../runtime/emulator/disk/digest.ts'
import { ROOT } from '../../runtime/emulator/disk/inodes.ts'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { readFile } from '../../src/small-file.ts'
import { keysEverTrusted } from '../../src/store/key-chain.ts'
import { finishCutSwap, swap } from '../../src/store/swap.ts'
import { PROGRAM } from '../support/program.ts'
import { makeKeys, Publisher } from '../support/release.ts'
import { mustRun } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'
import { file, folder, noise, type Tree } from '../support/tree.ts'
import { recorded, theProgram, type VirtualDevice, type World } from './device.ts'

const CHOICES_MAX = 4
const image = (version: number): Tree =>
  new Map([
    ['.', folder()],
    ['same', file(noise(9_000, 7))],
    ['own', file(`version ${version}\n`)],
  ])

/** Version 1 is signed by the configured key, 2 by the next one, which revokes it. */
const publisher = new Publisher()
const next = makeKeys()
publisher.publish(1, image(1))
const begun = stickOf()
const change = ['--next', next.publicFile, '--revoke', publisher.keys.publicFile]
const signed = ['--key', publisher.keys.secretFile, '--to', publisher.module]
mustRun(PROGRAM, ['keys', '--role', 'release', ...change, ...signed])
publisher.publish(2, image(2), { secretKey: next.secretFile })
const chain = new Uint8Array(readFileSync(join(publisher.module, 'keys')))
const keys = [publicKeyOf(loadSecretKey(publisher.host, publisher.keys.secretFile))]
const world: World = { stick: stickOf(), keys, program: theProgram }

function stickOf(): VirtualDisk {
  const { files } = publisher.host
  const stick = new VirtualDisk()
  const to = virtualFiles(stick)
  const root = files.openRoot(publisher.module)
  copyTree({ files, root }, { files: to, root: to.openRoot('/') })
  files.close(root)
  return stick
}

const upgradeAndSwap = (device: VirtualDevice) =>
  device.withStore(async (store) => {
    await device.bring(store, 'upgrade', 2)
    finishCutSwap(store)
    if (store.has('upgraded-root')) swap(store)
  })

/** The chain and the running version, after a boot. */
const look = (device: VirtualDevice) =>
  device.withStore((store) => {
    finishCutSwap(store)
    const kept = readFile(store.host.files, store.directory, 'keys', chain.length + 1)
    const running = store.trustedTree('fakeroot', keysEverTrusted(store, keys))
    return { kept, version: running?.release.version }
  })

function isWhole(kept: Uint8Array): boolean {
  return kept.length === chain.length && kept.every((byte, index) => byte === chain[index])
}

async function cutEverywhere(exchange: boolean, model: CrashModel): Promise<void> {
  const empty = new VirtualDisk({ exchange, bytes: 4 * 1024 * 1024 })
  const install = (device: VirtualDevice) =>
    device.withStore((store) => device.bring(store, 'install', 1))
  const { disk: start } = await recorded({ ...world, stick: begun }, empty, install)
  const { operations } = await recorded(world, start, upgradeAndSwap)
  const medium = new Medium(start, model)
  const seen = new Set<string>()
  const chains = new Set<boolean>()
  for (const [cut, operation] of operations.entries()) {
    const { choices } = enumerate(medium, CHOICES_MAX, new SeededRandom(cut + 1))
    for (const choice of choices) {
      const crashed = medium.crash(choice)
      const state = digestOf(crashed.table, ROOT, 3)
      if (seen.has(state)) continue
      seen.add(state)
      const booted = await recorded(world, crashed, look)
      const { kept, version } = booted.result
      chains.add(kept !== undefined)
      assert.ok(kept === undefined || isWhole(kept), `cut ${cut}: a chain that is neither`)
      assert.ok(version === 1 || (version === 2 && kept), `cut ${cut}: ${version} runs`)
      const again = await recorded(world, booted.disk, upgradeAndSwap)
      const { result } = await recorded(world, again.disk, look)
      assert.is(result.version, 2, `cut ${cut}`)
      assert.ok(result.kept && isWhole(result.kept), `cut ${cut}`)
    }
    medium.take(operation)
  }
  assert.equal([...chains].sort(), [false, true])
}

for (const [exchange, model] of [
  [true, 'ordered'],
  [true, 'weak'],
  [false, 'weak'],
  [false, 'jffs2'],
] as const) {
  const how = exchange ? '' : ' without exchange'
  test(`a rotation that comes with an upgrade${how}, cut under the ${model} model`, () =>
    cutEverywhere(exchange, model))
}

test.run()
