/**
 * The Node side of native:system, for the tests, the debugger and the emulator: it answers what it
 * can, and refuses with ENOSYS whatever would change the machine that it runs on. Tests of the early
 * boot run the C side in a machine of their own (`test/support/memory-machine.ts`).
 */
import * as fs from 'node:fs'
import { machine, release } from 'node:os'
import type { Path, System } from '../../src/host.ts'
import { systemErrorOf } from '../system-error.node.ts'

const refuse =
  (call: string) =>
  (path?: unknown): never => {
    throw systemErrorOf(call, typeof path === 'string' ? path : undefined, 'ENOSYS')
  }

/** As bytes, which process.env has lost. */
function environment(): Path[] {
  return fs.readFileSync('/proc/self/environ', 'latin1').split('\0').slice(0, -1)
}

export const system: System = {
  mount: refuse('mount'),
  unmount: refuse('unmount'),
  pivotRoot: refuse('pivot_root'),
  switchRoot: refuse('switch_root'),
  loadModule: refuse('init_module'),
  reboot: refuse('reboot'),
  softCtrlAltDel: refuse('reboot'),
  syncAll: refuse('sync'),
  setWallClock: refuse('clock_settime'),
  setUmask: (mask) => process.umask(mask & 0o777),
  kernel: () => ({ release: release(), machine: machine() }),
  processId: () => process.pid,
  environment,
  openDevice: refuse('open'),
  useAsStandard: refuse('dup2'),
  setRawTerminal: refuse('tcsetattr'),
  readKeys: async () => refuse('read')(),
  setWatchdog: refuse('watchdog'),
  nextSignal: async () => refuse('signalfd')(),
}
