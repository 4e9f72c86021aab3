/**
 * What can't be removed from the store (a mount in it, a swap file, a folder that the disk can't read) gets a name of its
 * own, so that nothing has to wait for it. Each upgrade and recovery tries again to remove it. Nothing here
 * touches the running tree.
 */
import { DAMAGE, isSystemError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'

const PREFIX = 'put-aside-'

/**
 * What the kernel says of an entry that is there and can't be removed or built upon: something forbids it, a
 * mount that can't be written to is in it, it is a subvolume or has a quota of its own, or the disk can no
 * longer find its way there.
 */
const RESISTS = ['EPERM', 'EACCES', 'EBUSY', 'ENOTEMPTY', 'EEXIST', 'EROFS', 'EXDEV', ...DAMAGE]

export function resists(error: unknown): error is Error {
  return isSystemError(error, ...RESISTS)
}

/** The folder of a store, whether or not it has been opened as one yet. */
export interface StoreFolder {
  readonly host: Host
  readonly directory: Fd
}

/** More than anybody mounts over one another. */
const MOUNTS_MAX = 16

/**
 * Takes off what somebody mounted over the entry itself, which the store can neither remove nor rename; what
 * is mounted there loses nothing by it. Whoever may not unmount goes on and meets it.
 */
export function uncover({ host: { files }, directory }: StoreFolder, name: Path): void {
  try {
    for (let i = 0; i < MOUNTS_MAX && files.isMount(directory, name); i++) {
      files.detachMount(directory, name)
    }
  } catch (error) {
    if (!isSystemError(error, 'EPERM', 'EACCES', 'ENOENT', 'ENOTDIR', 'EINVAL')) throw error
  }
}

/** Removes what has the name, or renames it. Throws if neither is possible. */
export function removeOrPutAside(place: StoreFolder, name: Path): void {
  uncover(place, name)
  try {
    place.host.files.removeTree(place.directory, name)
  } catch (error) {
    if (!resists(error)) throw error
    putAside(place, name)
  }
}

export function putAside(place: StoreFolder, name: Path): void {
  rename(place, name, PREFIX)
}

/** Takes a new name each time: renaming a directory to another name of its own does nothing. */
export function rename(place: StoreFolder, name: Path, prefix: string): void {
  const { host, directory } = place
  let number = 1
  while (host.files.stat(directory, `${prefix}${number}`)) number++
  host.files.rename(directory, name, directory, `${prefix}${number}`)
  host.files.sync(directory)
}

/** Tries again: by now it may be removable. */
export function clearAside(place: StoreFolder): void {
  for (const name of namesAside(place)) {
    try {
      place.host.files.removeTree(place.directory, name)
    } catch (error) {
      if (!isSystemError(error)) throw error
    }
  }
}

export function namesAside({ host: { files }, directory }: StoreFolder): Path[] {
  return files.readDirectory(directory, '.').filter((name) => name.startsWith(PREFIX))
}

/** One line for people. */
export function adviceFor(names: Path[]): string {
  return (
    `${names.join(', ')} in the store can't be removed: unmount what is mounted there, ` +
    '`swapoff` a swap file, or check the disk (`fsck`); the next upgrade removes it'
  )
}
