/**
 * Small files: read whole with a limit, made whole and synced, and replaced so that a power cut
 * leaves the old or the new one.
 */
import { isSystemError, TrustError } from './errors.ts'
import type { Fd, Files, Path } from './host.ts'
import { show } from './text.ts'

/** The content; undefined if nothing has that name. Throws a TrustError if it is too large. */
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
  return readAndClose(files, fd, path, sizeMax)
}

/** A small file by a path of the system. */
export function readSystemFile(files: Files, path: Path, sizeMax: number): Uint8Array {
  return readAndClose(files, files.openFile(path), path, sizeMax)
}

/** All of an open file, which is closed whatever happens. */
export function readAndClose(files: Files, fd: Fd, path: Path, sizeMax: number): Uint8Array {
  try {
    const buffer = new Uint8Array(sizeMax + 1)
    const size = files.read(fd, buffer, 0, buffer.length)
    if (size > sizeMax) {
      throw new TrustError(
        `endless data: ${show(path)} has more than the ${sizeMax} bytes that it may have`,
      )
    }
    return buffer.slice(0, size)
  } finally {
    files.close(fd)
  }
}

/** Makes a file that was not there, with its mode whatever the umask, synced. The directory is not. */
export function writeFile(
  files: Files,
  directory: Fd,
  path: Path,
  content: Uint8Array,
  mode = 0o644,
): void {
  const fd = files.createFile(directory, path, mode)
  try {
    files.write(fd, content, 0, content.length)
    const { uid, gid, modified } = files.statHandle(fd)
    const xattrs = files.readXattrs(directory, path)
    files.setMetadata(directory, path, { mode, uid, gid, modified, xattrs })
    files.sync(fd)
  } finally {
    files.close(fd)
  }
}

/** Written beside, synced, renamed, and the directory synced. */
export function replaceFile(files: Files, directory: Fd, name: Path, content: Uint8Array): void {
  const beside = `${name}.new`
  if (files.stat(directory, beside)) files.removeTree(directory, beside)
  writeFile(files, directory, beside, content)
  // A rename replaces whatever has the name, but not a folder.
  if (files.stat(directory, name)?.type === 'dir') files.removeTree(directory, name)
  files.rename(directory, beside, directory, name)
  files.sync(directory)
}
