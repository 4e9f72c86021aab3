/**
 * Whose turn it is with the trees. Whoever finds their lock taken holds a lock on a name of its own while
 * it asks again; whoever has the trees and does nothing but wait for a source looks there, and gives
 * way. The kernel lets go of both locks when a process dies, so that nothing of it can be left over.
 */
import { isSystemError } from '../errors.ts'
import type { Fd, Path } from '../host.ts'
import type { Store } from './store.ts'

const NAME = 'turn'

/**
 * The run was ended for somebody else's sake, and whoever began it begins it again. No class of errors,
 * because nothing failed: it must pass by everybody who deals with what failed.
 */
export class GaveWayError extends Error {
  override name = 'GaveWayError'
}

/** Says that somebody wants the trees; returns what takes it back. */
export function claimTurn(store: Store): () => void {
  const { files } = store.host
  let fd: Fd | undefined
  try {
    fd = files.openAppend(store.directory, NAME, 0o600)
    // Where somebody else says so already, that is enough.
    files.lock(fd)
  } catch (error) {
    // On a full disk nobody can say so, and asks as often as it likes.
    if (!isSystemError(error)) throw error
  }
  return () => {
    if (fd !== undefined) files.close(fd)
  }
}

/** Whether somebody does. */
export function isTurnClaimed(store: Store): boolean {
  return isHeld(store, NAME)
}

/** Whether somebody is at work on the trees. Asking takes no more than a moment, and waits for nobody. */
export function isAtWork(store: Store): boolean {
  return isHeld(store, 'lock')
}

function isHeld(store: Store, name: Path): boolean {
  const { files } = store.host
  try {
    if (files.stat(store.directory, name)?.type !== 'file') return false
    const fd = files.openRead(store.directory, name)
    try {
      return !files.lock(fd)
    } finally {
      files.close(fd)
    }
  } catch (error) {
    if (isSystemError(error)) return false
    throw error
  }
}
