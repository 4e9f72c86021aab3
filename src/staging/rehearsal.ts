/**
 * Whether the store's disk can hold what a release asks of it, tried before the first byte is fetched
 * with the very entries that ask most: types, names, owners, extended attributes and the largest of them,
 * and the most names of one file. What it can't hold, or loses in silence, is refused by path, with what
 * would hold it.
 */
import { timeMatches } from '../disk-times.ts'
import { ConfigError, isOfMachine, isSystemError, type SystemError } from '../errors.ts'
import type { Fd, Files, Path, Xattr } from '../host.ts'
import { ManifestReader } from '../release/manifest-file.ts'
import { type Entry, parseManifestLine } from '../release/manifest-line.ts'
import { foldsCase } from '../store/disk-limits.ts'
import { isFull } from '../store/room.ts'
import type { OpenTree, Store } from '../store/store.ts'
import { show } from '../text.ts'
import { metadataOf } from './place.ts'
import { Twins } from './twins.ts'

/** In `staging`, whose leftovers are nobody's. */
const PLACE = 'staging/partial/rehearsal'
/** Every disk that Linux starts from has as many names for a file. */
const NAMES_ALWAYS = 100
const LABELS = ['security.selinux', 'security.SMACK64']
/** Of files, which no mount option gives to all. */
const ODD_MODE = 0o741
/** One that every disk holds, and no clock shows by chance. */
const ODD_TIME = { seconds: 1_000_000_002, nanoseconds: 0 }
/** Where the disk has as much room, an attribute that finds none is too large, and the disk is not full (bytes). */
const ROOM_ENOUGH = 1024 * 1024

/** Leaves nothing behind. `target` is the new tree. */
export function rehearse(store: Store, { manifest }: OpenTree): void {
  const { files, trees } = store.host
  if (foldsCase(store, 'staging')) refuseTwins(store, manifest)
  // Of a try that was cut short.
  if (files.stat(store.directory, PLACE)) files.removeTree(store.directory, PLACE)
  files.makeDirectory(store.directory, PLACE, 0o700)
  try {
    const place = files.openDirectory(store.directory, PLACE)
    try {
      tryBasics(store, place)
      const samples = trees.samples(manifest).map(parseManifestLine)
      for (const [index, entry] of samples.entries()) tryEntry(store, place, `${index}`, entry)
    } finally {
      files.close(place)
    }
  } finally {
    files.removeTree(store.directory, PLACE)
  }
}

/** What every release asks for: modes, times, and files that two versions share. */
function tryBasics(store: Store, place: Fd): void {
  const { files } = store.host
  const refuse = (what: string, how: string) => {
    throw new ConfigError(
      `the disk of the store ${show(store.path)} keeps no ${what} (${how})`,
      'make the store on a file system of Linux (ext4, XFS, btrfs, F2FS); no file was fetched',
    )
  }
  files.close(files.createFile(place, 'one', 0o600))
  const modified = ODD_TIME
  attempt(
    store,
    ({ call, code }) => refuse('modes of files', `${call}: ${code}`),
    () => files.setMetadata(place, 'one', { mode: ODD_MODE, uid: 0, gid: 0, modified, xattrs: [] }),
  )
  const { mode, modified: found } = files.stat(place, 'one') ?? {}
  const isKept = found !== undefined && timeMatches(store.times, found, modified)
  if (mode !== ODD_MODE) refuse('modes of files', 'what was set is lost')
  if (!isKept) refuse('times of files', 'what was set is lost')
  attempt(
    store,
    ({ call, code }) => refuse('hard links', `${call}: ${code}`),
    () => files.hardLink(place, 'one', place, 'other'),
  )
}

function refuseTwins({ host: { files }, path }: Store, manifest: Fd): void {
  const twins = new Twins()
  const reader = new ManifestReader(files, manifest)
  for (let line = reader.nextLine(); line !== undefined; line = reader.nextLine()) {
    const entry = parseManifestLine(line)
    const twin = twins.meet(entry.path)
    if (twin !== undefined) {
      throw new ConfigError(
        `the disk of the store ${show(path)} can't hold both ${show(twin)} and ${show(entry.path)}, ` +
          'which it takes for one name',
        'make the store in a folder that tells upper and lower case apart; no file of it was fetched',
      )
    }
  }
}

