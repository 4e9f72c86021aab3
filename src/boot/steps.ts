/**
 * The steps from power-on to an open store, as a table. Each can be repeated: when one fails, all of
 * them run again, once whatever was missing may have appeared.
 */

import { freshnessOf, staleWarning } from '../call-home/freshness.ts'
import { leaseSeconds } from '../call-home/lock.ts'
import { parseStorePlace, type StorePlace } from '../device/store-place.ts'
import { BusyError, ConfigError, isSystemError } from '../errors.ts'
import type { Fd, Host } from '../host.ts'
import { salvageState, signedSeconds } from '../store/state.ts'
import { Store } from '../store/store.ts'
import { show } from '../text.ts'
import { type Boot, DISK_MOUNT, type Step } from './boot.ts'
import { type Disk, listDisks, waitForDisk } from './machine/disks.ts'
import { parseKernelWords } from './machine/kernel-words.ts'
import { loadModules } from './machine/modules.ts'
import { makePath, mountOwn, unmountIfThere } from './machine/mounts.ts'
import { readFact } from './machine/small-facts.ts'
import { hasFired } from './machine/watchdog.ts'
import { nameStore } from './root/new-root.ts'
import { applyChoice, showMenu, wantsMenu } from './screen/menu.ts'
import { endMachine, rescueShell } from './screen/rescue.ts'
import { defaultBootSettings, readBootSettings, standingDevice } from './standing-device.ts'

/** Seconds after which a kernel that panics restarts, so that a broken system uses up its boots. */
const PANIC_SECONDS = '10'

export const STEPS: Step[] = [
  {
    name: 'proc',
    doing: 'mounting /proc',
    run: ({ host }) => mountOwn(host, 'proc', '/proc', ['no-suid', 'no-dev', 'no-exec']),
  },
  {
    name: 'sys',
    doing: 'mounting /sys',
    run: ({ host }) => mountOwn(host, 'sysfs', '/sys', ['no-suid', 'no-dev', 'no-exec']),
  },
  {
    name: 'dev',
    doing: 'mounting /dev',
    run: ({ host }) => mountOwn(host, 'devtmpfs', '/dev', ['no-suid'], 'mode=755'),
  },
  {
    name: 'run',
    doing: 'mounting /run',
    run({ host }) {
      mountOwn(host, 'tmpfs', '/run', ['no-suid', 'no-dev'], 'mode=755')
      makePath(host, DISK_MOUNT)
    },
  },
  { name: 'words', doing: "reading the kernel's command line", run: readWords },
  { name: 'console', doing: 'opening the consoles', run: openConsole },
  { name: 'settings', doing: 'reading the configuration', run: readSettings },
  {
    name: 'modules',
    doing: 'loading kernel modules',
    run: ({ host, console }) => loadModules(host, (text) => console.debug(text)),
  },
  {
    name: 'watchdog',
    doing: 'asking the watchdog',
    run({ host, ownsMachine, console }) {
      if (ownsMachine && hasFired(host)) {
        console.line('The watchdog has restarted this laptop: the system showed no sign of life.')
      }
    },
  },
  { name: 'menu', doing: 'offering the menu', run: offerMenu },
  { name: 'keys', doing: 'reading the public keys', run: readKeys },
  { name: 'disk', doing: 'looking for the disk of the store', run: findDisk },
  { name: 'mount', doing: 'mounting the disk of the store', run: mountDisk },
  { name: 'store', doing: 'opening the store', run: openStore },
  { name: 'clock', doing: 'setting the clock', run: setClock },
  { name: 'freshness', doing: 'looking how old the newest word is', run: sayStale },
]

function readWords({ host, ownsMachine, initWords, words }: Boot): void {
  // When started by hand, the machine's own command line is not meant for us.
  const text = ownsMachine ? readFact(host, '/proc/cmdline') : initWords.join(' ')
  const { menu, boot, recover } = words
  Object.assign(words, parseKernelWords(text.trim()))
  // A choice made in the menu before a step failed still stands.
  if (menu) Object.assign(words, { boot, recover })
}

