/**
 * The watchdog of a trial: a machine that hangs before its system is up starts again by itself. The
 * device is left running when it is closed; the system takes it over, or `confirm` stops it.
 */
import { isSystemError } from '../../errors.ts'
import type { Fd, Host } from '../../host.ts'
import { makePath } from './mounts.ts'
import { listFacts, readFact } from './small-facts.ts'

const DEVICE = '/dev/watchdog'
/** What the kernel tells about it without its being opened. */
const FACTS = '/sys/class/watchdog/watchdog0'
/** WDIOF_CARDRESET: it caused the last restart. */
const HAS_FIRED = 0x20
/** Exists while a trial's watchdog runs: opening the device of an idle watchdog would start it. */
const MARK_FOLDER = '/run/xo'
const MARK = 'watchdog'
/** Tells the driver that closing is intended: it stops instead of running on. */
const STOP = 'V'.charCodeAt(0)

/** Whether it restarted the machine, as far as the device remembers. */
export function hasFired(host: Host): boolean {
  return (Number(readFact(host, `${FACTS}/bootstatus`)) & HAS_FIRED) !== 0
}

/** Arms it. Returns a sentence: how long it waits, or why it is not armed. */
export function armWatchdog(host: Host, seconds: number): string {
  // `confirm` could not stop it: it would end every boot of a system that does not feed it.
  if (readFact(host, `${FACTS}/nowayout`).trim() === '1') {
    return 'The watchdog is left alone: once started, it can never be stopped.'
  }
  const fd = openWatchdog(host)
  if (fd === 'EBUSY') return 'The watchdog is left to the program that feeds it already.'
  if (typeof fd === 'string') return 'There is no watchdog device.'
  try {
    const taken = host.system.setWatchdog(fd, seconds)
    if (taken >= seconds) {
      host.files.close(fd)
      if (readFact(host, `${FACTS}/state`).trim() === 'inactive') {
        return 'The watchdog is of no use: it stops when nobody holds it.'
      }
      makePath(host, `${MARK_FOLDER}/${MARK}`)
      return `The watchdog starts the laptop again after ${taken} s without a sign of life.`
    }
    stop(host, fd)
    // Armed, it would end healthy boots.
    return `The watchdog is left alone: it waits ${taken} s at most, and ${seconds} are wanted.`
  } catch (error) {
    if (!isSystemError(error)) throw error
    stop(host, fd)
    return `The watchdog can't be set (${error.code}).`
  }
}

/** Stops what `armWatchdog` armed, unless somebody has taken it over: whoever has it open keeps it. */
export function disarmWatchdog(host: Host): void {
  if (!listFacts(host, MARK_FOLDER).includes(MARK)) return
  const fd = openWatchdog(host)
  if (typeof fd === 'number') stop(host, fd)
}

/** Or the error's code: EBUSY if somebody else holds it. */
function openWatchdog(host: Host): Fd | string {
  try {
    return host.system.openDevice(DEVICE, 'write')
  } catch (error) {
    if (isSystemError(error)) return error.code
    throw error
  }
}

function stop({ files }: Host, fd: Fd): void {
  try {
    files.write(fd, Uint8Array.of(STOP), 0, 1)
  } finally {
    files.close(fd)
  }
}
