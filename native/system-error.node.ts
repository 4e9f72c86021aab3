/**
 * The Node side's way to throw what the C side throws (runtime/host/values.c): errors of the same shape
 * and with the same names. It must never let an error of Node's own shape through.
 */
import { constants } from 'node:os'
import koffi from 'koffi'
import type { SystemError } from '../src/errors.ts'

const strerror = koffi.load(null).func('strerror', 'str', ['int'])

/** If two names share a number, the first in this list counts. */
const PREFERRED = ['EAGAIN', 'EOPNOTSUPP', 'EDEADLK']
const codes = new Map<number, string>()
for (const [code, number] of Object.entries(constants.errno)) {
  if (!codes.has(number) || PREFERRED.includes(code)) codes.set(number, code)
}

export function systemError(call: string, path: string | undefined, errno: number): SystemError {
  const code = codes.get(errno) ?? 'EUNKNOWN'
  return named(call, path, code, errno, strerror(errno))
}

/** The same by its name; also for the codes of the resolver, which have no number of their own. */
export function systemErrorOf(call: string, path: string | undefined, code: string): SystemError {
  const errno = constants.errno[code as keyof typeof constants.errno] as number | undefined
  if (errno !== undefined) return systemError(call, path, errno)
  return named(call, path, code, constants.errno.ENOENT, 'Name does not resolve')
}

/** Runs a function of Node's and turns what it throws into our shape. */
export function converting<T>(call: string, path: string | undefined, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw converted(call, path, error)
  }
}

/** An error of Node's in our shape; anything but an error of the system stays as it is. */
export function converted(call: string, path: string | undefined, error: unknown): unknown {
  const { errno } = error as NodeJS.ErrnoException
  return typeof errno === 'number' && errno < 0 ? systemError(call, path, -errno) : error
}

function named(
  call: string,
  path: string | undefined,
  code: string,
  errno: number,
  text: string,
): SystemError {
  const subject = path === undefined ? call : `${call} "${path}"`
  const error = new Error(`${subject}: ${text} (${code})`)
  return Object.assign(error, { name: 'SystemError' as const, call, path: path ?? '', code, errno })
}
