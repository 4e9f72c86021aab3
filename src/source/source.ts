/**
 * Where the bits come from: a school server, upstream, a stick. All look the same: a module with
 * `latest`, `N/release`, `N/manifest` and `N/root`, and perhaps packs in `deltas`. A source is never trusted: the caller
 * checks what came.
 */
import type { Fd, Path } from '../host.ts'
import type { Origin } from '../origin.ts'
import type { Progress } from '../progress.ts'
import type { Pace, WeakDigest } from '../rsync/session.ts'
import type { Store } from '../store/store.ts'
import type { WantedFile } from '../wanted-file.ts'
import type { SourceRole } from './order.ts'
import type { SshSettings } from './ssh-link.ts'

export interface Source {
  /** For people: the URL without a password. */
  readonly name: string
  /** undefined: upstream. */
  readonly role?: SourceRole | undefined
  /** A folder, as on a stick, whatever its role. */
  readonly isFolder?: boolean
  /** All that came from it so far (bytes); undefined: it is not counted. */
  readonly received?: number
  /**
   * The newest release statement, or that of a version. PeerError `absent` where the source works
   * but has none.
   */
  statement(version: number | undefined): Promise<Uint8Array>
  /** Fetches `N/manifest`. To be called after `statement`, whose connection it may share. */
  manifest(version: number, wanted: Omit<WantedFile, 'name'>): Promise<void>
  /**
   * Fetches files of `N/root`. `names` gives the same names in the same order as `wanted`, and may be
   * walked at the same time.
   */
  content(version: number, files: WantedContent): Promise<void>
  /** `N/packs`, the signed list of packs that were made later; undefined if it has none. After `statement`. */
  packList?(version: number): Promise<Uint8Array | undefined>
  /** Whether it has a pack (`41-42`) of that size: its list comes with the statement, or is asked for now. */
  hasPack?(name: string, size: number): Promise<boolean>
  /** Fetches packs, by their names, over the connection of `statement`. */
  packs?(wanted: Iterable<WantedFile>): Promise<void>
  /** The chain of keys statements that it carries (src/release/keys.ts); undefined if it has none. */
  keys?(): Promise<Uint8Array | undefined>
  /** Files are asked for in batches, whose names and files may be drawn more than once. */
  readonly inBatches?: boolean
  /** The first thing it said about what it could not send, to be shown; undefined: it said nothing. */
  readonly said?: string | undefined
  close(): void
}

export function originOf({
  role = 'upstream',
  isFolder,
}: Pick<Source, 'role' | 'isFolder'>): Origin {
  return isFolder ? 'stick' : role
}

/** Files of `N/root`. */
export interface WantedContent {
  names(): Iterable<Path>
  /** Those that `takes` says, or all; each is opened only when it is drawn. */
  wanted(takes?: (name: Path) => boolean): Iterable<WantedFile>
  /** Nearly every file of the image is wanted, which has so many entries, with paths of so many bytes. */
  whole?: { entries: number; pathsLength: number }
}

export interface SourceOptions {
  role?: SourceRole
  compression: 'auto' | 'zstd' | 'zlibx' | 'none'
  compressLevel: number | undefined
  connectTimeoutMs: number
  timeoutMs: number
  /** The least rate of useful work over a window; below it a source is given up. 0: never. */
  rateMinBytesPerSecond: number
  rateWindowMs: number
  /** This source's own: it is given to no other. */
  password: string | undefined
  /** Digests below SHA-256 that the operator allows for it. */
  weakPasswordDigests?: readonly WeakDigest[] | undefined
  /** Caps what is received, of all sources together. */
  pace?: Pace | undefined
  /** How ssh:// sources are reached; undefined: not at all. */
  ssh?: { settings: SshSettings; store: Store } | undefined
  /** Asked now and then while it is waited for, and nothing comes: an error ends the session. */
  interrupted?: (() => Error | undefined) | undefined
  /** A new empty file without a name. */
  scratch(): Fd
  progress: Progress
}
