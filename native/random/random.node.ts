/** The Node side of native:random. */
import { randomFillSync } from 'node:crypto'
import type { Random } from '../../src/host.ts'

export const random: Random = {
  randomBytes: (length) => randomFillSync(new Uint8Array(length)),
}
