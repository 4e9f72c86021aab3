/**
 * How a path below a directory handle is resolved on the Node side, as paths.c does it: it never leaves
 * the handle and never follows a symbolic link.
 */
import * as fs from 'node:fs'
import { isSystemError } from '../../src/errors.ts'
import type { Fd, Path, Stat } from '../../src/host.ts'
import { converting, systemErrorOf } from '../system-error.node.ts'
import type { Place } from './glibc.node.ts'
import * as glibc from './glibc.node.ts'

/** Refuses what no entry of a tree can be called, with the same codes as the C side. */
export function checkPath(path: Path): Path {
  const names = path.split('/')
  let code = ''
  if (names.includes('')) code = 'EINVAL'
  if (names.includes('..') || path.startsWith('/')) code = 'EXDEV'
  if (path === '') code = 'ENOENT'
  if (path.length >= PATH_SIZE_MAX) code = 'ENAMETOOLONG'
  if (code !== '') throw systemErrorOf('open', path, code)
  return path
}

/** What the kernel's PATH_MAX leaves, with the NUL. */
const PATH_SIZE_MAX = 4096

/** A rename elsewhere on the system makes the kernel ask for another try. */
const TRIES_MAX = 128

export function openBeneath(
  directory: Fd,
  path: Path,
  flags: number,
  mode = 0,
  isSameMount = false,
): Fd {
  checkPath(path)
  const resolve = isSameMount ? glibc.RESOLVE_NO_XDEV : 0
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    try {
      return glibc.openBeneath(directory, path, flags, mode, resolve)
    } catch (error) {
      // Old sandboxes answer EPERM to a call that they don't know.
      if (isSystemError(error, 'ENOSYS', 'EPERM')) break
      if (!isSystemError(error, 'EAGAIN')) throw error
    }
  }
  return openByNames(directory, path, flags, mode, isSameMount)
}

/** For kernels before 5.6: one name after the other, none of them a symlink. */
function openByNames(
  directory: Fd,
  path: Path,
  flags: number,
  mode: number,
  isSameMount: boolean,
): Fd {
  const names = path.split('/')
  const above = names.slice(0, -1)
  const isOurs = (fd: Fd) =>
    !isSameMount || deviceOf(glibc.statHandle(fd)) === deviceOf(glibc.statHandle(directory))
  const open = (parent: Fd, name: Path, how: number) => {
    const fd = openName({ directory: parent, name: glibc.cString(name), path }, how, mode)
    if (isOurs(fd)) return fd
    fs.closeSync(fd)
    throw systemErrorOf('open', path, 'EXDEV')
  }
  let parent = directory
  try {
    for (const name of above) {
      const next = open(parent, name, glibc.O_PATH | glibc.O_DIRECTORY)
      if (parent !== directory) fs.closeSync(parent)
      parent = next
    }
    return open(parent, names.at(-1) ?? '', flags)
  } finally {
    if (parent !== directory) fs.closeSync(parent)
  }
}

/** O_DIRECTORY with O_NOFOLLOW says ENOTDIR of a symlink; openat2 says ELOOP, and so do we. */
function openName(place: Place, flags: number, mode: number): Fd {
  try {
    return glibc.openName(place, flags, mode)
  } catch (error) {
    if (isSystemError(error, 'ENOTDIR') && glibc.stat(place).type === 'link') {
      throw systemErrorOf('open', place.path, 'ELOOP')
    }
    throw error
  }
}

const deviceOf = ({ identity }: Stat) => identity.slice(0, identity.indexOf(':'))

/**
 * Opens all of the path but its last name, by the contract's rule, and hands that name on. The last
 * name is then used by calls that don't follow it.
 */
export function at<T>(directory: Fd, path: Path, use: (place: Place) => T): T {
  const slash = checkPath(path).lastIndexOf('/')
  const last = path.slice(slash + 1)
  const name = glibc.cString(last)
  if (slash < 0) return use({ directory, name, path })
  const flags = glibc.O_PATH | glibc.O_DIRECTORY
  const parent = naming(path, () => openBeneath(directory, path.slice(0, slash), flags))
  try {
    return use({ directory: parent, name, path })
  } finally {
    fs.closeSync(parent)
  }
}

export function isMount(directory: Fd, path: Path): boolean {
  return at(directory, path, (place) => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    try {
      const flags = glibc.O_PATH | glibc.O_NOFOLLOW
      fs.closeSync(naming(path, () => openBeneath(place.directory, name, flags, 0, true)))
      return false
    } catch (error) {
      if (isSystemError(error, 'EXDEV')) return true
      throw error
    }
  })
}

/** Makes errors name the whole path that was asked for, not the part that one call saw. */
export function naming<T>(path: Path, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (isSystemError(error)) throw systemErrorOf(error.call, path, error.code)
    throw error
  }
}

export function stat(directory: Fd, path: Path): Stat | undefined {
  try {
    return at(directory, path, glibc.stat)
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

export function namesIn(fd: Fd, path: Path): Path[] {
  const names = converting('readdir', path, () =>
    fs.readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }),
  )
  return names.map((name) => name.toString('latin1')).sort()
}
