/**
 * A laptop on a virtual disk, with a stick that holds the releases, and the program's own steps. Each
 * device is one boot of one machine: only the disk is remembered from one to the next.
 */
import type { Operation } from '../../runtime/emulator/disk/operations.ts'
import type { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { type BootDecision, settleTrees } from '../../src/boot/settle.ts'
import type { Files, Host } from '../../src/host.ts'
import { silent } from '../../src/progress.ts'
import type { PublicKey } from '../../src/release/signify.ts'
import { FolderSource } from '../../src/source/folder-source.ts'
import type { Source } from '../../src/source/source.ts'
import { Store } from '../../src/store/store.ts'
import { finishCutSwap, rollBack, swap } from '../../src/store/swap.ts'
import { confirm, countBoot } from '../../src/store/trial.ts'
import { install, type Upgrade, type Upgraded, upgrade } from '../../src/upgrade.ts'
import { nodeHost } from '../support/host.ts'
import { mounted, STICK } from './mounted.ts'

export const STORE = '/xo'
/** How many boots a version has to become healthy. */
export const BOOTS_MAX = 3
/** What the images of images.ts start with. */
const INITS = ['/usr/bin/perl']

/** The steps that are proved. A mutant brings others. */
export interface Flow {
  install(job: Upgrade): Promise<Upgraded>
  upgrade(job: Upgrade): Promise<Upgraded>
  swap(store: Store): unknown
  rollBack(store: Store): unknown
  recover(store: Store): unknown
  /** From power-on until control is handed over, which is when `start` is called. */
  boot(store: Store, given: Given, start: (decision: BootDecision) => void): Promise<void>
  /** The system has started, and says whether it is healthy. */
  confirm(store: Store, examine: () => Promise<boolean>): Promise<void>
}

type Given = Parameters<typeof settleTrees>[1]

/** The program under proof: its steps, and what is between them and the disk. */
export interface Program {
  flow: Flow
  /** A mutant's or a fault injector's files, over those of the disk. */
  files(files: Files): Files
  host(host: Host): Host
}

export const theProgram: Program = {
  flow: {
    install,
    upgrade,
    swap,
    rollBack,
    recover: finishCutSwap,
    async boot(store, given, start) {
      const decision = await settleTrees(store, given, () => {})
      if (decision.act === 'boot') countBoot(store)
      start(decision)
    },
    async confirm(store, examine) {
      if (await examine()) confirm(store)
    },
  },
  files: (files) => files,
  host: (host) => host,
}

/** What all devices of a proof have. */
export interface World {
  stick: VirtualDisk
  keys: PublicKey[]
  program: Program
  /** A source other than the stick. */
  source?: (host: Host, store: Store) => Source
}

export class VirtualDevice {
  readonly host: Host

  constructor(
    readonly world: World,
    readonly disk: VirtualDisk,
  ) {
    const { files, host } = world.program
    const joined = mounted(virtualFiles(disk), virtualFiles(world.stick.snapshot()))
    this.host = host(nodeHost(files(joined)))
  }

  /** Opens the store under its lock, hands it to `use`, and closes it. */
  async withStore<T>(use: (store: Store) => T | Promise<T>): Promise<T> {
    const store = Store.open(this.host, STORE, true)
    try {
      store.lock()
      return await use(store)
    } finally {
      store.close()
    }
  }

  /** What an early boot knows besides the store. */
  circumstances(): Given {
    const words = { boot: undefined, recover: undefined }
    return {
      keys: this.world.keys,
      bootsMax: BOOTS_MAX,
      words,
      locked: undefined,
      writable: true,
      recoveryTried: false,
      inits: INITS,
    }
  }

  /** What `xo-upgrade install` or `upgrade` does, once its words are read. */
  bring(
    store: Store,
    how: 'install' | 'upgrade',
    version: number,
    withoutPacks = true,
  ): Promise<Upgraded> {
    const { keys, program, source: other } = this.world
    const source: Source =
      other?.(this.host, store) ?? new FolderSource(this.host, STICK, `file://${STICK}`)
    const job: Upgrade = {
      store,
      sources: [source],
      keys: { release: keys },
      device: { hardware: 'any', deployment: 'any' },
      version,
      allowDowngrade: false,
      reserveBytes: 0,
      withoutPacks,
      progress: silent,
    }
    return program.flow[how](job).finally(() => source.close())
  }
}

/**
 * Runs something on a device over a snapshot of the disk; returns its operations and what it left.
 */
export async function recorded<T>(
  world: World,
  start: VirtualDisk,
  act: (device: VirtualDevice) => T | Promise<T>,
): Promise<{ operations: Operation[]; disk: VirtualDisk; result: T }> {
  const disk = start.snapshot()
  const operations: Operation[] = []
  disk.before = (operation) => operations.push(operation)
  const result = await act(new VirtualDevice(world, disk))
  disk.before = undefined
  return { operations, disk, result }
}
