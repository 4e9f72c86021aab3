/** A look at a disk without the laptop: `ls`, `tree`, `cat`, `df`, `put`. Only `put` changes it. */
import { ConfigError } from '../../src/errors.ts'
import type { Fd, Files, Path, Stat } from '../../src/host.ts'
import { show } from '../../src/text.ts'
import { belowRoot, put } from './disk-image.ts'

const TYPE_LETTERS = {
  file: '-',
  dir: 'd',
  link: 'l',
  char: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
}
const PIECE = 256 * 1024

interface Tool {
  words: number
  changes?: boolean
  run(files: Files, root: Fd, words: string[], write: (bytes: Uint8Array) => void): void
}

export const DISK_TOOLS: Record<string, Tool> = {
  ls: {
    words: 1,
    run(files, root, [path = '/'], write) {
      const below = belowRoot(path)
      const stat = mustStat(files, root, below)
      const names = stat.type === 'dir' ? files.readDirectory(root, below) : []
      const lines =
        stat.type === 'dir'
          ? names.map((name) => lineOf(files, root, joined(below, name), name))
          : [lineOf(files, root, below, below)]
      write(Buffer.from(lines.join('')))
    },
  },
  tree: {
    words: 1,
    run(files, root, [path = '/'], write) {
      const lines = [`${path}\n`]
      addBelow(files, root, belowRoot(path), '', lines)
      write(Buffer.from(lines.join('')))
    },
  },
  cat: {
    words: 1,
    run(files, root, [path = '/'], write) {
      const fd = files.openRead(root, belowRoot(path))
      const piece = new Uint8Array(PIECE)
      for (let count = files.read(fd, piece, 0, PIECE); count > 0; ) {
        write(piece.slice(0, count))
        count = files.read(fd, piece, 0, PIECE)
      }
      files.close(fd)
    },
  },
  df: {
    words: 0,
    run(files, root, _, write) {
      const { bytes, inodes, blockSize } = files.space(root)
      write(Buffer.from(`${bytes} bytes and ${inodes} inodes free; blocks of ${blockSize} bytes\n`))
    },
  },
  put: {
    words: 2,
    changes: true,
    run(files, _, [source, target]) {
      if (source === undefined || target === undefined) {
        throw new ConfigError('put wants two names', 'write `put HOST-FILE PATH`')
      }
      put(files, source, target)
    },
  },
}

const joined = (directory: Path, name: Path) => (directory === '.' ? name : `${directory}/${name}`)

function mustStat(files: Files, root: Fd, path: Path): Stat {
  const stat = files.stat(root, path)
  if (!stat) throw new ConfigError(`/${show(path)} is not on the disk`, 'look with `ls`')
  return stat
}

function lineOf(files: Files, root: Fd, path: Path, name: Path): string {
  const stat = mustStat(files, root, path)
  const mode = TYPE_LETTERS[stat.type] + stat.mode.toString(8).padStart(4, '0')
  const isDevice = stat.type === 'char' || stat.type === 'block'
  const size = isDevice ? `${stat.major},${stat.minor}` : `${stat.size}`
  const time = new Date(stat.modified.seconds * 1000).toISOString().slice(0, 19)
  const owner = `${stat.uid}:${stat.gid}`
  const link = stat.type === 'link' ? ` -> ${show(files.readLink(root, path))}` : ''
  const links = `${stat.links}`.padStart(2)
  return `${mode} ${links} ${owner.padEnd(9)} ${size.padStart(10)} ${time} ${show(name)}${link}\n`
}

function addBelow(files: Files, root: Fd, path: Path, indent: string, lines: string[]): void {
  const names = files.readDirectory(root, path)
  for (const [index, name] of names.entries()) {
    const last = index === names.length - 1
    const below = joined(path, name)
    const stat = mustStat(files, root, below)
    const link = stat.type === 'link' ? ` -> ${show(files.readLink(root, below))}` : ''
    lines.push(`${indent}${last ? '└── ' : '├── '}${show(name)}${link}\n`)
    if (stat.type === 'dir')
      addBelow(files, root, below, `${indent}${last ? '    ' : '│   '}`, lines)
  }
}
