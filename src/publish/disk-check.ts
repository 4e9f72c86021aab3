/**
 * What an entry asks of a disk that ext4 as mke2fs(8) makes it (blocks of 4 KiB, inodes of 256 bytes) doesn't
 * give. Publishers may have another disk than their devices, which would all refuse the release.
 */
import type { Entry } from '../release/manifest-line.ts'
import { show } from '../text.ts'
import { refuseUnless } from './exceptions.ts'
import type { Publishing } from './publishing.ts'

/** EXT4_LINK_MAX. */
const LINKS_MAX = 65_000
/** A block for all attributes of an inode, each with 16 bytes before its name (ext4 xattr.h). */
const XATTRS_MAX = 4096 - 32
const XATTR_HEAD = 16
/** A file of blocks of 4 KiB with 32 bits for their number (bytes). */
const SIZE_MAX = 16 * 1024 ** 4
/** Of its times: 34 bits, of which the lowest 2^31 are before 1970 (seconds). */
const SECONDS_MIN = -(2 ** 31)
const SECONDS_MAX = 2 ** 34 - 2 ** 31 - 1

export function refuseHardToHold({ image, allowed }: Publishing, entry: Entry): void {
  const asked = askedOfDisk(entry)
  if (asked === undefined) return
  refuseUnless(
    allowed,
    'disk',
    `${image.name}/${show(entry.path)} ${asked}, more than a common disk (ext4) holds`,
    'change it',
  )
}

/** A sentence without its subject; undefined if common disks hold it. */
export function askedOfDisk({ links, size, modified, xattrs }: Entry): string | undefined {
  if (links > LINKS_MAX) return `has ${links} names`
  if (size > SIZE_MAX) return `has ${size} bytes`
  const { seconds } = modified
  if (seconds < SECONDS_MIN || seconds > SECONDS_MAX) {
    return `was changed ${seconds} seconds after 1970`
  }
  const bytes = xattrs.reduce((sum, { name, value }) => {
    return sum + XATTR_HEAD + padded(name.length) + padded(value.length)
  }, 0)
  return bytes > XATTRS_MAX ? `has ${bytes} bytes of attributes` : undefined
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4
}
