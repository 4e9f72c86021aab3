/** What every part of staging works on. */
import type { Progress } from '../progress.ts'
import type { Release } from '../release/release.ts'
import type { Store } from '../trees/store.ts'

export interface Staging {
  store: Store
  release: Release
  /** The signed statement as it came. */
  statement: Uint8Array
  reserveBytes: number
  progress: Progress
}
