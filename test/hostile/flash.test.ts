/**
 * Hostile flash, or somebody with a screwdriver: any type and any bytes under any name of a store: it
 * recovers, and the next upgrade and swap work. The places are drawn from a seed, so that a failure can be
 * repeated.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { silent } from '../../src/progress.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { recoverSystem } from '../../src/recover.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { openSource } from '../../src/source/open-source.ts'
import { swap } from '../../src/store/swap.ts'
import { confirm } from '../../src/store/trial.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { bring, newStorePath, sourceOptions, withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'

const SEED = 20_130
const ROUNDS = 24

const NAMES = [
  ...['state', 'state.new', 'keys', 'keys.new', 'lock', 'room', 'set-aside', 'upstream-newest'],
  ...['turn', 'daemon', 'scratch', 'probe', 'ssh'],
  ...['fakeroot', 'fakeroot/release', 'fakeroot/manifest', 'fakeroot/root'],
  ...['upgraded-root', 'upgraded-root/release', 'staging', 'staging/partial', 'staging/root'],
  ...['staging/manifest', 'previous-root', 'previous-root/release', 'previous-root/manifest'],
  ...['previous-root/root', 'previous-root.swap'],
]

const TYPES: Record<string, (path: string, random: SeededRandom) => void> = {
  folder: (path) => mkdirSync(path),
  'full folder': (path) => {
    mkdirSync(join(path, 'below'), { recursive: true })
    writeFileSync(join(path, 'below', 'file'), 'x')
  },
  link: (path) => symlinkSync('/nowhere/at/all', path),
  'link to a folder': (path) => symlinkSync('..', path),
  fifo: (path) => assert.is(spawnSync('mkfifo', [path]).status, 0),
  bytes: (path, random) =>
    writeFileSync(
      path,
      Uint8Array.from({ length: 700 }, () => random.below(256)),
    ),
  empty: (path) => writeFileSync(path, ''),
}

const publisher = new Publisher()
const { keys, module, host } = publisher
/** 2 runs, confirmed, and 1 ran before. */
const calm = newStorePath()

test.before(async () => {
  publisher.publish(1, smallImage(1))
  await bring('install', calm, publisher)
  publisher.publish(2, smallImage(2))
  await bring('upgrade', calm, publisher)
  await withStore(calm, (store) => {
    swap(store)
    confirm(store)
  })
  publisher.publish(3, smallImage(3))
})

function recovered(path: string) {
  const machine = nodeHost()
  return withStore(path, async (store) => {
    store.lock()
    const source = openSource(machine, `file://${module}`, sourceOptions(machine, store))
    try {
      return await recoverSystem(
        {
          ...{ store, sources: [source], version: 2, allowDowngrade: true, reserveBytes: 0 },
          keys: { release: [publicKeyOf(loadSecretKey(host, keys.secretFile))] },
          device: { hardware: 'any', deployment: 'any' },
          progress: silent,
        },
        false,
      )
    } finally {
      source.close()
    }
  })
}

async function check(name: string, type: string, random: SeededRandom): Promise<void> {
  const path = newStorePath()
  cpSync(calm, path, { recursive: true, preserveTimestamps: true })
  const place = join(path, name)
  rmSync(place, { recursive: true, force: true })
  mkdirSync(dirname(place), { recursive: true })
  TYPES[type]?.(place, random)
  try {
    await recovered(path)
    // It may be the previous tree, on trial like anything that was put in the place of another.
    await withStore(path, (store) => confirm(store))
    await bring('upgrade', path, publisher)
    const version = await withStore(path, (store) => {
      // If there was no system left to mend, the newest one was already taken.
      if (store.version('upgraded-root') !== undefined) swap(store)
      return store.version('fakeroot')
    })
    assert.is(version, 3)
  } catch (error) {
    throw new Error(`${name} is a ${type}: ${(error as Error).message}`, { cause: error })
  }
}

test(`any type under any name, from the seed ${SEED}`, async () => {
  const random = new SeededRandom(SEED)
  const types = Object.keys(TYPES)
  for (let round = 0; round < ROUNDS; round++) {
    const name = NAMES[random.below(NAMES.length)] as string
    await check(name, types[random.below(types.length)] as string, random)
  }
})

for (const [name, type] of [
  ['lock', 'full folder'],
  ['state.new', 'full folder'],
  ['keys', 'fifo'],
  ['state', 'fifo'],
  ['previous-root', 'bytes'],
  ['fakeroot', 'link to a folder'],
  ['fakeroot/manifest', 'full folder'],
  ['fakeroot/release', 'fifo'],
] as const) {
  test(`${name} as a ${type}`, () => check(name, type, new SeededRandom(SEED)))
}

test('an intent whose way is barred by what stands under previous-root is finished all the same', async () => {
  const path = newStorePath()
  cpSync(calm, path, { recursive: true, preserveTimestamps: true })
  await bring('upgrade', path, publisher)
  mkdirSync(join(path, 'previous-root', 'odd'), { recursive: true })
  await withStore(path, (store) => {
    store.lock()
    assert.equal(swap(store), { source: 2, target: 3 })
    assert.is(store.version('previous-root'), 2)
  })
})

test.run()
