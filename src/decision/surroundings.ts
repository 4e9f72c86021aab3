/**
 * What speaks against an upgrade right now, as the machine tells it: files in `inhibit.d`, the power
 * supply, the load, the hour. It only reads; whatever can't be read is no objection.
 */
import { isSystemError } from '../errors.ts'
import type { Fd, Files, Host, Path } from '../host.ts'
import { minuteOfDay } from '../hours.ts'
import { readFile } from '../small-file.ts'
import { bytesOfArray, show } from '../text.ts'
import type { RoundFacts } from './decide.ts'

const SIZE_MAX = 4096
const POWER_SUPPLIES = '/sys/class/power_supply'
/** Runnable processes on average over a minute: below, nobody waits for anything. */
const IDLE_LOAD = 0.5

/** What is read, besides the folder of inhibitors. */
export const SURROUNDINGS_PLACES: readonly Path[] = [
  POWER_SUPPLIES,
  '/sys/devices',
  '/proc/loadavg',
]

type Surroundings = Pick<RoundFacts, 'inhibitors' | 'onBattery' | 'idle' | 'minute'>

/** The two folders are the machine's own, except in tests. */
export function readSurroundings(
  { files, clock }: Pick<Host, 'files' | 'clock'>,
  inhibitPath: Path,
  root: Path = '',
): Surroundings {
  return {
    inhibitors: namesOf(files, inhibitPath),
    onBattery: isOnBattery(files, `${root}${POWER_SUPPLIES}`),
    idle: isIdle(files, `${root}/proc`),
    minute: minuteOfDay(clock.wallSeconds()),
  }
}

/** Files whose names begin with a dot, or end like editors' backup files, don't count. */
function namesOf(files: Files, path: Path): string[] {
  const names = within(files, path, (directory) => files.readDirectory(directory, '.'))
  return (names ?? []).filter((name) => !/^\.|~$/.test(name)).map(show)
}

/** A battery discharges and no mains supply is online. No supply at all is a machine on mains. */
function isOnBattery(files: Files, path: Path): boolean {
  const battery = within(files, path, (directory) => {
    let discharging = false
    for (const name of files.readDirectory(directory, '.')) {
      // The entries are links into /sys/devices, so each is opened by its path of the system.
      const read = (key: string) => textIn(files, `${path}/${name}`, key)
      const isMains = read('type') === 'Mains' || read('type') === 'USB'
      if (isMains && read('online') === '1') return false
      if (read('type') === 'Battery' && read('scope') !== 'Device') {
        discharging ||= read('status') === 'Discharging'
      }
    }
    return discharging
  })
  return battery ?? false
}

function isIdle(files: Files, proc: Path): boolean {
  const load = Number(textIn(files, proc, 'loadavg')?.split(' ')[0])
  return !(load >= IDLE_LOAD)
}

function textIn(files: Files, folder: Path, name: Path): string | undefined {
  return within(files, folder, (directory) => {
    const content = readFile(files, directory, name, SIZE_MAX)
    return content && bytesOfArray(content).trim()
  })
}

function within<Result>(
  files: Files,
  path: Path,
  use: (directory: Fd) => Result,
): Result | undefined {
  let directory: Fd
  try {
    directory = files.openRoot(path)
  } catch (error) {
    if (isSystemError(error)) return undefined
    throw error
  }
  try {
    return use(directory)
  } catch (error) {
    // A supply being unplugged answers ENODEV.
    if (isSystemError(error)) return undefined
    throw error
  } finally {
    files.close(directory)
  }
}
