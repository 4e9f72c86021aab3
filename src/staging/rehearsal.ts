/**
 * Whether the store's disk can hold what a release asks of it, tried before the first byte is fetched
 * with the very entries that ask most: types, owners, extended attributes and the largest of them, and
 * the most names of one file. What it can't hold is refused by path, with what would hold it.
 */
import { ConfigError, isOfMachine, isSystemError, type SystemError } from '../errors.ts'
import type { Fd, Files, Path } from '../host.ts'
import { ManifestReader } from '../release/manifest-file.ts'
import { type Entry, parseManifestLine } from '../release/manifest-line.ts'
import { isFull } from '../store/room.ts'
import type { OpenTree, Store } from '../store/store.ts'
import { show, textOfBytes } from '../text.ts'
import { metadataOf } from './place.ts'

/** In `staging`, whose leftovers are nobody's. */
const PLACE = 'staging/partial/rehearsal'
/** Every disk that Linux starts from has as many names for a file. */
const NAMES_ALWAYS = 100
/** Where the disk has as much room, an attribute that finds none is too large, and the disk is not full (bytes). */
const ROOM_ENOUGH = 1024 * 1024

/** Leaves nothing behind. `target` is the new tree. */
export function rehearse(store: Store, { manifest }: OpenTree): void {
  const { files, trees } = store.host
  if (foldsCase(store)) refuseTwins(store, manifest)
  const samples = trees.samples(manifest).map(parseManifestLine)
  if (samples.length === 0) return
  // Of a try that was cut short.
  if (files.stat(store.directory, PLACE)) files.removeTree(store.directory, PLACE)
  files.makeDirectory(store.directory, PLACE, 0o700)
  try {
    const place = files.openDirectory(store.directory, PLACE)
    try {
      for (const [index, entry] of samples.entries()) tryEntry(store, place, `${index}`, entry)
    } finally {
      files.close(place)
    }
  } finally {
    files.removeTree(store.directory, PLACE)
  }
}

/** Whether names that differ only in upper and lower case are one; folders below do as the store does. */
function foldsCase({ host: { files }, directory }: Store): boolean {
  const { identity } = files.stat(directory, 'staging') ?? {}
  return identity !== undefined && files.stat(directory, 'STAGING')?.identity === identity
}

function refuseTwins({ host: { files }, path }: Store, manifest: Fd): void {
  const seen = new Map<string, Path>()
  const reader = new ManifestReader(files, manifest)
  for (let line = reader.nextLine(); line !== undefined; line = reader.nextLine()) {
    const entry = parseManifestLine(line)
    const folded = (textOfBytes(entry.path) ?? entry.path).toLowerCase()
    const twin = seen.get(folded)
    if (twin !== undefined) {
      throw new ConfigError(
        `the disk of the store ${show(path)} can't hold both ${show(twin)} and ${show(entry.path)}, ` +
          'which it takes for one name',
        'make the store in a folder that tells upper and lower case apart; no file of it was fetched',
      )
    }
    seen.set(folded, entry.path)
  }
}

/** One entry, made and removed again. */
function tryEntry(store: Store, place: Fd, name: Path, entry: Entry): void {
  const { files } = store.host
  const made: Path[] = []
  const names = entry.hardLinkTo === undefined && entry.links > NAMES_ALWAYS ? entry.links : 1
  try {
    make(files, place, name, entry)
    made.push(name)
    files.setMetadata(place, name, metadataOf(entry))
    while (made.length < names) {
      const other = `${name}-${made.length}`
      files.hardLink(place, name, place, other)
      made.push(other)
    }
  } catch (error) {
    if (!isSystemError(error) || isOfMachine(error) || isReallyFull(store, error)) throw error
    throw refusal(store, entry, error)
  } finally {
    for (const path of made) files.removeTree(place, path)
  }
}

function make(files: Files, place: Fd, name: Path, { type, link, major, minor }: Entry): void {
  if (type === 'file') files.close(files.createFile(place, name, 0o600))
  else if (type === 'dir') files.makeDirectory(place, name, 0o700)
  else if (type === 'link') files.makeLink(link, place, name)
  else files.makeNode(place, name, type, major, minor)
}

/** A disk says of an attribute that is too large for it what it says when it is full. */
function isReallyFull(store: Store, error: SystemError): boolean {
  if (!isFull(error)) return false
  const { bytes, inodes } = store.host.files.space(store.directory)
  return error.call !== 'setxattr' || bytes < ROOM_ENOUGH || inodes === 0
}

function refusal({ path }: Store, entry: Entry, { call, code }: SystemError): ConfigError {
  const [what, cure] = askedBy(call, entry)
  return new ConfigError(
    `the disk of the store ${show(path)} can't hold ${what} of ${show(entry.path)} (${call}: ${code})`,
    `${cure}; no file of it was fetched`,
  )
}

const ALLOW =
  'run as root, outside containers that keep that from it, with the store on a disk that holds it'

function askedBy(call: string, entry: Entry): [string, string] {
  const bytes = entry.xattrs.reduce((sum, { name, value }) => sum + name.length + value.length, 0)
  const names = entry.xattrs.map(({ name }) => show(name)).join(', ')
  switch (call) {
    case 'setxattr':
    case 'removexattr':
      return [
        `the extended attributes (${bytes} bytes: ${names})`,
        'make the store on a file system with room for them (XFS, btrfs, ext4 with blocks of 4 KiB or ' +
          '`mkfs.ext4 -O ea_inode`), or publish the release without them',
      ]
    case 'link':
      return [
        `the ${entry.links} names`,
        'make the store on a file system with as many names for a file (XFS), or publish fewer hard links',
      ]
    case 'chown':
      return [`the owner ${entry.uid}:${entry.gid}`, ALLOW]
    case 'mknod':
      return [`the ${entry.type} file`, ALLOW]
    default:
      return ['the entry', ALLOW]
  }
}
