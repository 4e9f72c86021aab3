/** The few files and folders of publishing: read whole, made whole, with modes that a daemon can read. */
import { ConfigError, isSystemError, TrustError } from '../errors.ts'
import type { Fd, Files, Path } from '../host.ts'
import { show } from '../text.ts'

/** A small file below a directory; undefined where it is missing. Throws a TrustError where it is too large. */
export function readFile(
  files: Files,
  directory: Fd,
  path: Path,
  sizeMax: number,
): Uint8Array | undefined {
  if (files.stat(directory, path) === undefined) return undefined
  return readOpen(files, files.openRead(directory, path), path, sizeMax)
}

/** A small file by a path of the system. */
export function readSystemFile(files: Files, path: Path, sizeMax: number): Uint8Array {
  return readOpen(files, files.openFile(path), path, sizeMax)
}

function readOpen(files: Files, fd: Fd, path: Path, sizeMax: number): Uint8Array {
  try {
    const buffer = new Uint8Array(sizeMax + 1)
    const size = files.read(fd, buffer, 0, buffer.length)
    if (size > sizeMax) {
      throw new TrustError(`${show(path)} has more than the ${sizeMax} bytes that it may have`)
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

/** Opens a folder by a path of the system, and makes it first where only its last name is missing. */
export function makeFolder(files: Files, path: Path): Fd {
  try {
    return files.openRoot(path)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
  }
  const { folder, name } = splitPath(path)
  const parent = openParent(files, folder, path)
  try {
    files.makeDirectory(parent, name, 0o755)
    files.sync(parent)
    return files.openDirectory(parent, name)
  } finally {
    files.close(parent)
  }
}

function openParent(files: Files, folder: Path, path: Path): Fd {
  try {
    return files.openRoot(folder)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
    throw new ConfigError(
      `${show(path)} can't be made: there is no ${show(folder)}`,
      `run: mkdir -p ${show(folder)}`,
    )
  }
}

/** The folder and the last name of a path of the system. */
export function splitPath(path: Path): { folder: Path; name: Path } {
  const trimmed = path.replace(/\/+$/, '')
  const slash = trimmed.lastIndexOf('/')
  if (slash < 0) return { folder: '.', name: trimmed }
  return { folder: trimmed.slice(0, slash) || '/', name: trimmed.slice(slash + 1) }
}
