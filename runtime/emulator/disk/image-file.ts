/**
 * A virtual disk as one file: a first line that names the format, a line of JSON with every inode,
 * then all contents one after the other. Only what is on the disk is saved: no handles, no locks.
 */
import type { FileType } from 'native:files'
import { ConfigError } from '../../../src/errors.ts'
import { arrayOfBytes, bytesOfArray } from '../../../src/text.ts'
import { type DiskOptions, VirtualDisk } from '../virtual-disk.ts'
import { type Inode, InodeTable } from './inodes.ts'

const HEAD = 'xo virtual disk 1\n'

interface SavedInode {
  number: number
  type: FileType
  mode: number
  uid: number
  gid: number
  time: [number, number]
  xattrs?: [string, string][]
  links: number
  device: [number, number]
  text?: string
  /** Of a regular file: its contents follow in the order of the inodes. */
  size?: number
  entries?: [string, number][]
}

interface SavedDisk {
  /** When it was last changed; older images don't say. */
  changed?: number
  bytes: number
  inodes: number
  exchange: boolean
  table: SavedInode[]
}

export function saveDisk(disk: VirtualDisk): Uint8Array {
  const inodes = [...disk.table.all()]
  const { bytes, inodes: inodesMax, exchange } = disk.options
  const table = inodes.map(savedInode)
  const changed = disk.changedSeconds
  const saved: SavedDisk = { changed, bytes, inodes: inodesMax, exchange, table }
  // JSON of byte strings is a byte string itself.
  const head = arrayOfBytes(`${HEAD}${JSON.stringify(saved)}\n`)
  const size = inodes.reduce((sum, { content }) => sum + (content?.size ?? 0), head.length)
  const file = new Uint8Array(size)
  file.set(head)
  let at = head.length
  for (const { content } of inodes) {
    if (!content) continue
    file.set(content.bytes.subarray(0, content.size), at)
    at += content.size
  }
  return file
}

function savedInode(inode: Inode): SavedInode {
  const { number, type, mode, uid, gid, seconds, nanoseconds, links, major, minor } = inode
  return {
    number,
    type,
    mode,
    uid,
    gid,
    time: [seconds, nanoseconds],
    links,
    ...(inode.xattrs.length > 0 && {
      xattrs: inode.xattrs.map(({ name, value }) => [name, bytesOfArray(value)]),
    }),
    device: [major, minor],
    ...(type === 'link' && { text: inode.text }),
    ...(inode.content && { size: inode.content.size }),
    ...(inode.entries && { entries: [...inode.entries] }),
  }
}

/** `options` go before what was saved: a disk may be given more room. */
export function loadDisk(file: Uint8Array, options: DiskOptions = {}): VirtualDisk {
  if (bytesOfArray(file.subarray(0, HEAD.length)) !== HEAD) {
    throw new ConfigError('this file is not a virtual disk', 'make one with `emulate --disk`')
  }
  const end = file.indexOf(0x0a, HEAD.length)
  const saved: SavedDisk = JSON.parse(bytesOfArray(file.subarray(HEAD.length, end)))
  const table = new InodeTable()
  let at = end + 1
  for (const { time, xattrs = [], device, text = '', ...inode } of saved.table) {
    const { number } = inode
    const [seconds, nanoseconds] = time
    const [major, minor] = device
    table.make({ ...inode, major, minor, text, seconds, nanoseconds })
    if (inode.size !== undefined) {
      table.write(number, 0, file.subarray(at, at + inode.size))
      at += inode.size
    }
    const made = table.own(number) as Inode
    made.links = inode.links
    made.xattrs = xattrs.map(([name, value]) => ({ name, value: arrayOfBytes(value) }))
    // Names are put there as they were: setName would count the links again.
    for (const [name, leadsTo] of inode.entries ?? []) made.entries?.set(name, leadsTo)
  }
  const { bytes, inodes, exchange, changed = 0 } = saved
  const disk = new VirtualDisk({ bytes, inodes, exchange, ...options }, table)
  disk.changedSeconds = changed
  return disk
}
