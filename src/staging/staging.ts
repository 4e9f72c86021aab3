/** What every part of staging works on. */
import type { Progress } from '../progress.ts'
import type { Release } from '../release/release.ts'
import type { Store } from '../store/store.ts'

export interface Staging {
  store: Store
  release: Release
  /** The signed statement as it came. */
  statement: Uint8Array
  reserveBytes: number
  progress: Progress
  /**
   * How a running tree that may be damaged is used; undefined: it is as its manifest says. `link`: what
   * looks right is linked, and its content is yet to be proved. `basis`: its files serve only as a basis
   * for the transfer, which checks what comes out.
   */
  mend?: 'link' | 'basis'
}
