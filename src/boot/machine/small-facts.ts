/** What the kernel tells about itself in small files and folders, any of which may be missing. */
import { isSystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import { readSystemFile } from '../../small-file.ts'
import { bytesOfArray } from '../../text.ts'

/** A file of sysfs is never longer than a page, nor is the kernel's command line (bytes). */
const FACT_MAX = 64 * 1024

/** '' if it is missing, or can't be read right now. */
export function readFact({ files }: Host, path: Path): string {
  try {
    return bytesOfArray(readSystemFile(files, path, FACT_MAX))
  } catch (error) {
    if (isSystemError(error)) return ''
    throw error
  }
}

/** [] if there is no such folder. */
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

/** Whether there is such a file. The folders above it may be links, as /sbin is one on many systems. */
export function isThere(host: Host, path: Path): boolean {
  const slash = path.lastIndexOf('/')
  return listFacts(host, path.slice(0, slash) || '/').includes(path.slice(slash + 1))
}
