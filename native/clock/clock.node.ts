/** The Node side of native:clock, for the tests and the debugger. The emulator has a clock of its own. */
import type { Clock } from '../../src/host.ts'

export const clock: Clock = {
  monotonicMs: () => performance.now(),
  wallSeconds: () => Date.now() / 1000,
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
}