function openConsole({ host, ownsMachine, console, words }: Boot): void {
  console.debugging = words.debug
  if (!ownsMachine) return
  console.open()
  try {
    host.system.softCtrlAltDel()
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
  for (const word of words.strange)
    console.line(`The word ${show(word)} of the kernel's command line means nothing.`)
  if (readFact(host, '/proc/sys/kernel/panic').trim() === '0') writePanic(host)
}

function writePanic({ system, files }: Host): void {
  try {
    const fd: Fd = system.openDevice('/proc/sys/kernel/panic', 'write')
    const digits = Uint8Array.from(PANIC_SECONDS, (digit) => digit.charCodeAt(0))
    files.write(fd, digits, 0, digits.length)
    files.close(fd)
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
}

/** A typo in the configuration must not keep a laptop from starting. */
function readSettings(boot: Boot): void {
  try {
    boot.settings = readBootSettings(boot.host)
  } catch (error) {
    if (!(error instanceof ConfigError) && !isSystemError(error)) throw error
    boot.console.line(`The configuration is ignored: ${show(error.message)}`)
    boot.settings = defaultBootSettings()
  }
}

async function offerMenu(boot: Boot): Promise<void> {
  const { host, console, words, settings } = boot
  if (boot.menuOffered) return
  boot.menuOffered = true
  if (!words.menu && !(await wantsMenu(console, settings.menuSeconds))) return
  words.menu = true
  for (;;) {
    const { choice, terminal } = await showMenu(console, settings.rescueShell)
    if (choice === 'restart') await endMachine(host, console, 'restart')
    if (choice === 'off') await endMachine(host, console, 'power-off')
    if (choice === 'shell') {
      await rescueShell(console, terminal)
      continue
    }
    applyChoice(words, choice)
    console.debugging = words.debug
    return
  }
}

function readKeys(boot: Boot): void {
  boot.keys = [...standingDevice(boot.host).configuredKeys().release]
}

async function findDisk(boot: Boot): Promise<void> {
  const { host, console, words, settings } = boot
  const text = words.store ?? settings.store
  if (text === undefined) {
    throw new ConfigError(
      'nothing says which disk holds the store',
      'name it with xo.store=LABEL=… on the kernel command line, or as boot.store',
    )
  }
  const place = parseStorePlace(text)
  const seconds = words.waitSeconds ?? settings.storeWaitSeconds
  console.line(`Looking for the disk ${show(text)} ...`)
  const disk = await waitForDisk(host, place, seconds * 1000)
  if (!disk) throw notFound(host, place, seconds)
  Object.assign(boot, { place, disk })
}

function notFound(host: Host, place: StorePlace, seconds: number): ConfigError {
  const disks = listDisks(host).map(({ device, fileSystem }) => {
    const { types = [], label = '', uuid = '' } = fileSystem ?? {}
    return [show(device), types[0], label && `"${show(label)}"`, uuid].filter(Boolean).join(' ')
  })
  return new ConfigError(
    `the disk ${show(place.text)} did not appear within ${seconds} s`,
    disks.length > 0 ? `there are: ${disks.join('; ')}` : 'there is no disk at all',
  )
}

function mountDisk(boot: Boot): void {
  const { host, console, disk } = boot
  if (!disk) return
  // What a failed start has left there.
  unmountIfThere(host, DISK_MOUNT)
  const types = disk.fileSystem?.types ?? []
  if (types.length === 0) {
    throw new ConfigError(
      `${show(disk.device)} holds no file system that we know`,
      'it is empty, or something wrote over its beginning',
    )
  }
  boot.writable = mountFirst(host, disk, types, false)
  if (!boot.writable) {
    console.line('The disk cannot be written to: it is mounted read-only.')
    mountFirst(host, disk, types, true)
  }
}

/** False if it can be mounted with none of the types; read-only, that throws. */
function mountFirst({ system }: Host, disk: Disk, types: string[], readOnly: boolean): boolean {
  let failure: unknown
  for (const type of types) {
    try {
      const flags = readOnly ? (['no-atime', 'read-only'] as const) : (['no-atime'] as const)
      system.mount(disk.device, DISK_MOUNT, type, [...flags], '')
      return true
    } catch (error) {
      if (!isSystemError(error)) throw error
      failure = error
    }
  }
  if (readOnly) throw failure
  return false
}

function openStore(boot: Boot): void {
  const { host, console, place } = boot
  if (boot.store) return
  const path = place?.folder ? `${DISK_MOUNT}/${place.folder}` : DISK_MOUNT
  if (boot.writable && place?.folder) makePath(host, path)
  const store = Store.open(host, path, boot.writable)
  try {
    if (boot.writable) store.lock()
  } catch (error) {
    if (!isSystemError(error) && !(error instanceof BusyError)) throw error
    console.line('The store cannot be written to.')
    boot.writable = false
  }
  boot.store = store
  nameStore(host, path)
}

/**
 * A battery that died leaves the clock in the past: it can't be earlier than what home said, and what
 * ran since; where home was never heard, than the newest release.
 */
function setClock({ host, ownsMachine, console, store }: Boot): void {
  const state = store && salvageState(store)
  const seconds = state ? leaseSeconds(state) || signedSeconds(state) : 0
  if (!ownsMachine || host.clock.wallSeconds() >= seconds) return
  try {
    host.system.setWallClock(seconds)
    console.line('The clock was behind; it is set to the newest signed time.')
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
}

function sayStale({ host, console, store, settings }: Boot): void {
  if (!store) return
  const wallSeconds = host.clock.wallSeconds()
  const warning = staleWarning(freshnessOf(salvageState(store), wallSeconds, settings.staleDays))
  if (warning !== undefined) console.line(warning)
}

/** Lets go of the disk, so that it can be looked for again. */
export function letGoOfStore(boot: Boot): void {
  boot.known = ''
  boot.store?.close()
  boot.store = undefined
  unmountIfThere(boot.host, DISK_MOUNT)
}
