/**
 * Compares what is in a tree with the line of a manifest, keyword by keyword, without reading any content.
 */
import type { Failure, LiveTree } from 'native:trees'
import { type DiskTimes, EVERY_TIME, timeMatches } from '../../src/disk-times.ts'
import { DAMAGE, isSystemError } from '../../src/errors.ts'
import type { Fd, Files, Metadata, Path, Stat, Xattr } from '../../src/host.ts'
import { encodeBase64 } from '../../src/release/base64.ts'
import type { Entry } from '../../src/release/manifest-line.ts'
import { ManifestLines } from './manifest-lines.node.ts'

/**
 * What the kernel gives entries by the policy that is loaded: no difference if nobody asked for one.
 */
export const KERNEL_LABELS = ['security.selinux', 'security.SMACK64']

/** Of what attributes are said to be (units). */
const ATTRIBUTES_SHOWN_MAX = 1024

/** What is at a path; also undefined if something other than a directory is in the way. */
export function look(files: Files, root: Fd, path: Path): Stat | undefined {
  try {
    return files.stat(root, path)
  } catch (error) {
    if (isSystemError(error, 'ELOOP', 'ENOTDIR')) return undefined
    throw error
  }
}

/** The same of a tree that merely could spare an entry: what its disk can't give isn't there. */
export function lookSpare(files: Files, root: Fd, path: Path): Stat | undefined {
  try {
    return look(files, root, path)
  } catch (error) {
    if (isSystemError(error, ...DAMAGE)) return undefined
    throw error
  }
}

export function metadataOf({ mode, uid, gid, modified, xattrs }: Entry): Metadata {
  return { mode, uid, gid, modified, xattrs }
}

/** The keywords that do not hold. A wrong type says it all: nothing else can be compared then. */
export function differences(
  files: Files,
  root: Fd,
  entry: Entry,
  stat: Stat,
  times = EVERY_TIME,
): Failure[] {
  const { path, type } = entry
  if (stat.type !== type) return [{ path, what: 'type', found: stat.type, expected: type }]
  const failures: Failure[] = []
  const compare = (what: Failure['what'], found: string | number, expected: string | number) => {
    if (found === expected) return
    failures.push({ path, what, found: String(found), expected: String(expected) })
  }
  // Linux gives every symlink the same mode, and no way to change it.
  if (type !== 'link') compare('mode', octal(stat.mode), octal(entry.mode))
  compare('uid', stat.uid, entry.uid)
  compare('gid', stat.gid, entry.gid)
  if (type === 'file') compare('size', stat.size, entry.size)
  if (!timeMatches(times, stat.modified, entry.modified)) compare('time', time(stat), time(entry))
  if (type === 'link') compare('link', files.readLink(root, path), entry.link)
  if (type === 'char' || type === 'block') compare('device', device(stat), device(entry))
  const wanted = new Set(entry.xattrs.map(({ name }) => name))
  const found = files
    .readXattrs(root, path)
    .filter(({ name }) => !KERNEL_LABELS.includes(name) || wanted.has(name))
  const [has, wants] = [texts(found), texts(entry.xattrs)]
  if (has !== wants) failures.push({ path, what: 'xattr', found: cut(has), expected: cut(wants) })
  return failures
}

const octal = (mode: number) => mode.toString(8).padStart(4, '0')
const device = ({ major, minor }: { major: number; minor: number }) => `native,${major},${minor}`

function time({ modified }: { modified: Metadata['modified'] }): string {
  return `${modified.seconds}.${String(modified.nanoseconds).padStart(9, '0')}`
}

/** Compared whole, and told as far as it takes to tell one from the other. */
function texts(xattrs: Xattr[]): string {
  return xattrs.map(({ name, value }) => `${name}:${encodeBase64(value)}`).join(',')
}

function cut(text: string): string {
  return text.length > ATTRIBUTES_SHOWN_MAX ? `${text.slice(0, ATTRIBUTES_SHOWN_MAX)}...` : text
}

/** Looks at single entries of a tree. */
export class Comparison {
  readonly #entries = new Map<Path, Entry>()

  constructor(
    private readonly files: Files,
    private readonly options: { live: LiveTree; times?: DiskTimes },
  ) {
    for (const { entry } of new ManifestLines(files, options.live.manifest)) {
      this.#entries.set(entry.path, entry)
    }
  }

  isUnchanged(path: Path): boolean {
    const { live, times } = this.options
    const entry = this.#entries.get(path)
    const stat = entry && look(this.files, live.root, path)
    if (!entry || !stat) return false
    if (stat.type === 'dir') return entry.type === 'dir'
    return differences(this.files, live.root, entry, stat, times).length === 0
  }
}
