/** The Node side of native:trees. */
import type { Checksums, Files, Trees } from '../../src/host.ts'

export function makeTrees(_files: Files, _checksums: Checksums): Trees {
  return {} as Trees
}
