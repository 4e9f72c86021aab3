/**
 * The serial number of this machine: what the configuration says, or else what the firmware says.
 * Nothing else ever identifies a laptop to its home server.
 */
import { ConfigError, isSystemError } from '../errors.ts'
import type { Files, Path } from '../host.ts'
import { readSystemFile } from '../small-file.ts'
import { bytesOfArray } from '../text.ts'
import { isSerial } from './reply.ts'

/** An XO's Open Firmware in two spellings and its manufacturing data, then what PCs have. */
export const SERIAL_PLACES: readonly Path[] = [
  '/ofw/serial-number',
  '/ofw/mfg-data/SN',
  '/proc/device-tree/serial-number',
  '/proc/device-tree/mfg-data/SN',
  '/sys/class/dmi/id/product_serial',
]
const SIZE_MAX = 4096
/** What makers of PCs write where a number belongs. */
const EMPTY = /^(|0+|none|default.string|to.be.filled.*|system.serial.number|not.specified|n.?a)$/i

/** Throws a ConfigError where the machine has none and the configuration names none. */
export function readSerial(files: Files, configured: string | undefined): string {
  if (configured !== undefined) return configured
  for (const place of SERIAL_PLACES) {
    const serial = tidy(read(files, place))
    if (serial !== undefined) return serial
  }
  throw new ConfigError(
    'this machine has no serial number that can be read',
    'give it one: `serial = …` in the section [device] of the configuration',
  )
}

function read(files: Files, path: Path): string {
  try {
    return bytesOfArray(readSystemFile(files, path, SIZE_MAX))
  } catch (error) {
    // Only root may read some of them.
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ENODEV', 'EIO')) return ''
    throw error
  }
}

/** Without the NUL of Open Firmware; blanks and the like inside become dashes. */
function tidy(text: string): string | undefined {
  const trimmed = (text.split('\0')[0] ?? '').trim()
  if (EMPTY.test(trimmed)) return undefined
  const serial = trimmed.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  return isSerial(serial) ? serial : undefined
}
