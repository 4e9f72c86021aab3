/**
 * Small files, read whole with a limit and replaced so that a power cut leaves the old or the new
 * one: written beside, synced, renamed, and the directory synced.
 */
import { isSystemError, TrustError } from '../errors.ts'
import type { Fd, Files, Path } from '../host.ts'
import { show } from '../text.ts'

/** The content; undefined where nothing has that name. */
export function readFile(
  files: Files,
  directory: Fd,
  path: Path,
  sizeMax: number,
): Uint8Array | undefined {
  let fd: Fd
  try {
    fd = files.openRead(directory, path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
  try {
    return readWhole(files, fd, show(path), sizeMax)
  } finally {
    files.close(fd)
  }
}

/** All of an open file from its start. */
export function readWhole(files: Files, fd: Fd, name: string, sizeMax: number): Uint8Array {
  const buffer = new Uint8Array(sizeMax + 1)
  const size = files.read(fd, buffer, 0, buffer.length, 0)
  if (size > sizeMax) {
    throw new TrustError(`${name} is larger than the ${sizeMax} bytes that it may have`)
  }
  return buffer.slice(0, size)
}

export function replaceFile(files: Files, directory: Fd, name: Path, content: Uint8Array): void {
  const beside = `${name}.new`
  if (files.stat(directory, beside)) files.removeFile(directory, beside)
  const fd = files.createFile(directory, beside, 0o644)
  try {
    files.write(fd, content, 0, content.length)
    files.sync(fd)
  } finally {
    files.close(fd)
  }
  files.rename(directory, beside, directory, name)
  files.sync(directory)
}
