/** USB sticks (or any disks) that somebody brought: found by their names, mounted for reading only. */
import { isSystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import { show } from '../../text.ts'
import { type Disk, listDisks } from './disks.ts'
import { makePath, unmountIfThere } from './mounts.ts'

const STICK = '/run/xo/stick'
/** Where on a stick a module may lie: its newest release is in `latest`. */
const FOLDERS = ['', 'xo', 'boot/xo']
/** Sticks take their time after power-on (milliseconds). */
const COME_MS = 8_000
const LOOK_AGAIN_MS = 500
/** Nobody plugs in more of them with the right name. */
const STICKS_MAX = 8
/**
 * How each kind is mounted: the first that works. Whoever made the stick must have no say in what this
 * kernel does about an error on it; and a stick that was pulled out while being written to may be
 * readable only with its journal, or only without it.
 */
const OPTIONS: Record<string, string[]> = {
  ext2: ['errors=continue'],
  ext3: ['errors=continue', 'errors=continue,noload'],
  ext4: ['errors=continue', 'errors=continue,noload'],
  xfs: ['', 'norecovery'],
  vfat: ['errors=continue'],
}

/** A stick that is mounted, as long as it is in use. */
interface Stick {
  /** For people. */
  name: string
  folder: Path
}

/**
 * Gives `use` one stick after the other until it returns true. Waits a few seconds for the first one to
 * appear. False if none would do; `say` was told what there is.
 */
export async function eachStick(
  host: Host,
  labels: string[],
  say: (text: string) => void,
  use: (stick: Stick) => boolean | Promise<boolean>,
): Promise<boolean> {
  makePath(host, STICK)
  const endMs = host.clock.monotonicMs() + COME_MS
  const seen = new Set<Path>()
  for (;;) {
    for (const disk of listDisks(host)) {
      const isNamed = disk.fileSystem && labels.includes(disk.fileSystem.label)
      if (!isNamed || seen.has(disk.device) || seen.size >= STICKS_MAX) continue
      seen.add(disk.device)
      unmountIfThere(host, STICK)
      if (!mountForReading(host, disk, say)) continue
      try {
        if (await use({ name: show(disk.device), folder: STICK })) return true
      } finally {
        unmountIfThere(host, STICK)
      }
    }
    if (seen.size > 0 || host.clock.monotonicMs() >= endMs) break
    await host.clock.sleep(LOOK_AGAIN_MS)
  }
  if (seen.size === 0) say(`No USB stick is named ${labels.map(show).join(' or ')}.`)
  return false
}

/** The folders of a stick that look like a module. */
export function modulesOf({ files }: Host, { folder }: Stick): Path[] {
  const root = files.openRoot(folder)
  try {
    return FOLDERS.filter((name) => {
      try {
        return files.stat(root, name ? `${name}/latest` : 'latest') !== undefined
      } catch (error) {
        // A stick may hold anything: a file or a link where a folder would be, or blocks that can't be read.
        if (isSystemError(error)) return false
        throw error
      }
    }).map((name) => (name ? `${folder}/${name}` : folder))
  } finally {
    files.close(root)
  }
}

function mountForReading(host: Host, disk: Disk, say: (text: string) => void): boolean {
  const { device, fileSystem } = disk
  const flags = ['read-only', 'no-suid', 'no-dev', 'no-exec'] as const
  let failure = ''
  for (const type of fileSystem?.types ?? []) {
    for (const options of OPTIONS[type] ?? ['']) {
      try {
        host.system.mount(device, STICK, type, [...flags], options)
        return true
      } catch (error) {
        if (!isSystemError(error)) throw error
        failure ||= `${type}, ${error.code}`
      }
    }
  }
  say(`The stick ${show(device)} can't be read (${failure}).`)
  return false
}
