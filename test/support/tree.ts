/**
 * Trees as plain descriptions, made on the disk over native:files, so that names and links may hold
 * any byte; and the digest of a whole tree, which tells whether anything in it changed.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import type { Host, Path, Stat, Xattr } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'

export interface Described {
  type: Stat['type'] | 'hard-link'
  content?: Uint8Array
  /** Of a symlink its text, of a hard link the path of its first name. */
  text?: Path
  mode: number
  uid: number
  gid: number
  seconds: number
  nanoseconds: number
  xattrs: Xattr[]
  major: number
  minor: number
}

export type Tree = Map<Path, Described>

const SECONDS = 1_700_000_000

type Options = Partial<Omit<Described, 'type' | 'content' | 'text'>>

function described(type: Described['type'], mode: number, options: Options): Described {
  const plain = { uid: 0, gid: 0, seconds: SECONDS, nanoseconds: 0, xattrs: [], major: 0, minor: 0 }
  return { type, mode, ...plain, ...options }
}

export const folder = (options: Options = {}): Described => described('dir', 0o755, options)

export function file(content: string | Uint8Array, options: Options = {}): Described {
  const bytes = typeof content === 'string' ? arrayOfBytes(content) : content
  return { ...described('file', 0o644, options), content: bytes }
}

export const link = (text: Path, options: Options = {}): Described => ({
  ...described('link', 0o777, options),
  text,
})

export const hardLink = (first: Path): Described => ({
  ...described('hard-link', 0, {}),
  text: first,
})

export const node = (
  type: 'char' | 'block' | 'fifo' | 'socket',
  major = 0,
  minor = 0,
  options: Options = {},
): Described => described(type, 0o600, { ...options, major, minor })

/** Content that no compressor can make smaller, the same for the same seed. */
export function noise(size: number, seed: number): Uint8Array {
  return new SeededRandom(seed).bytes(size)
}

/** Makes the tree at a path that does not exist yet. Parents come before what is below them. */
export function makeTree({ files }: Host, path: Path, tree: Tree): void {
  const slash = path.lastIndexOf('/')
  const parent = files.openRoot(path.slice(0, slash) || '/')
  files.makeDirectory(parent, path.slice(slash + 1), 0o700)
  const root = files.openDirectory(parent, path.slice(slash + 1))
  files.close(parent)
  try {
    for (const [name, entry] of tree) place({ files }, root, name, entry)
    for (const [name, entry] of [...tree].reverse()) {
      if (entry.type === 'dir') files.setMetadata(root, name, metadataOf(entry))
    }
  } finally {
    files.close(root)
  }
}

function metadataOf({ mode, uid, gid, seconds, nanoseconds, xattrs }: Described) {
  return { mode, uid, gid, modified: { seconds, nanoseconds }, xattrs }
}

function place({ files }: Pick<Host, 'files'>, root: number, path: Path, entry: Described): void {
  if (entry.type === 'dir') {
    if (path !== '.') files.makeDirectory(root, path, 0o700)
    return
  }
  if (entry.type === 'hard-link') {
    files.hardLink(root, entry.text ?? '', root, path)
    return
  }
  if (entry.type === 'link') files.makeLink(entry.text ?? '', root, path)
  else if (entry.type !== 'file') {
    files.makeNode(root, path, entry.type, entry.major, entry.minor)
  } else {
    const content = entry.content ?? new Uint8Array(0)
    const fd = files.createFile(root, path, 0o600)
    files.write(fd, content, 0, content.length)
    files.close(fd)
  }
  files.setMetadata(root, path, metadataOf(entry))
}

/** What a line of `linesOfTree` says about an entry. */
interface Seen {
  path: Path
  stat: Stat
}

/** Every entry of a tree with its stat, in the order of a walk. */
function entriesOf({ files }: Host, path: Path): Seen[] {
  const root = files.openRoot(path)
  const seen: Seen[] = []
  const walk = (at: Path): void => {
    const stat = files.stat(root, at)
    if (!stat) throw new Error(`${at} went away`)
    seen.push({ path: at, stat })
    if (stat.type !== 'dir') return
    for (const name of files.readDirectory(root, at)) walk(at === '.' ? name : `${at}/${name}`)
  }
  try {
    walk('.')
  } finally {
    files.close(root)
  }
  return seen
}

/**
 * One line per entry: everything about it except what a hard link from elsewhere changes (link count and
 * ctime). With `inodes`, its inode as well: by number, or by the first of its names in this tree.
 */
export function linesOfTree(
  host: Host,
  path: Path,
  { inodes }: { inodes: boolean | 'by-name' },
): string[] {
  const { files } = host
  const root = files.openRoot(path)
  const firsts = new Map<string, Path>()
  try {
    return entriesOf(host, path).map(({ path: at, stat }) => {
      const { type, mode, uid, gid, modified, major, minor, identity } = stat
      const words: (string | number)[] = [JSON.stringify(at), type]
      if (type !== 'link') words.push(mode.toString(8))
      words.push(uid, gid, `${modified.seconds}.${modified.nanoseconds}`, major, minor)
      if (!firsts.has(identity)) firsts.set(identity, at)
      if (inodes === 'by-name') words.push(JSON.stringify(firsts.get(identity)))
      else if (inodes) words.push(identity)
      if (type === 'link') words.push(JSON.stringify(files.readLink(root, at)))
      if (type === 'file') words.push(stat.size, digestOf(host, root, at))
      for (const { name, value } of files.readXattrs(root, at)) {
        words.push(`${name}=${Buffer.from(value).toString('hex')}`)
      }
      return words.join(' ')
    })
  } finally {
    files.close(root)
  }
}

function digestOf({ files }: Host, root: number, path: Path): string {
  const fd = files.openRead(root, path)
  try {
    const { size } = files.statHandle(fd)
    const buffer = new Uint8Array(size)
    files.read(fd, buffer, 0, size, 0)
    return createHash('sha256').update(buffer).digest('hex')
  } finally {
    files.close(fd)
  }
}

/** Changes whenever anything in the tree does: metadata, content, or which inode holds it. */
export function digestOfTree(host: Host, path: Path): string {
  return createHash('sha256')
    .update(linesOfTree(host, path, { inodes: true }).join('\n'))
    .digest('hex')
}

/** Copies a tree with everything that it has, to a place that does not exist yet. */
export function copyTree(source: string, target: string): void {
  execFileSync('cp', ['-a', source, target])
}
