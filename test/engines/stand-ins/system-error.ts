/** Stands in for native/system-error.node.ts: an error of the system by its name. */

import { type Code, systemError } from '../../../runtime/emulator/disk/system-error.ts'
import type { SystemError } from '../../../src/errors.ts'

export const systemErrorOf = (call: string, path: string | undefined, code: Code): SystemError =>
  systemError(call, path, code)
