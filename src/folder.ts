/** Folders by paths of the system: the store's and the module's, which may have to be made. */
import { ConfigError, isSystemError } from './errors.ts'
import type { Fd, Files, Path } from './host.ts'
import { show, trimmedEnd } from './text.ts'

/** Opens a folder by a path of the system, and makes it first if only its last name is missing. */
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

/** Makes the folder of a file that is to be, where only that is missing; if it can't be made, the file will say so. */
export function makeFolderOf(files: Files, path: Path): void {
  try {
    files.close(makeFolder(files, splitPath(path).folder))
  } catch (error) {
    if (!isSystemError(error) && !(error instanceof ConfigError)) throw error
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
function splitPath(path: Path): { folder: Path; name: Path } {
  const trimmed = trimmedEnd(path, '/')
  const slash = trimmed.lastIndexOf('/')
  if (slash < 0) return { folder: '.', name: trimmed }
  return { folder: trimmed.slice(0, slash) || '/', name: trimmed.slice(slash + 1) }
}
