/**
 * Reads a manifest for the Node side of native:trees, entry by entry in its order. Every fault of
 * the text becomes a ManifestError that names the line; nothing malformed is passed on.
 */
import { TrustError } from '../../src/errors.ts'
import type { Fd, Files, Path } from '../../src/host.ts'
import { unescapeWord } from '../../src/release/manifest-escape.ts'
import { ManifestReader } from '../../src/release/manifest-file.ts'
import { comparePaths, type Entry, parseManifestLine } from '../../src/release/manifest-line.ts'

export interface LineEntry {
  line: string
  entry: Entry
}

interface Group {
  /** What every name of the group must say, apart from its path and tag. */
  facts: string
  names: number
  links: number
  lineNumber: number
}

/** Runs a reading step, and names the line in what it throws. */
function namingLine<T>(reader: ManifestReader, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof TrustError) throw manifestError(reader.lineNumber, error.message)
    throw error
  }
}

function manifestError(line: number, message: string): Error {
  return Object.assign(new Error(`line ${line}: ${message}`), { name: 'ManifestError', line })
}

/** Throws if a path doesn't come after the one before it. */
class Order {
  private last: Path | undefined

  check(path: Path): void {
    if (this.last === undefined ? path !== '.' : comparePaths(this.last, path) >= 0) {
      throw new TrustError('the entry is out of order')
    }
    this.last = path
  }
}

export class ManifestLines {
  private readonly reader: ManifestReader
  private readonly order = new Order()
  private readonly directories = new Set<Path>()
  /** By their first names. */
  private readonly groups = new Map<Path, Group>()

  constructor(files: Files, manifest: Fd) {
    this.reader = new ManifestReader(files, manifest)
  }

  /** The next entry with its line; undefined at the end. */
  next(): LineEntry | undefined {
    const next = namingLine(this.reader, () => this.read())
    if (next === undefined) this.checkEnd()
    return next
  }

  private read(): LineEntry | undefined {
    const line = this.reader.nextLine()
    if (line === undefined) return undefined
    const entry = parseManifestLine(line)
    this.order.check(entry.path)
    this.checkParent(entry)
    this.checkGroup(entry)
    return { line, entry }
  }

  private checkParent({ path, type }: Entry): void {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/'))) || '.'
    if (path !== '.' && !this.directories.has(parent)) {
      throw new TrustError('the entry has no directory above it')
    }
    if (type === 'dir') this.directories.add(path)
  }

  private checkGroup(entry: Entry): void {
    if (entry.type !== 'file' || entry.links < 2) return
    const { path, hardLinkTo, links } = entry
    const facts = JSON.stringify({ ...entry, path: '', hardLinkTo: '' })
    if (hardLinkTo === undefined) {
      this.groups.set(path, { facts, names: 1, links, lineNumber: this.reader.lineNumber })
      return
    }
    const group = this.groups.get(hardLinkTo)
    if (!group) throw new TrustError('the first name of the hard link is no earlier regular file')
    if (group.facts !== facts) throw new TrustError('the names of one hard link differ')
    group.names++
  }

  private checkEnd(): void {
    if (this.directories.size === 0) {
      throw manifestError(this.reader.lineNumber, 'the manifest has no entry')
    }
    for (const { names, links, lineNumber } of this.groups.values()) {
      if (names !== links) throw manifestError(lineNumber, `nlink=${links}, but ${names} names`)
    }
  }

  *[Symbol.iterator](): Generator<LineEntry> {
    for (let next = this.next(); next; next = this.next()) yield next
  }
}

/**
 * Walks beside another manifest, in its order, and finds the line of the same path in this one. Checks only
 * the order and the paths, since nothing else is needed.
 */
export class Companion {
  private readonly reader: ManifestReader
  private readonly order = new Order()
  private path: Path | undefined
  private line: string | undefined

  constructor(files: Files, manifest: Fd) {
    this.reader = new ManifestReader(files, manifest)
    this.advance()
  }

  at(path: Path): string | undefined {
    while (this.path !== undefined && comparePaths(this.path, path) < 0) this.advance()
    return this.path === path ? this.line : undefined
  }

  private advance(): void {
    this.line = namingLine(this.reader, () => this.reader.nextLine())
    this.path = this.line === undefined ? undefined : namingLine(this.reader, () => this.readPath())
  }

  private readPath(): Path {
    const word = (this.line ?? '').split(' ', 1)[0] ?? ''
    const path = unescapeWord(word.startsWith('./') ? word.slice(2) : word)
    if (path === undefined || path === '') throw new TrustError('the path is malformed')
    this.order.check(path)
    return path
  }
}
