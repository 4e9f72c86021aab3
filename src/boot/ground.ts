/**
 * What an early boot stands on: the settings and the means that the command line made out of the
 * configuration, and what is known so far. Everything of it may be missing or wrong, and is asked
 * for when it is needed, so that a bad file is told on the screen and stops only what needs it.
 */
import type { Host, Path } from '../host.ts'
import type { Progress } from '../progress.ts'
import type { PublicKey } from '../release/signify.ts'
import type { Store, TreeName } from '../store/store.ts'
import type { Examined } from '../store/verify.ts'
import type { RootMode } from './machine/kernel-words.ts'

/** What the configuration says about starting. */
export interface BootSettings {
  /** A place as `store-place.ts` reads it; undefined: only the kernel's command line says it. */
  store: string | undefined
  storeWaitSeconds: number
  /** Programs to start, first choice first; [] where the kernel's own choice will do. */
  inits: Path[]
  root: RootMode
  /** Absolute paths whose content is kept apart from the tree. */
  persist: Path[]
  /** Folders that are written over the tree; the changes are kept. */
  overlay: Path[]
  /** Folders that are written over the tree; the changes are forgotten at the next start. */
  volatile: Path[]
  /** Boots that a new version has to become healthy. */
  trialBoots: number
  /** How long a key is waited for; 0: there is no menu unless `xo.menu` asks for it. */
  menuSeconds: number
  rescueShell: boolean
  /** For a trial; 0: none is armed. */
  watchdogSeconds: number
  /** Names of the sticks that a recovery looks for. */
  stickLabels: string[]
}

/** What a recovery found out about the trees. To be emptied where somebody else may have changed one. */
export type Known = Map<TreeName, Examined | undefined>

/** One way to bring a system back. */
export interface RecoveryJob {
  store: Store
  /** These and no others; []: this disk alone. */
  urls: string[]
  progress: ShownProgress
  known: Known
  /** Told of each source that could not serve. */
  failed(error: unknown): void
}

/** Progress that is drawn; a line of text ends what is drawn. */
export interface ShownProgress extends Progress {
  end(): void
}

export interface Ground {
  host: Host
  /** The words behind the program's name: for the system's init. */
  words: Path[]
  /** The kernel started us: the machine is ours. Otherwise somebody did, in a namespace. */
  ownsMachine: boolean
  programVersion: string
  /** Throws a ConfigError that says what is wrong. */
  settings(): BootSettings
  /** Where the configuration can't be used. */
  readonly defaults: BootSettings
  /** Of the role `release`, before any rotation. Throws a ConfigError where there are none. */
  keys(): PublicKey[]
  /** The sources of the configuration. */
  sources(): string[]
  /** What DHCP named, or lets one guess. */
  sourcesOfDhcp(): string[]
  openStore(path: Path, create: boolean): Store
  /** Fetches, proves and puts in place what is missing or damaged. Needs the store's lock. */
  recover(job: RecoveryJob): Promise<void>
  /** Why this laptop may not start, as a sentence; undefined: it may. */
  locked(store: Store): string | undefined
  /** Looks for a signed word that frees it in `folders`; where there are none, on the network. Throws what went wrong. */
  findRelease(store: Store, folders: Path[], say: (text: string) => void): Promise<void>
  /** How progress is drawn. */
  voice(write: (text: string) => void): ShownProgress
}
