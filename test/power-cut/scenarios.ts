/**
 * What the power is cut in: install, upgrade and swap, roll-back, an upgrade that recycles the tree before,
 * one that replaces a waiting one, upgrades by a pack and by a chain of them, a swap that removes the tree
 * before, and the boots of a trial (boots.ts). Each is one command line that a person would run again after a cut, or one boot.
 */
import nacl from 'tweetnacl'
import * as assert from 'uvu/assert'
import { copyTree } from '../../runtime/emulator/disk/copy.ts'
import type { CrashModel } from '../../runtime/emulator/disk/crash.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import type { PackReport } from '../../src/packs/packed-source.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import type { State } from '../../src/store/state.ts'
import type { Store } from '../../src/store/store.ts'
import { confirm } from '../../src/store/trial.ts'
import { Publisher } from '../support/release.ts'
import { bootScenarios } from './boots.ts'
import { type Program, recorded, theProgram, VirtualDevice, type World } from './device.ts'
import { nastyImage, PACKED_VERSIONS, packableImage, VERSIONS } from './images.ts'

export interface Scenario {
  name: string
  start: VirtualDisk
  /** From the top, whatever was done before. */
  act(device: VirtualDevice): Promise<void>
  /** Versions that may run after a cut; undefined: none was ever installed. */
  running: (number | undefined)[]
  /** What must run and be kept as the way back in the end. */
  end: { running: number; previous: number | undefined; floor: number }
  /** Whenever the machine has recovered. */
  always?: Claim
  /**
   * What must work after a fault that may have led elsewhere: a boot takes a tree that it can't read for
   * damaged, and starts another one. Undefined: the fault only stops the act.
   */
  again?(device: VirtualDevice): Promise<void>
  /** When it has recovered from a cut that came after the last operation. */
  kept?: Claim
}

/** What is wrong with the state record if this version runs. */
export type Claim = (state: State, running: number | undefined) => string | undefined

/** What the file systems that the scenario's disk stands for may do in a power cut. */
export function modelsOf({ start }: Scenario): CrashModel[] {
  return start.options.exchange ? ['ordered', 'weak'] : ['ordered', 'weak', 'jffs2']
}

export interface Stage {
  /** The folder on this machine that the stick is a copy of. */
  module: string
  world: World
  scenarios: Scenario[]
}

/**
 * The same few statements would be verified thousands of times, which would take most of the proof's time.
 */
function rememberSignatures(): void {
  const { verify } = nacl.sign.detached
  const known = new Map<string, boolean>()
  nacl.sign.detached.verify = (message, signature, key) => {
    const id = [message, signature, key].map((bytes) => bytes.join(' ')).join('/')
    const holds = known.get(id) ?? verify(message, signature, key)
    known.set(id, holds)
    return holds
  }
}

/** Each later than the one before: an upgrade writes that down as the trusted time. */
export const issuedAt = (version: number): string => `2026-01-0${version}T00:00:00Z`

/** Publishes the releases and brings disks to where each scenario begins, all with the true program. */
export async function setStage(): Promise<Stage> {
  rememberSignatures()
  const publisher = new Publisher()
  for (const version of VERSIONS) {
    publisher.publish(version, nastyImage(version), { issued: issuedAt(version) })
  }
  for (const version of PACKED_VERSIONS) {
    const [first] = PACKED_VERSIONS
    const deltaFrom = version === first ? [] : [version - 1]
    publisher.publish(version, packableImage(version), { issued: issuedAt(version), deltaFrom })
  }
  const { host } = publisher
  const stick = new VirtualDisk()
  const files = virtualFiles(stick)
  const module = host.files.openRoot(publisher.module)
  copyTree({ files: host.files, root: module }, { files, root: files.openRoot('/') })
  host.files.close(module)
  const keys = [publicKeyOf(loadSecretKey(host, publisher.keys.secretFile))]
  const world = { stick, keys, program: theProgram }
  const scenarios = [
    ...(await scenariosOf(world, true, '')),
    ...(await scenariosOf(world, false, ' without exchange')),
  ]
  return { module: publisher.module, world, scenarios }
}

