/**
 * The power is cut in a recovery: before every operation, in every way that the enumeration gives.
 * Whatever is left, no tree with a release is worse than it was, and the next recovery brings the
 * whole version back.
 */

import * as assert from 'uvu/assert'
import { type CrashModel, Medium } from '../../runtime/emulator/disk/crash.ts'
import { enumerate } from '../../runtime/emulator/disk/crash-choices.ts'
import { digestOf } from '../../runtime/emulator/disk/digest.ts'
import { ROOT } from '../../runtime/emulator/disk/inodes.ts'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import type { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { silent } from '../../src/progress.ts'
import { type Recovered, recoverSystem } from '../../src/recover.ts'
import { FolderSource } from '../../src/source/folder-source.ts'
import type { Store, TreeName } from '../../src/store/store.ts'
import { finishCutSwap } from '../../src/store/swap.ts'
import { verify } from '../../src/store/verify.ts'
import { test } from '../support/suite.ts'
import { recorded, type VirtualDevice } from './device.ts'
import { STICK } from './mounted.ts'
import { setStage } from './scenarios.ts'

const { world, scenarios } = await setStage()

/** Disks on which 2 runs and 1 ran before. */
const START = 'roll back'
const CHOICES_MAX = 4
const STRIDE = 8
const DAMAGED = ['usr/bin/su', 'usr/same', `usr/only-2`]

const recovering = (offline: boolean) => (device: VirtualDevice) =>
  device.withStore((store): Promise<Recovered> => {
    const source = new FolderSource(device.host, STICK, `file://${STICK}`)
    return recoverSystem(
      {
        store,
        sources: [source],
        keys: { release: world.keys },
        device: { hardware: 'any', deployment: 'any' },
        version: undefined,
        allowDowngrade: false,
        reserveBytes: 0,
        progress: silent,
      },
      offline,
    ).finally(() => source.close())
  })

/** Content of zeros, with the size, the time and everything else that the file had. */
function zero({ host, directory }: Store, path: string): void {
  const { files } = host
  const stat = files.stat(directory, path)
  if (!stat) throw new Error(`there is no ${path}`)
  const xattrs = files.readXattrs(directory, path)
  files.removeFile(directory, path)
  const fd = files.createFile(directory, path, 0o600)
  files.write(fd, new Uint8Array(stat.size), 0, stat.size)
  files.close(fd)
  files.setMetadata(directory, path, { ...stat, xattrs })
}

const DAMAGES: [string, (store: Store) => void][] = [
  [
    'a damaged tree',
    (store) => {
      for (const path of DAMAGED) zero(store, `fakeroot/root/${path}`)
    },
  ],
  ['a zeroed manifest', (store) => zero(store, 'fakeroot/manifest')],
  ['a tree that is gone', (store) => store.host.files.removeTree(store.directory, 'fakeroot')],
  [
    'no tree at all',
    (store) => {
      store.host.files.removeTree(store.directory, 'fakeroot')
      store.host.files.removeTree(store.directory, 'previous-root')
    },
  ],
]

/** How many entries of a tree are wrong; undefined if there is no tree with a release. */
async function wrongIn(store: Store, name: TreeName): Promise<number | undefined> {
  const release = store.tree(name)?.release
  if (!release) return undefined
  if (!store.hasManifest(name)) return -1
  return (await verify(store, name, { release, full: true, progress: silent })).damage.length
}

for (const { name, start } of scenarios.filter((each) => each.name.startsWith(START))) {
  for (const model of modelsOf(start)) {
    for (const [what, damage] of DAMAGES) {
      for (const offline of [false, true]) {
        const where = offline ? 'an early boot' : 'a running system'
        const suffix = name.slice(START.length)
        test(`${what}, recovered in ${where}${suffix}, cut under the ${model} model`, async () => {
          const { disk } = await recorded(world, start, (device) => device.withStore(damage))
          await cutEverywhere(disk, model, offline)
        })
      }
    }
  }
}

function modelsOf(start: VirtualDisk): CrashModel[] {
  return start.options.exchange ? ['weak'] : ['jffs2']
}

async function cutEverywhere(start: VirtualDisk, model: CrashModel, offline: boolean) {
  const act = recovering(offline)
  const before = await recorded(world, start, (device) =>
    device.withStore((store) => wrongIn(store, 'fakeroot')),
  )
  const { operations, disk, result } = await recorded(world, start, act)
  assert.is.not(result.outcome, 'whole')
  await checkEnd(disk, result.version)
  const medium = new Medium(start, model)
  const seen = new Set<string>()
  for (const [cut, operation] of operations.entries()) {
    if (cut % STRIDE === 0) {
      const { choices } = enumerate(medium, CHOICES_MAX, new SeededRandom(cut + 1))
      for (const choice of choices) {
        const crashed = medium.crash(choice)
        const state = digestOf(crashed.table, ROOT, 3)
        if (seen.has(state)) continue
        seen.add(state)
        const booted = await recorded(world, crashed, (device) => device.withStore(finishCutSwap))
        await checkBooted(booted.disk, before.result, `cut ${cut}`)
        const ended = await recorded(world, booted.disk, act)
        await checkEnd(ended.disk, result.version)
      }
    }
    medium.take(operation)
  }
  assert.ok(seen.size > 3, `${seen.size} states`)
}

/** No tree is worse than it was; what takes the place of another one is whole. */
async function checkBooted(disk: VirtualDisk, before: number | undefined, when: string) {
  await recorded(world, disk, (device) =>
    device.withStore(async (store) => {
      const running = await wrongIn(store, 'fakeroot')
      assert.ok([undefined, 0, before].includes(running), `${when}: fakeroot has ${running} wrong`)
      assert.ok([undefined, 0].includes(await wrongIn(store, 'upgraded-root')), when)
      // In a running system the damaged one is what ran before.
      assert.ok([undefined, 0, before].includes(await wrongIn(store, 'previous-root')), when)
    }),
  )
}

async function checkEnd(disk: VirtualDisk, version: number) {
  await recorded(world, disk, (device) =>
    device.withStore(async (store) => {
      assert.is(await wrongIn(store, 'fakeroot'), 0)
      assert.is(store.version('fakeroot'), version)
      assert.is(store.has('upgraded-root'), false)
      assert.is(store.has('previous-root.swap'), false)
    }),
  )
}

test.run()
