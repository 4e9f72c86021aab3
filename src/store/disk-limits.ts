/**
 * What the store's disk does not hold, or not as most disks do, found by trying: for people to see. A
 * release that asks for it is refused beforehand (`staging/rehearsal.ts`); times are compared as far as the
 * disk holds them. Whatever can't be tried (a disk that takes no changes) is not spoken of.
 */
import { limitsOfTimes } from '../disk-times.ts'
import { isSystemError } from '../errors.ts'
import type { Path } from '../host.ts'
import type { Store } from './store.ts'

/** Names that `heal` knows; nobody misses what has them. */
const ONE = 'probe'
const OTHER = 'probe.new'

/** A sentence without its subject for each. */
export function limitsOfDisk(store: Store): string[] {
  const limits = [limitsOfTimes(store.times)]
  try {
    limits.push(...limitsOfNames(store))
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
  return limits.flatMap((limit) => limit ?? [])
}

function limitsOfNames(store: Store): (string | undefined)[] {
  const { directory, host } = store
  const { files } = host
  const make = (name: Path) => {
    files.removeTree(directory, name)
    files.close(files.createFile(directory, name, 0o600))
  }
  try {
    make(ONE)
    make(OTHER)
    return [
      foldsCase(store, ONE) ? 'takes names that differ only in case for one' : undefined,
      holdsAttributes(store) ? undefined : 'has no extended attributes',
      exchanges(store) ? undefined : 'does not exchange names, so that a swap takes two renames',
    ]
  } finally {
    for (const name of [ONE, OTHER]) files.removeTree(directory, name)
  }
}

/** Whether names that differ only in upper and lower case are one; folders below do as the store does. */
export function foldsCase({ host: { files }, directory }: Store, name: Path): boolean {
  const { identity } = files.stat(directory, name) ?? {}
  return identity !== undefined && files.stat(directory, name.toUpperCase())?.identity === identity
}

function holdsAttributes({ host: { files }, directory }: Store): boolean {
  const modified = { seconds: 0, nanoseconds: 0 }
  const xattrs = [{ name: 'user.xo', value: new Uint8Array(1) }]
  return isTaken(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'], () =>
    files.setMetadata(directory, ONE, { mode: 0o600, uid: 0, gid: 0, modified, xattrs }),
  )
}

function exchanges({ host: { files }, directory }: Store): boolean {
  return isTaken(NEVER_EXCHANGES, () => files.exchange(directory, ONE, directory, OTHER))
}

/** What the kernel says where it can't exchange two names. */
export const NEVER_EXCHANGES = ['EINVAL', 'ENOSYS', 'ENOTTY', 'EOPNOTSUPP']

function isTaken(refusals: string[], act: () => void): boolean {
  try {
    act()
    return true
  } catch (error) {
    if (!isSystemError(error, ...refusals)) throw error
    return false
  }
}
