/**
 * The disks of the machine: which there are, what each holds, and waiting for the one that is meant.
 * A disk that can't be read does not count; nothing here writes to one.
 */

import type { StorePlace } from '../../device/store-place.ts'
import { isSystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import { listFacts, readFact } from './small-facts.ts'
import { type FileSystem, identify } from './superblock.ts'

export interface Disk {
  /** What to mount: `/dev/sda1`. */
  device: Path
  partitionLabel: string
  /** Undefined if it holds none that we know. */
  fileSystem: FileSystem | undefined
}

const BLOCK_FOLDER = '/sys/class/block'
/** How often to look for a disk that has not come yet. */
const LOOK_AGAIN_MS = 200

/** What is known of disks already: reading a slow stick once is enough. */
type KnownDisks = Map<string, Disk>

export function listDisks(host: Host, known: KnownDisks = new Map()): Disk[] {
  const names = listFacts(host, BLOCK_FOLDER)
  for (const name of [...known.keys()]) if (!names.includes(name)) known.delete(name)
  return names.flatMap((name) => {
    const disk = known.get(name) ?? look(host, name)
    if (disk?.fileSystem) known.set(name, disk)
    return disk ? [disk] : []
  })
}

/** Waits until the disk is there; undefined if it did not appear in time. */
export async function waitForDisk(
  host: Host,
  place: StorePlace,
  timeoutMs: number,
): Promise<Disk | undefined> {
  if (place.by === 'device' && !place.value.startsWith('/dev/')) return flashOf(place)
  const known: KnownDisks = new Map()
  const endMs = host.clock.monotonicMs() + timeoutMs
  for (;;) {
    const found = listDisks(host, known).find((disk) => isMeant(disk, place))
    if (found) return found
    if (host.clock.monotonicMs() >= endMs) return undefined
    await host.clock.sleep(LOOK_AGAIN_MS)
  }
}

function isMeant({ device, partitionLabel, fileSystem }: Disk, place: StorePlace): boolean {
  const { by, value } = place
  if (by === 'device') return device === value
  if (by === 'partition-label') return partitionLabel === value
  if (!fileSystem) return false
  return by === 'uuid' ? fileSystem.uuid === value : fileSystem.label === value
}

/** Flash is not a block device: the file system finds it by itself. */
function flashOf({ value }: StorePlace): Disk {
  const types = value.startsWith('ubi') ? ['ubifs'] : ['jffs2']
  return { device: value, partitionLabel: '', fileSystem: { types, uuid: '', label: '' } }
}

function look(host: Host, name: Path): Disk | undefined {
  const properties = new Map(
    readFact(host, `${BLOCK_FOLDER}/${name}/uevent`)
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  const node = properties.get('DEVNAME')
  const isEmpty = Number(readFact(host, `${BLOCK_FOLDER}/${name}/size`)) === 0
  if (!node || isEmpty || /^(ram|zram|fd|dm-.*-cow)[0-9]*$/.test(name)) return undefined
  const device = `/dev/${node}`
  return {
    device,
    partitionLabel: properties.get('PARTNAME') ?? '',
    fileSystem: fileSystemOf(host, device),
  }
}

function fileSystemOf({ system, files }: Host, device: Path): FileSystem | undefined {
  try {
    const fd = system.openDevice(device, 'read')
    try {
      return identify((position, length) => {
        const buffer = new Uint8Array(length)
        return buffer.subarray(0, files.read(fd, buffer, 0, length, position))
      })
    } finally {
      files.close(fd)
    }
  } catch (error) {
    if (isSystemError(error)) return undefined
    throw error
  }
}
