/**
 * Room for the state record on a disk that somebody filled to the last block: a file in the store that can
 * be given up. Without it no start could be counted, and a trial would never end. Nobody reads what it
 * holds.
 */
import { isSystemError, SpaceError } from '../errors.ts'
import { megabytes } from '../text.ts'
import type { Store } from './store.ts'

const NAME = 'room'
/** Several erase blocks of flash, so that giving it up frees whole ones (bytes). */
const ROOM_BYTES = 512 * 1024
const PIECE_BYTES = 64 * 1024

/** Whether the disk refused because it is full. */
export function isFull(error: unknown): error is Error {
  return isSystemError(error, 'ENOSPC', 'EDQUOT')
}

/** Makes it if it is missing. False if the disk has no room for it. */
export function keepRoom(store: Store): boolean {
  const { host, directory } = store
  const { files, random } = host
  try {
    const stat = files.stat(directory, NAME)
    if (stat?.size === ROOM_BYTES) return true
    if (stat) files.removeFile(directory, NAME)
    const fd = files.createFile(directory, NAME, 0o600)
    try {
      // On a file system that compresses, anything but random bytes would take no room.
      for (let done = 0; done < ROOM_BYTES; done += PIECE_BYTES) {
        files.write(fd, random.randomBytes(PIECE_BYTES), 0, PIECE_BYTES)
      }
      files.sync(fd)
    } finally {
      files.close(fd)
    }
    return true
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (!isFull(error)) return true
    giveRoom(store)
    return false
  }
}

/** Gives it up; false if there was none. */
export function giveRoom({ host, directory }: Store): boolean {
  if (!host.files.stat(directory, NAME)) return false
  host.files.removeFile(directory, NAME)
  // The blocks are free only once the name is gone for good.
  host.files.sync(directory)
  return true
}

/** What a full disk means to whoever asked for something: how much is free, and what to do. */
export function spaceError({ host, directory }: Store, error: Error, wantedBytes: number): Error {
  if (!isFull(error)) return error
  const { bytes, inodes } = host.files.space(directory)
  if (inodes === 0) {
    return new SpaceError(
      `the store's disk has no inodes left (${error.message})`,
      1,
      'remove files, then run this again',
    )
  }
  if (bytes >= wantedBytes) return roomyError(bytes, error)
  return new SpaceError(
    `the store's disk is full: ${megabytes(bytes)} are free, and ${megabytes(wantedBytes)} ` +
      `should be (${error.message})`,
    wantedBytes - bytes,
    'free that much, then run this again',
  )
}

/** It took no more, though there is as much free as was asked for: a quota, or somebody freed some since. */
export function roomyError(freeBytes: number, error: Error): SpaceError {
  const cure = isSystemError(error, 'EDQUOT')
    ? 'raise the quota of root there, or remove files'
    : 'free some more'
  return new SpaceError(
    `the store's disk took no more, though ${megabytes(freeBytes)} are free (${error.message})`,
    1,
    `${cure}, then run this again`,
  )
}
