/**
 * Removing on the Node side, as removal.c and stubborn.c do it: what resists loses the flags that keep it,
 * and what can't be removed is passed over. It never follows a link and never crosses a mount.
 */
import * as fs from 'node:fs'
import { DAMAGE, isSystemError } from '../../src/errors.ts'
import type { Fd, Path } from '../../src/host.ts'
import { systemErrorOf } from '../system-error.node.ts'
import * as glibc from './glibc.node.ts'
import { at, checkPath, namesIn, openBeneath, stat } from './paths.node.ts'

export function clearFlags(directory: Fd, path: Path): boolean {
  const type = stat(directory, path)?.type
  if (type !== 'file' && type !== 'dir') return false
  let fd: Fd
  try {
    fd = openBeneath(directory, path, glibc.O_NONBLOCK)
  } catch (error) {
    // What can't be opened has no flags that we could take off.
    if (isSystemError(error)) return false
    throw error
  }
  try {
    return glibc.clearFlags(fd, path)
  } finally {
    fs.closeSync(fd)
  }
}

/** An inode with other names would lose its flags under those as well: the C side gives them back. */
export function remove(directory: Fd, path: Path, flags: number): void {
  try {
    at(directory, path, (place) => glibc.remove(place, flags))
  } catch (error) {
    if (!isSystemError(error, 'EPERM', 'EACCES')) throw error
    const slash = path.lastIndexOf('/')
    const freed = wasFreed(directory, slash < 0 ? '.' : path.slice(0, slash))
    if (!wasFreed(directory, path) && !freed) throw error
    at(directory, path, (place) => glibc.remove(place, flags))
  }
}

/** Whether it had flags that could be taken off. */
function wasFreed(directory: Fd, path: Path): boolean {
  try {
    return clearFlags(directory, path)
  } catch (error) {
    if (isSystemError(error)) return false
    throw error
  }
}

/** What somebody else removed meanwhile is removed. */
function removeFound(directory: Fd, path: Path, flags: number): void {
  try {
    remove(directory, path, flags)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
  }
}

/** A file system may lose its place when entries go away, or somebody may fill it: once more, but not forever. */
const PASSES_MAX = 100

function removeDirectory(directory: Fd, path: Path): void {
  for (let pass = 0; ; pass++) {
    removeContent(directory, path)
    try {
      removeFound(directory, path, glibc.AT_REMOVEDIR)
      return
    } catch (error) {
      if (pass === PASSES_MAX || !isSystemError(error, 'ENOTEMPTY', 'EEXIST')) throw error
    }
  }
}

export function removeTree(directory: Fd, path: Path): void {
  const found = stat(directory, checkPath(path))
  if (!found) return
  if (found.type === 'dir') removeDirectory(directory, path)
  else removeFound(directory, path, 0)
}

function openSameMount(directory: Fd, path: Path): Fd {
  try {
    return openBeneath(directory, path, glibc.O_DIRECTORY, 0, true)
  } catch (error) {
    throw isSystemError(error, 'EXDEV') ? systemErrorOf('open', path, 'EBUSY') : error
  }
}

/** By handles, so that a path may be longer than the kernel takes in one piece. */
function removeContent(directory: Fd, path: Path): void {
  const fd = openSameMount(directory, path)
  try {
    let refused: unknown
    for (const name of namesIn(fd, path)) {
      try {
        removeTree(fd, name)
      } catch (error) {
        if (!isSystemError(error, 'EPERM', 'EACCES', 'EBUSY', 'ENOTEMPTY', ...DAMAGE)) throw error
        refused ??= error
      }
    }
    if (refused) throw refused
  } finally {
    fs.closeSync(fd)
  }
}
