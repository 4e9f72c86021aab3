/** What an early boot knows so far. The steps fill it in, in the order of their table. */
import type { BootSettings } from '../device/boot-settings.ts'
import type { StorePlace } from '../device/store-place.ts'
import type { Host, Path } from '../host.ts'
import type { PublicKey } from '../release/signify.ts'
import type { Store } from '../store/store.ts'
import type { Disk } from './machine/disks.ts'
import type { KernelWords } from './machine/kernel-words.ts'
import type { Network } from './machine/network.ts'
import type { Console } from './screen/console.ts'

export interface Boot {
  readonly host: Host
  /** The kernel started us: the machine is ours. Otherwise somebody did, in a namespace. */
  readonly ownsMachine: boolean
  /** The words after the program's name: for the system's init. */
  readonly initWords: Path[]
  readonly console: Console
  readonly network: Network
  words: KernelWords
  settings: BootSettings
  keys: PublicKey[]
  place: StorePlace | undefined
  disk: Disk | undefined
  store: Store | undefined
  /** The store can be written. */
  writable: boolean
  /** Its disk is full or broken: a start could not be counted. What is mounted for writing stays so. */
  uncounted: boolean
  /** A recovery was tried since power-on. */
  recoveryTried: boolean
  /** What errands found out about the trees of this store, in their words. */
  known: string
  /** The menu was offered, and is not offered again when the steps are repeated. */
  menuOffered: boolean
}

/** The disk of the store, and the store on it. */
export const DISK_MOUNT = '/run/xo/disk'

/** One step: what a person calls it, and what it was doing if it fails. */
export interface Step {
  name: string
  doing: string
  run(boot: Boot): void | Promise<void>
}
