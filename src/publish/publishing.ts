/** One run of `publish`: what its steps share, and the result of the step that makes the release. */
import type { Fd, Host, Path } from '../host.ts'
import type { Progress } from '../progress.ts'
import { UNFINISHED } from '../release/module-names.ts'
import type { Release } from '../release/release.ts'
import type { SecretKey } from '../release/signify.ts'
import type { Exception } from './exceptions.ts'
import type { Image, Survey } from './image.ts'

export type PublishHost = Pick<
  Host,
  'files' | 'checksums' | 'signatures' | 'clock' | 'trees' | 'packs' | 'packCoder'
>

/** Removes what a run before this one left half made. */
export function clearUnfinished(files: Host['files'], module: Fd): void {
  for (const name of files.readDirectory(module, '.')) {
    if (name.startsWith(UNFINISHED)) files.removeTree(module, name)
  }
}

/** Because the umask removes bits that a daemon needs. */
export function setMode(files: Host['files'], directory: Fd, path: Path, mode: number): void {
  const { uid, gid, modified } = files.statHandle(directory)
  files.setMetadata(directory, path, {
    mode,
    uid,
    gid,
    modified,
    xattrs: files.readXattrs(directory, path),
  })
}

/** What the release says besides its manifest. */
export interface Terms
  extends Pick<Release, 'version' | 'hardware' | 'deployment' | 'jumpFrom' | 'issued' | 'expires'> {
  /** Somebody said when it is issued; else the clock did. */
  isDated: boolean
}

/** One run: what all its steps need. */
export interface Publishing {
  host: PublishHost
  terms: Terms
  key: SecretKey
  image: Image
  survey: Survey
  /** The module, and how to name it to people. */
  module: Fd
  moduleName: string
  /** Versions to make packs from; 0: of the whole image. */
  deltaFrom: readonly number[]
  /** Whether the tree may be anything, not only a system that starts. */
  anyTree: boolean
  allowed: readonly Exception[]
  progress: Progress
}

export interface Made {
  release: Release
  statement: Uint8Array
  linked: number
  copied: number
  /** Names of packs that were made with it. */
  packs: string[]
}
