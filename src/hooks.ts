/**
 * Which files of a folder are hooks: executables that belong to whoever runs them and that nobody else
 * can put there or change. Leftovers of package managers and editors are none. Also why a program that
 * is there can't be started.
 */
import { ConfigError, isSystemError, type SystemError } from './errors.ts'
import type { Fd, Files, Host, Path } from './host.ts'
import { bytesOfArray, show } from './text.ts'

/** What dpkg, rpm, pacman, apk, ucf, patch and editors leave beside a file. */
const LEFTOVER_OF_PACKAGES = /\.(dpkg-[a-z-]+|ucf-[a-z]+|rpm[a-z]+|pac(new|save|orig)|apk-new)$/
const LEFTOVER_OF_EDITORS = /^\.|~$|^#.*#$|\.(orig|rej|bak|save|sw[a-p])$/s
/** A first line that names an interpreter is no longer (bytes; Linux reads 256). */
const HEAD_MAX = 256
const GROUP_WRITE = 0o020
const OTHERS_WRITE = 0o002

/** Their names, in order. Throws a ConfigError where somebody else could make one, or change one. */
export function hooksOf(host: Host, folder: Path, note: (text: string) => void): Path[] {
  const { files } = host
  let fd: Fd
  try {
    fd = files.openRoot(folder)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return []
    throw error
  }
  try {
    const hooks = files
      .readDirectory(fd, '.')
      .filter((name) => isHook(host, fd, folder, name, note))
    if (hooks.length > 0) checkOwner(host, fd, folder)
    return hooks
  } finally {
    files.close(fd)
  }
}

function isLeftover(name: Path): boolean {
  return LEFTOVER_OF_PACKAGES.test(name) || LEFTOVER_OF_EDITORS.test(name)
}

function isHook(
  host: Host,
  directory: Fd,
  folder: Path,
  name: Path,
  note: (text: string) => void,
): boolean {
  const { files } = host
  const path = `${folder}/${name}`
  const type = files.stat(directory, name)?.type
  if (type !== 'file' && type !== 'link') return false
  let fd: Fd
  try {
    fd = files.openFile(path)
  } catch (error) {
    if (!isSystemError(error)) throw error
    // A link that leads nowhere is a hook that can't be run, unless it is a leftover.
    return type === 'link' && !isLeftover(name)
  }
  try {
    const stat = files.statHandle(fd)
    if (stat.type !== 'file' || (stat.mode & 0o111) === 0) return false
    if (isLeftover(name)) {
      if (!name.startsWith('.')) note(`${show(path)} is a leftover, and is not run`)
      return false
    }
    checkOwner(host, fd, path)
    if (type === 'link') checkFolderOf(host, fd)
    return true
  } finally {
    files.close(fd)
  }
}

/** Whoever may change it may do as root whatever they like. */
function checkOwner({ files, processes }: Host, fd: Fd, path: Path): void {
  const { uid, gid, mode } = files.statHandle(fd)
  const shown = show(path)
  const risk = (what: string, cure: string) => new ConfigError(`${shown} ${what}`, cure)
  if (uid !== 0 && uid !== processes.userId()) {
    throw risk(`is run as root, and belongs to user ${uid}`, `chown root ${shown}`)
  }
  if (mode & OTHERS_WRITE) {
    throw risk('is run as root, and anybody may write it', `chmod o-w ${shown}`)
  }
  if (mode & GROUP_WRITE && gid !== 0) {
    throw risk(`is run as root, and group ${gid} may write it`, `chmod g-w ${shown}`)
  }
}

/** Where a link leads: whoever may write that folder may put another file there. */
function checkFolderOf(host: Host, fd: Fd): void {
  const { files } = host
  const target = pathOf(files, fd)
  const folder = target?.slice(0, target.lastIndexOf('/')) || '/'
  if (target === undefined) return
  const directory = files.openRoot(folder)
  try {
    checkOwner(host, directory, folder)
  } finally {
    files.close(directory)
  }
}

/** The path of an open file, without links; undefined if /proc is not mounted. */
function pathOf(files: Files, fd: Fd): Path | undefined {
  let directory: Fd
  try {
    directory = files.openRoot('/proc/self/fd')
  } catch (error) {
    if (isSystemError(error)) return undefined
    throw error
  }
  try {
    return files.readLink(directory, String(fd))
  } finally {
    files.close(directory)
  }
}

/** Why a program by this path can't be started, where the kernel only says that something is not there. */
export function whyNotStarted(files: Files, path: Path, { code }: SystemError): string {
  const because = (text: string) => `can't be run (${code}): ${text}`
  const head = headOf(files, path)
  if (head === undefined) return because('it is not there, or leads nowhere')
  const [line = ''] = head.split('\n')
  const interpreter = /^#![ \t]*([^ \t\r\n]+)/.exec(line)?.[1]
  if (code === 'ENOEXEC')
    return because('it is no program of this machine, and has no line with #!')
  if (interpreter === undefined) {
    return code === 'ENOENT'
      ? because('the loader that it names is not there')
      : `can't be run (${code})`
  }
  if (line.endsWith('\r')) {
    return because(
      `its line ends are those of Windows, so that "${show(interpreter)}\\r" is looked for`,
    )
  }
  if (headOf(files, interpreter) === undefined) {
    return because(`its interpreter ${show(interpreter)} is not there`)
  }
  return `can't be run (${code})`
}

function headOf(files: Files, path: Path): string | undefined {
  try {
    const fd = files.openFile(path)
    try {
      const buffer = new Uint8Array(HEAD_MAX)
      return bytesOfArray(buffer.subarray(0, files.read(fd, buffer, 0, HEAD_MAX)))
    } finally {
      files.close(fd)
    }
  } catch (error) {
    if (isSystemError(error)) return undefined
    throw error
  }
}
