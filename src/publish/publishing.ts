/** One run of `publish`: what its steps share, and the result of the step that makes the release. */
import type { Fd, Host } from '../host.ts'
import type { Progress } from '../progress.ts'
import type { Release } from '../release/release.ts'
import type { SecretKey } from '../release/signify.ts'
import type { Image, Survey } from './image.ts'

export type PublishHost = Pick<Host, 'files' | 'checksums' | 'signatures' | 'clock'>

/** The statement of the newest version, in the module. */
export const LATEST = 'latest'

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
  progress: Progress
}

export interface Made {
  release: Release
  statement: Uint8Array
  linked: number
  copied: number
}