async function scenariosOf(world: World, exchange: boolean, suffix: string): Promise<Scenario[]> {
  const after = async (disk: VirtualDisk, act: (device: VirtualDevice) => Promise<void>) =>
    (await recorded(world, disk, act)).disk
  const empty = new VirtualDisk({ exchange, bytes: 4 * 1024 * 1024 })
  const runs1 = await after(empty, installVersion(1))
  const runs2 = await after(runs1, bringAndSwap(2))
  const waits2 = await after(runs1, (device) =>
    device.withStore((store) => stage(device, store, 2)),
  )
  const begun3 = await after(waits2, killedWhileStaging(3))
  const swapped = await after(begun3, (device) => device.withStore(swapWaiting(device)))
  const settled2 = await after(runs2, confirmRunning)
  const runs4 = await after(empty, installVersion(4))
  const waits3 = await after(await after(swapped, confirmRunning), (device) =>
    device.withStore((store) => stage(device, store, 3)),
  )
  const scenarios: Scenario[] = [
    {
      name: 'install',
      start: empty,
      act: installVersion(1),
      running: [undefined, 1],
      end: { running: 1, previous: undefined, floor: 1 },
    },
    {
      name: 'upgrade and swap',
      start: runs1,
      act: bringAndSwap(2),
      running: [1, 2],
      end: { running: 2, previous: 1, floor: 2 },
    },
    {
      name: 'roll back',
      start: runs2,
      act: rollBackFrom(2),
      running: [2, 1],
      end: { running: 1, previous: 2, floor: 2 },
    },
    {
      name: 'upgrade out of the previous tree',
      start: settled2,
      act: bringAndSwap(3),
      running: [2, 3],
      end: { running: 3, previous: 2, floor: 3 },
    },
    {
      name: 'upgrade in place of a waiting one',
      start: waits2,
      act: bringAndSwap(3),
      running: [1, 3],
      end: { running: 3, previous: 1, floor: 3 },
    },
    {
      name: 'upgrade by pack',
      start: runs4,
      act: bringByPack(5),
      running: [4, 5],
      end: { running: 5, previous: 4, floor: 5 },
    },
    {
      name: 'upgrade by a chain of packs',
      start: runs4,
      act: bringByPack(6),
      running: [4, 6],
      end: { running: 6, previous: 4, floor: 6 },
    },
    {
      name: 'swap with a previous tree',
      start: waits3,
      act: (device) => device.withStore(swapWaiting(device)),
      running: [2, 3],
      end: { running: 3, previous: 2, floor: 3 },
    },
  ]
  await checkWay(world, runs4, 5, 'pack')
  await checkWay(world, runs4, 6, 'chain')
  scenarios.push(...(await bootScenarios({ waits2, runs2 }, after)))
  return scenarios.map((each) => ({ ...each, name: `${each.name}${suffix}` }))
}

const installVersion = (version: number) => (device: VirtualDevice) =>
  device.withStore(async (store) => {
    device.world.program.flow.recover(store)
    if (!store.tree('fakeroot')) await device.bring(store, 'install', version)
  })

const bringAndSwap = (version: number) => (device: VirtualDevice) =>
  device.withStore(async (store) => {
    await stage(device, store, version)
    await swapWaiting(device)(store)
  })

/** After a cut or a fault it may come file by file. */
const bringByPack = (version: number) => (device: VirtualDevice) =>
  device.withStore(async (store) => {
    await device.bring(store, 'upgrade', version, false)
    await swapWaiting(device)(store)
  })

/** Where nothing goes wrong, the version comes this way. */
async function checkWay(
  world: World,
  start: VirtualDisk,
  version: number,
  way: PackReport['way'],
): Promise<void> {
  const device = new VirtualDevice(world, start.snapshot())
  await device.withStore(async (store) => {
    const { packs } = await device.bring(store, 'upgrade', version, false)
    assert.is(packs?.way, way)
  })
}

async function stage(device: VirtualDevice, store: Store, version: number): Promise<void> {
  await device.bring(store, 'upgrade', version)
}

const swapWaiting = (device: VirtualDevice) => async (store: Store) => {
  const { flow } = device.world.program
  flow.recover(store)
  if (store.tree('upgraded-root')) flow.swap(store)
}

const confirmRunning = (device: VirtualDevice) => device.withStore((store) => void confirm(store))

const rollBackFrom = (version: number) => (device: VirtualDevice) =>
  device.withStore((store) => {
    const { flow } = device.world.program
    flow.recover(store)
    if (store.tree('fakeroot')?.release.version === version) flow.rollBack(store)
  })

/** The process is killed when its tree is half made; what it did is on the disk. */
const killedWhileStaging = (version: number) => async (device: VirtualDevice) => {
  const { disk } = device
  const { before } = disk
  let links = 0
  disk.before = (operation) => {
    if (operation.kind === 'link' && ++links > 3) throw new Error('killed')
    before?.(operation)
  }
  await device.withStore((store) => stage(device, store, version)).catch(() => {})
  disk.before = before
}

/** The same stage with another program on it. */
export function withProgram(stage: Stage, program: Program): Stage {
  return { ...stage, world: { ...stage.world, program } }
}
