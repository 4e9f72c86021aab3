/**
 * The part of node:fs that the tests of src/ use, over native:files. What is missing here keeps a test
 * in Node (suites.ts looks at what is exported). It follows links where Node does. native:files never
 * writes over a file that is there, as `writeFileSync` does and all its names then see: a shell does that.
 */

import type { Fd, Path, Stat } from 'native:files'
import * as files from 'native:files'
import { textOfBytes } from '../../../src/text.ts'
import { execFileSync } from './child-process.ts'
import { contentAt, pathOf, putAt, within } from './content.ts'

type Name = string | Uint8Array
type Encoding = 'utf8' | 'latin1'
type When = number | Date

const LINKS_MAX = 40

const named = (path: Path): string => textOfBytes(path) ?? path
/** Also without the folder that it would be in, there is none. */
function entry(path: Path): Stat | undefined {
  try {
    return within(path, files.stat)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as { code?: string }).code ?? '')) return undefined
    throw error
  }
}

function missing(call: string, path: Path): Error {
  const error = new Error(`ENOENT: no such file or directory, ${call} '${named(path)}'`)
  return Object.assign(error, { code: 'ENOENT' })
}

/** Where the links end that the path may be. */
function followed(path: Path): Path {
  let at = path
  for (let links = 0; links <= LINKS_MAX; links++) {
    if (entry(at)?.type !== 'link') return at
    const text = within(at, files.readLink)
    at = text.startsWith('/') ? text : `${at.replace(/[^/]*$/, '')}${text}`
  }
  throw Object.assign(new Error(`ELOOP: too many links, '${named(path)}'`), { code: 'ELOOP' })
}

function statsOf(path: Path, stat: Stat | undefined, bigint: boolean) {
  if (!stat) throw missing('stat', path)
  const { size, mode, uid, gid, links: nlink, modified, type } = stat
  const inode = stat.identity.slice(stat.identity.indexOf(':') + 1)
  const mtimeMs = modified.seconds * 1000 + modified.nanoseconds / 1e6
  return {
    ...{ size, mode, uid, gid, nlink, mtimeMs },
    mtime: new Date(mtimeMs),
    ino: bigint ? BigInt(inode) : Number(inode),
    isFile: () => type === 'file',
    isDirectory: () => type === 'dir',
    isSymbolicLink: () => type === 'link',
  }
}

export function lstatSync(name: Name, { bigint = false } = {}) {
  return statsOf(pathOf(name), entry(pathOf(name)), bigint)
}

export function statSync(name: Name, { bigint = false } = {}) {
  return statsOf(pathOf(name), entry(followed(pathOf(name))), bigint)
}

export function existsSync(name: Name): boolean {
  try {
    return entry(followed(pathOf(name))) !== undefined
  } catch {
    return false
  }
}

export function readFileSync(name: Name, encoding?: Encoding): Buffer | string {
  const content = contentAt(pathOf(name))
  return encoding ? content.toString(encoding) : content
}

function bytesOf(content: string | Uint8Array, encoding: Encoding = 'utf8'): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content, encoding) : content
}

export function writeFileSync(
  name: Name,
  content: string | Uint8Array,
  options: Encoding | { mode?: number } = {},
): void {
  const { mode = 0o666 } = typeof options === 'string' ? {} : options
  const bytes = bytesOf(content, typeof options === 'string' ? options : 'utf8')
  const path = followed(pathOf(name))
  if (!entry(path)) putAt(path, bytes, mode)
  else execFileSync('sh', ['-c', 'cat >"$1"', 'sh', Buffer.from(path, 'latin1')], { input: bytes })
}

export function appendFileSync(name: Name, content: string | Uint8Array): void {
  within(pathOf(name), (directory, last) => {
    const fd = files.openAppend(directory, last, 0o666)
    const bytes = bytesOf(content)
    files.write(fd, bytes, 0, bytes.length)
    files.close(fd)
  })
}

export function truncateSync(name: Name, length: number): void {
  const content = new Uint8Array(length)
  content.set(contentAt(pathOf(name)).subarray(0, length))
  writeFileSync(name, content)
}

/** `w+` empties a file that is there. */
export function openSync(name: Name, flags: 'r' | 'w+'): Fd {
  const path = pathOf(name)
  if (flags === 'r') return files.openFile(path)
  writeFileSync(name, '')
  return within(path, (directory, last) => files.openAppend(directory, last, 0o666))
}

export const closeSync = (fd: Fd): void => files.close(fd)

export function readdirSync(name: Name): string[] {
  const directory = files.openRoot(pathOf(name))
  try {
    return files.readDirectory(directory, '.').map(named)
  } finally {
    files.close(directory)
  }
}

export function mkdirSync(name: Name, { recursive = false } = {}): void {
  const path = pathOf(name)
  if (recursive) {
    if (existsSync(name)) return
    const parent = path.replace(/\/+[^/]*$/, '')
    if (parent !== path && parent !== '') mkdirSync(Buffer.from(parent, 'latin1'), { recursive })
  }
  within(path, (directory, last) => files.makeDirectory(directory, last, 0o777))
}

export function rmSync(name: Name, { recursive = false, force = false } = {}): void {
  const path = pathOf(name)
  if (!entry(path)) {
    if (force) return
    throw missing('rm', path)
  }
  within(path, recursive ? files.removeTree : files.removeFile)
}

export const unlinkSync = (name: Name): void => within(pathOf(name), files.removeFile)

export function symlinkSync(text: Name, name: Name): void {
  within(pathOf(name), (directory, last) => files.makeLink(pathOf(text), directory, last))
}

function between(from: Name, to: Name, act: typeof files.rename): void {
  within(pathOf(from), (source, sourceName) => {
    within(pathOf(to), (target, targetName) => act(source, sourceName, target, targetName))
  })
}

export const linkSync = (from: Name, to: Name): void => between(from, to, files.hardLink)
export const renameSync = (from: Name, to: Name): void => between(from, to, files.rename)

export function copyFileSync(from: Name, to: Name): void {
  writeFileSync(to, contentAt(pathOf(from)), { mode: statSync(from).mode })
}

/** Copies into a folder that is there, too. Links stay as they are. */
export function cpSync(
  from: string,
  to: string,
  { preserveTimestamps = false }: { recursive: true; preserveTimestamps?: boolean },
): void {
  const kept = preserveTimestamps ? 'mode,timestamps' : 'mode'
  execFileSync('cp', ['-rT', `--preserve=${kept}`, from, to])
}

function change(path: Path, changed: Partial<Stat>): void {
  within(path, (directory, name) => {
    const stat = files.stat(directory, name)
    if (!stat) throw missing('change', path)
    const xattrs = files.readXattrs(directory, name)
    files.setMetadata(directory, name, { ...stat, ...changed, xattrs })
  })
}

export const chmodSync = (name: Name, mode: number): void =>
  change(followed(pathOf(name)), { mode })

export const chownSync = (name: Name, uid: number, gid: number): void =>
  change(followed(pathOf(name)), { uid, gid })

export function lutimesSync(name: Name, _accessed: When, modified: When): void {
  const milliseconds = typeof modified === 'number' ? modified * 1000 : modified.getTime()
  const seconds = Math.floor(milliseconds / 1000)
  const nanoseconds = Math.round((milliseconds - seconds * 1000) * 1e6)
  change(pathOf(name), { modified: { seconds, nanoseconds } })
}

export const utimesSync = (name: Name, accessed: When, modified: When): void =>
  lutimesSync(Buffer.from(followed(pathOf(name)), 'latin1'), accessed, modified)
