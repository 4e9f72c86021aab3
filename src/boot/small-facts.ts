/** What the kernel tells about itself in small files and folders, where it may just as well tell nothing. */
import { isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { readSystemFile } from '../small-file.ts'
import { bytesOfArray } from '../text.ts'

/** A file of sysfs is never longer than a page, and the kernel's command line no longer either (bytes). */
const FACT_MAX = 64 * 1024

/** '' where it is missing, or can't be read just now. */
export function readFact({ files }: Host, path: Path): string {
  try {
    return bytesOfArray(readSystemFile(files, path, FACT_MAX))
  } catch (error) {
    if (isSystemError(error)) return ''
    throw error
  }
}

/** [] where there is no such folder. */
export function listFacts({ files }: Host, folder: Path): Path[] {
  try {
    const fd = files.openRoot(folder)
    try {
      return files.readDirectory(fd, '.')
    } finally {
      files.close(fd)
    }
  } catch (error) {
    if (isSystemError(error)) return []
    throw error
  }
}
