/**
 * A copy of one entry with all below it: how data that is to persist starts a life of its own.
 * What the tree has stays as it is; no inode is shared, because what persists is written to.
 */

import { isSystemError } from '../../errors.ts'
import type { Fd, Files, Path, Stat } from '../../host.ts'

/** Deeper than any real folder; ends a walk that a broken disk might make endless. */
const DEPTH_MAX = 200

interface Place {
  directory: Fd
  path: Path
}

/** Sockets are left behind: they are useless without their program. */
export function copyTree(files: Files, source: Place, target: Place, depth = 0): void {
  const stat = files.stat(source.directory, source.path)
  if (!stat || stat.type === 'socket') return
  if (depth > DEPTH_MAX) throw new Error(`${source.path} is nested too deeply`)
  make(files, stat, source, target)
  if (stat.type === 'dir') {
    for (const name of files.readDirectory(source.directory, source.path)) {
      const below = ({ directory, path }: Place) => ({ directory, path: `${path}/${name}` })
      copyTree(files, below(source), below(target), depth + 1)
    }
  }
  // Last, because a folder's time changes with what comes into it.
  const { mode, uid, gid, modified } = stat
  const xattrs = readXattrs(files, source)
  files.setMetadata(target.directory, target.path, { mode, uid, gid, modified, xattrs })
}

function make(files: Files, stat: Stat, source: Place, { directory, path }: Place): void {
  if (stat.type === 'dir') files.makeDirectory(directory, path, 0o700)
  else if (stat.type === 'file') files.copyFile(source.directory, source.path, directory, path)
  else if (stat.type === 'link') {
    files.makeLink(files.readLink(source.directory, source.path), directory, path)
  } else if (stat.type !== 'socket') {
    files.makeNode(directory, path, stat.type, stat.major, stat.minor)
  }
}

function readXattrs(files: Files, { directory, path }: Place) {
  try {
    return files.readXattrs(directory, path)
  } catch (error) {
    if (isSystemError(error, 'EOPNOTSUPP')) return []
    throw error
  }
}
