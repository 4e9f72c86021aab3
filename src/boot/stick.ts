/** A USB stick (or any disk) with a release on it: found by its name, mounted for reading only. */
import { isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { show } from '../text.ts'
import { type Disk, listDisks } from './disks.ts'
import { makePath, unmountIfThere } from './mounts.ts'

const STICK = '/run/xo/stick'
/** Where on a stick a module may lie: its newest release is in `latest`. */
const FOLDERS = ['', 'xo', 'boot/xo']
/** Sticks take their time after power-on (milliseconds). */
const COME_MS = 8_000
const LOOK_AGAIN_MS = 500

/** Mounts the first stick with one of the names that holds a release, and returns its module's folder. */
export async function mountStick(
  host: Host,
  labels: string[],
  say: (text: string) => void,
): Promise<Path | undefined> {
  return mountNamed(host, labels, say, (disk) => {
    const root = host.files.openRoot(STICK)
    try {
      const latest = (folder: Path) => (folder ? `${folder}/latest` : 'latest')
      const found = FOLDERS.find((folder) => host.files.stat(root, latest(folder)))
      if (found !== undefined) return found ? `${STICK}/${found}` : STICK
    } finally {
      host.files.close(root)
    }
    say(`The stick ${show(disk.device)} holds no release.`)
    return undefined
  })
}

/** Mounts the first stick with one of the names that `choose` finds a folder on. */
export async function mountNamed(
  host: Host,
  labels: string[],
  say: (text: string) => void,
  choose: (disk: Disk) => Path | undefined = () => STICK,
): Promise<Path | undefined> {
  unmountIfThere(host, STICK)
  makePath(host, STICK)
  const endMs = host.clock.monotonicMs() + COME_MS
  const seen = new Set<Path>()
  for (;;) {
    for (const disk of listDisks(host)) {
      const isNamed = disk.fileSystem && labels.includes(disk.fileSystem.label)
      if (!isNamed || seen.has(disk.device)) continue
      seen.add(disk.device)
      if (!mountForReading(host, disk, say)) continue
      const folder = choose(disk)
      if (folder !== undefined) return folder
      unmountIfThere(host, STICK)
    }
    if (host.clock.monotonicMs() >= endMs) break
    await host.clock.sleep(LOOK_AGAIN_MS)
  }
  if (seen.size === 0) say(`No USB stick is named ${labels.map(show).join(' or ')}.`)
  return undefined
}

export function unmountStick(host: Host): void {
  unmountIfThere(host, STICK)
}

function mountForReading(host: Host, disk: Disk, say: (text: string) => void): boolean {
  const { device, fileSystem } = disk
  for (const type of fileSystem?.types ?? []) {
    try {
      const flags = ['read-only', 'no-suid', 'no-dev', 'no-exec'] as const
      host.system.mount(device, STICK, type, [...flags], '')
      return true
    } catch (error) {
      if (!isSystemError(error)) throw error
      say(`The stick ${show(device)} can't be read as ${type} (${error.code}).`)
    }
  }
  return false
}
