/** The Node side of native:random, for the tests and the debugger. The emulator draws from a seed. */
import { randomFillSync } from 'node:crypto'
import type { Random } from '../../src/host.ts'

export const random: Random = {
  randomBytes: (length) => randomFillSync(new Uint8Array(length)),
}
