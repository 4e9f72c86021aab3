/** How much a file list may have, by what was asked for. */
import type { Path } from '../host.ts'

export interface Extent {
  entries: number
  /** Bytes of all names, each in full. */
  namesLength: number
}

/** Allows a path: itself, and the folders above it. */
export function addPath(extent: Extent, path: Path, times = 1): void {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
    extent.entries += times
    extent.namesLength += times * end
  }
  extent.entries += times
  extent.namesLength += times * path.length
}