/** One entry, made under its own name in a folder of its own, and removed again. */
function tryEntry(store: Store, place: Fd, folder: Path, entry: Entry): void {
  const { files } = store.host
  const name = entry.path.slice(entry.path.lastIndexOf('/') + 1)
  const path = `${folder}/${name === '.' ? 'root' : name}`
  const made: Path[] = [folder]
  const names = entry.hardLinkTo === undefined && entry.links > NAMES_ALWAYS ? entry.links : 1
  files.makeDirectory(place, folder, 0o700)
  try {
    attempt(
      store,
      (error) => refuse(store, entry, askedBy(error.call, entry), error),
      () => {
        make(files, place, path, entry)
        files.setMetadata(place, path, metadataOf(entry))
        while (made.length < names) {
          const other = `${folder}-${made.length}`
          files.hardLink(place, path, place, other)
          made.push(other)
        }
      },
    )
    const lost = lostOf(files, place, path, entry)
    if (lost !== undefined) refuse(store, entry, askedBy(lost, entry), undefined)
  } finally {
    for (const each of made) files.removeTree(place, each)
  }
}

/** Does it, and hands what the disk refused to `refused`, which throws. */
function attempt(store: Store, refused: (error: SystemError) => void, act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!isSystemError(error) || isOfMachine(error) || isReallyFull(store, error)) throw error
    refused(error)
  }
}

/** The call whose work the disk took, and did not keep. */
function lostOf(files: Files, place: Fd, path: Path, entry: Entry): string | undefined {
  const stat = files.stat(place, path)
  if (stat?.type !== entry.type) return 'mknod'
  const slash = path.indexOf('/')
  // Some disks give names in another form of Unicode than they took, and the tree would never be closed.
  if (!files.readDirectory(place, path.slice(0, slash)).includes(path.slice(slash + 1)))
    return 'open'
  if (stat.uid !== entry.uid || stat.gid !== entry.gid) return 'chown'
  if (entry.type !== 'link' && stat.mode !== entry.mode) return 'chmod'
  const kept = new Map(files.readXattrs(place, path).map(({ name, value }) => [name, value]))
  // A label is the policy's, which may spell it in its own way.
  const isKept = ({ name, value }: Xattr) =>
    LABELS.includes(name) || kept.get(name)?.join() === value.join()
  return entry.xattrs.every(isKept) ? undefined : 'setxattr'
}

function make(files: Files, place: Fd, path: Path, { type, link, major, minor }: Entry): void {
  if (type === 'file') files.close(files.createFile(place, path, 0o600))
  else if (type === 'dir') files.makeDirectory(place, path, 0o700)
  else if (type === 'link') files.makeLink(link, place, path)
  else files.makeNode(place, path, type, major, minor)
}

/** A disk says of an attribute that is too large for it what it says when it is full. */
function isReallyFull(store: Store, error: SystemError): boolean {
  if (!isFull(error)) return false
  const { bytes, inodes } = store.host.files.space(store.directory)
  return error.call !== 'setxattr' || bytes < ROOM_ENOUGH || inodes === 0
}

function refuse(
  { path }: Store,
  entry: Entry,
  [what, cure]: [string, string],
  error: SystemError | undefined,
): never {
  const how = error ? `${error.call}: ${error.code}` : 'it takes them and does not keep them'
  throw new ConfigError(
    `the disk of the store ${show(path)} can't hold ${what} of ${show(entry.path)} (${how})`,
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
    case 'open':
    case 'mkdir':
      return ['the name', 'make the store on a file system of Linux that takes any name']
    case 'symlink':
      return ['the symbolic link', 'make the store on a file system of Linux, which has them']
    case 'chmod':
      return [`the mode ${entry.mode.toString(8).padStart(4, '0')}`, ALLOW]
    case 'chown':
      return [`the owner ${entry.uid}:${entry.gid}`, ALLOW]
    case 'mknod':
      return [`the ${entry.type} file`, ALLOW]
    default:
      return ['the entry', ALLOW]
  }
}
