/**
 * The table of a busybox init before it restarts in another root: at its end it runs the lines of
 * `shutdown`, and one that unmounts everything would take /proc, the store and the user's data from
 * the new system. So the init is given a table without such lines; once it has read that, the new
 * system's own is put back in its place. To be called in the new root.
 */
import { ConfigError, isSystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import { arrayOfBytes } from '../../text.ts'
import { bind } from '../machine/mounts.ts'
import { readFact } from '../machine/small-facts.ts'

export const INITTAB = '/etc/inittab'
const FOLDER = '/run/xo'
const GIVEN = 'inittab'
/** Appears once the init has read the table that it was given. */
const READ = 'inittab.read'
/** An older busybox looks at its signals once a second (milliseconds). */
const READ_TIMEOUT_MS = 10_000
const LOOK_AGAIN_MS = 100
/** What busybox does without a table, as far as its end goes. */
const DEFAULT =
  '::ctrlaltdel:reboot\n::shutdown:swapoff -a\n::shutdown:umount -a -r\n::restart:init\n'
const RESTART = '::restart:/sbin/init'

/** Undefined if the table will do as it is. `text` is '' if there is none. */
export function calmTable(text: string): string | undefined {
  const lines = (text === '' ? DEFAULT : text).split('\n')
  const calm = lines.filter((line) => actionOf(line) !== 'shutdown' || !/\bumount\b/.test(line))
  const restarts = lines.some((line) => actionOf(line) === 'restart')
  if (restarts && calm.length === lines.length) return undefined
  if (!restarts) calm.push(RESTART)
  return `${calm.filter(Boolean).join('\n')}\n`
}

/** `id:runlevels:action:process` */
function actionOf(line: string): string | undefined {
  return line.startsWith('#') ? undefined : line.split(':')[2]
}

/** Gives the init the table, and takes it back once it was read. */
export async function giveTable(host: Host, table: string, tell: () => Promise<void>) {
  writeTable(host, `${table}null::respawn:/bin/sh -c ': >${FOLDER}/${READ}; sleep 60'\n`)
  bind(host, `${FOLDER}/${GIVEN}`, INITTAB)
  try {
    await tell()
    await untilRead(host)
  } finally {
    host.system.unmount(INITTAB, true)
  }
}

function writeTable({ files }: Host, text: string): void {
  const folder = files.openRoot(FOLDER)
  try {
    for (const name of [GIVEN, READ]) if (files.stat(folder, name)) files.removeFile(folder, name)
    const fd = files.createFile(folder, GIVEN, 0o644)
    try {
      const bytes = arrayOfBytes(text)
      files.write(fd, bytes, 0, bytes.length)
    } finally {
      files.close(fd)
    }
  } finally {
    files.close(folder)
  }
}

async function untilRead(host: Host): Promise<void> {
  const { clock } = host
  const endMs = clock.monotonicMs() + READ_TIMEOUT_MS
  while (!hasFile(host, FOLDER, READ)) {
    if (clock.monotonicMs() >= endMs) {
      throw new ConfigError(
        'the init does not read its table again, and its old one may unmount everything',
        'the new version is in its place: restart, and it runs',
      )
    }
    await clock.sleep(LOOK_AGAIN_MS)
  }
}

/** The table that the init of the running system has read. */
export function runningTable(host: Host): string {
  return readFact(host, INITTAB)
}

/** Whether a file is there; no link on the way counts. */
export function hasFile({ files }: Host, folder: Path, path: Path): boolean {
  try {
    const fd = files.openRoot(folder)
    try {
      return files.stat(fd, path)?.type === 'file'
    } finally {
      files.close(fd)
    }
  } catch (error) {
    if (isSystemError(error)) return false
    throw error
  }
}
