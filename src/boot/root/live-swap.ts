/**
 * The new tree takes over without a restart of the kernel. systemd does it itself (a soft reboot into
 * /run/nextroot); elsewhere the root is pivoted under the feet of the init, which then restarts.
 * Whatever can be checked beforehand is, because after the swap the only way is forward.
 */

import type { BootSettings } from '../../device/boot-settings.ts'
import { ConfigError, isSystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import type { Store } from '../../store/store.ts'
import { show } from '../../text.ts'
import { CHILD_ENVIRONMENT } from '../machine/child-environment.ts'
import { parseKernelWords } from '../machine/kernel-words.ts'
import { makePath, unmountIfThere } from '../machine/mounts.ts'
import { isThere, listFacts, readFact } from '../machine/small-facts.ts'
import { armWatchdog, disarmWatchdog } from '../machine/watchdog.ts'
import { calmTable, giveTable, hasFile, INITTAB, runningTable } from './inittab.ts'
import { assemble, hasFolder, nameStore, STORE_PLACE } from './new-root.ts'

/** systemd looks here for the root of a soft reboot, and leaves alone what is mounted below it. */
const NEXT_ROOT = '/run/nextroot'
const SYSTEMD_MIN = 254
/** In the new tree: where the old one stays visible after a pivot. */
const OLD_ROOT = 'mnt'
/** Where a system says what it is. */
const NAMES = ['etc/os-release', 'usr/lib/os-release']
const OWN = ['dev', 'proc', 'sys', 'run']
const TEXT_MAX = 4096

type Way = { by: 'systemd'; init: 'systemd' } | { by: 'pivot'; init: 'busybox' | 'sysvinit' }

/** How this system can be swapped live; throws a ConfigError where it can't. Changes nothing. */
export async function findWay(host: Host): Promise<Way> {
  if (
    listFacts(host, '/run/systemd/system').length > 0 ||
    readFact(host, '/proc/1/comm') === 'systemd\n'
  ) {
    const said = await outputOf(host, ['systemctl', '--version'])
    const version = Number(/^systemd ([0-9]+)/.exec(said)?.[1] ?? 0)
    if (version >= SYSTEMD_MIN) return { by: 'systemd', init: 'systemd' }
    throw new ConfigError(
      `a live swap needs systemd ${SYSTEMD_MIN}, and this is ${version || 'one that does not say'}`,
      'run `xo-upgrade swap`, then restart',
    )
  }
  const program = linkOf(host, '/proc/1', 'exe')
  if (program.endsWith('/busybox')) return { by: 'pivot', init: 'busybox' }
  // Only sysvinit is controlled by a program that is the same file.
  if (/\/init$/.test(program) && isThere(host, '/sbin/telinit')) {
    return { by: 'pivot', init: 'sysvinit' }
  }
  throw new ConfigError(
    `the init of this system (${show(program || 'unknown')}) can't be handed another root`,
    'run `xo-upgrade swap`, then restart',
  )
}

interface LiveSwap {
  host: Host
  store: Store
  settings: BootSettings
  note(text: string): void
}

/** To be called after the swap. Returns when the init has been told; that may end running programs. */
export async function takeOver(swap: LiveSwap, way: Way): Promise<void> {
  const { host, settings, note } = swap
  // sysvinit restarts no service, so nobody would confirm and stop it.
  const armed = settings.watchdogSeconds > 0 && way.init !== 'sysvinit'
  if (armed) note(armWatchdog(host, settings.watchdogSeconds))
  try {
    await handOverLive(swap, way)
  } catch (error) {
    if (armed) disarmWatchdog(host)
    throw error
  }
}

async function handOverLive({ host, store, settings, note }: LiveSwap, way: Way): Promise<void> {
  const words = parseKernelWords(readFact(host, '/proc/cmdline').trim())
  const root = words.root ?? settings.root
  const job = { host, store, settings, root, note, writable: true, tree: 'fakeroot' as const }
  const path = `${store.path}/fakeroot/root`
  checkTree(host, path, way)
  makePath(host, '/run/xo')
  if (way.by === 'systemd') {
    unmountIfThere(host, NEXT_ROOT)
    makePath(host, NEXT_ROOT)
    assemble({ ...job, path: NEXT_ROOT })
    nameStore(host, `/${STORE_PLACE}`)
    await mustRun(host, ['systemctl', '--no-block', 'soft-reboot'])
    return
  }
  const table = way.init === 'busybox' ? calmTable(runningTable(host)) : undefined
  // Where mounts are shared with other namespaces, a root can't be pivoted.
  host.system.mount('', '/', '', ['private', 'recursive'], '')
  assemble({ ...job, path })
  host.system.pivotRoot(path, `${path}/${OLD_ROOT}`)
  for (const own of OWN) moveBack(host, own)
  if (table !== undefined) await giveTable(host, table, () => mustRun(host, signal('HUP')))
  const restart = way.init === 'busybox' ? signal('QUIT') : ['telinit', 'u']
  await mustRun(host, restart)
}

const signal = (name: string) => ['sh', '-c', `kill -${name} 1`]

/** Before anything is changed: the new tree has what a live swap needs. */
export function checkTree(host: Host, root: Path, { init }: Way): void {
  const refused = (why: string) =>
    new ConfigError(why, 'restart instead: the new version starts then')
  // systemd lets go of everything that is not mounted in the new root, the store's disk included.
  for (const folder of [...OWN, init === 'systemd' ? STORE_PLACE : OLD_ROOT]) {
    if (hasFolder(host, root, folder)) continue
    throw refused(`the new system has no folder /${folder}, which a live swap needs`)
  }
  // Without it systemd sees no system there, and a soft reboot leads back into the old one.
  if (init === 'systemd' && !NAMES.some((name) => hasFile(host, root, name))) {
    throw refused('the new system has no /etc/os-release, which a live swap needs')
  }
  if (init !== 'busybox' || hasFile(host, root, INITTAB.slice(1))) return
  if (calmTable(runningTable(host)) === undefined) return
  throw refused(
    `the init unmounts everything at its end, and the new system has no ${INITTAB} to say otherwise`,
  )
}

/** What the kernel and the old system keep there carries over into the new root. */
function moveBack({ system }: Host, own: Path): void {
  try {
    system.mount(`/${OLD_ROOT}/${own}`, `/${own}`, '', ['move'], '')
  } catch (error) {
    // EINVAL: the old system had nothing mounted there.
    if (!isSystemError(error, 'EINVAL')) throw error
  }
}

async function mustRun({ processes }: Host, command: Path[]): Promise<void> {
  const child = processes.start({ command, environment: CHILD_ENVIRONMENT, pipe: false })
  const status = await child.ended
  if (status === 0) return
  throw new ConfigError(
    `${command.join(' ')} ended with status ${status}`,
    'the new version is in its place: restart, and it runs',
  )
}

async function outputOf({ processes, sockets }: Host, command: Path[]): Promise<string> {
  const child = processes.start({ command, environment: CHILD_ENVIRONMENT, pipe: true })
  const buffer = new Uint8Array(TEXT_MAX)
  let length = 0
  try {
    while (child.stream && length < TEXT_MAX) {
      const count = await sockets.read(child.stream, buffer, length, TEXT_MAX - length, 10_000)
      if (count === 0) break
      length += count
    }
  } finally {
    if (child.stream) sockets.close(child.stream)
  }
  await child.ended
  return String.fromCharCode(...buffer.subarray(0, length))
}

function linkOf({ files }: Host, folder: Path, name: Path): Path {
  const fd = files.openRoot(folder)
  try {
    return files.readLink(fd, name)
  } catch (error) {
    if (isSystemError(error)) return ''
    throw error
  } finally {
    files.close(fd)
  }
}
