/**
 * What stands in the store and resists removal (a mount in it, a swap file, a disk that refuses) gets a
 * name of its own, so that nothing has to wait for it. It goes when it can: each upgrade and recovery
 * tries again. Nothing here touches the tree that runs.
 */
import { isSystemError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'

const PREFIX = 'put-aside-'

/** What the kernel says of an entry that is there and does not go. */
const RESISTS = ['EPERM', 'EACCES', 'EBUSY', 'ENOTEMPTY', 'EEXIST']

export function resists(error: unknown): error is Error {
  return isSystemError(error, ...RESISTS)
}

/** Where it happens: a store, before or after anybody calls it one. */
export interface StoreFolder {
  readonly host: Host
  readonly directory: Fd
}

/** Removes what has the name, or gives it another one. Throws where neither is possible. */
export function removeOrPutAside(place: StoreFolder, name: Path): void {
  try {
    place.host.files.removeTree(place.directory, name)
  } catch (error) {
    if (!resists(error)) throw error
    rename(place, name, PREFIX)
  }
}

/** A rename to a name of the same directory does nothing, so that each time takes a new one. */
export function rename(place: StoreFolder, name: Path, prefix: string): void {
  const { host, directory } = place
  let number = 1
  while (host.files.stat(directory, `${prefix}${number}`)) number++
  host.files.rename(directory, name, directory, `${prefix}${number}`)
  host.files.sync(directory)
}

/** Once more: by now it may go. */
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
    `${names.join(', ')} in the store can't be removed: unmount what is mounted there ` +
    '(or `swapoff` a swap file); the next upgrade removes it'
  )
}
