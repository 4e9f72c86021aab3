/**
 * Which files a pack carries, each content once, and which files each may be made from: the same path, or else
 * the names that differ only in their numbers. What a guess is worth is for the coder to find out.
 */
import type { PackBase, PackFile } from 'native:pack-coder'
import type { Fd, Host, Path } from '../host.ts'
import { ManifestReader } from '../release/manifest-file.ts'
import { type Entry, parseManifestLine } from '../release/manifest-line.ts'

/** Guesses of the old tree for one file: each costs the coder a sort of that file. */
const OLD_BASES_MAX = 3
/** Files of one shape that are compared with a name: more of them are all alike. */
const SHAPE_MAX = 50
/** Places in files are numbers of 32 bits in a pack; larger files are fetched one by one (bytes). */
const FILE_SIZE_MAX = 0xffff_ffff
/** The new tree's file may be from half as large to twice as large as the one to be made. */
const NEW_BASE_RATIO = 2

interface OldFile {
  line: number
  path: Path
  size: number
  /** The new tree has nothing at its path. */
  isGone: boolean
}

interface Carried {
  files: PackFile[]
  bytes: number
}

/** `old` undefined: everything, whole. */
export function filesToCarry(
  host: Pick<Host, 'files' | 'trees'>,
  old: Fd | undefined,
  target: Fd,
): Carried {
  const { files, trees } = host
  const known = old === undefined ? undefined : trees.openDigests(old)
  try {
    const oldFiles = old === undefined ? undefined : new OldFiles(files, old, target)
    const seen = new Set<string>()
    const newest = new Map<string, { line: number; path: Path; size: number }>()
    const carried: Carried = { files: [], bytes: 0 }
    for (const [line, entry] of numberedEntries(files, target)) {
      if (!hasContent(entry) || seen.has(entry.digest)) continue
      seen.add(entry.digest)
      if (known && trees.findDigest(known, entry.digest).length > 0) continue
      const { path, size } = entry
      const shape = shapeOf(nameOf(path))
      const bases = oldFiles?.basesOf(entry) ?? []
      const like = newest.get(shape)
      if (oldFiles && like && isAlike(like.size, size)) {
        bases.push({ ...like, isNew: true })
      }
      newest.set(shape, { line, path, size })
      carried.files.push({ line, path, size, bases, isPlain: false })
      carried.bytes += size
    }
    return carried
  } finally {
    if (known) trees.closeDigests(known)
  }
}

class OldFiles {
  readonly #byPath = new Map<Path, OldFile>()
  readonly #byShape = new Map<string, OldFile[]>()
  readonly #byName = new Map<string, OldFile[]>()

  constructor(files: Host['files'], old: Fd, target: Fd) {
    const paths = new Set<Path>()
    for (const [, { path }] of numberedEntries(files, target)) paths.add(path)
    for (const [line, entry] of numberedEntries(files, old)) {
      if (!hasContent(entry)) continue
      const { path, size } = entry
      const file = { line, path, size, isGone: !paths.has(path) }
      this.#byPath.set(path, file)
      addTo(this.#byShape, shapeOf(path), file)
      addTo(this.#byName, shapeOf(nameOf(path)), file)
    }
  }

  basesOf({ path, size: wanted }: Entry): PackBase[] {
    const same = this.#byPath.get(path)
    const found = same ? [same] : this.#nearest(path, wanted)
    return found.map(({ line, path, size }) => ({ line, path, size, isNew: false }))
  }

  #nearest(path: Path, size: number): OldFile[] {
    const near = this.#byShape.get(shapeOf(path)) ?? this.#byName.get(shapeOf(nameOf(path))) ?? []
    const numbers = numbersOf(path)
    const ranked = near.map((file) => ({ file, distance: distance(numbers, numbersOf(file.path)) }))
    ranked.sort((one, other) => {
      if (one.file.isGone !== other.file.isGone) return one.file.isGone ? -1 : 1
      const byNumbers = compareNumbers(one.distance, other.distance)
      const bySize = Math.abs(one.file.size - size) - Math.abs(other.file.size - size)
      return byNumbers || bySize || one.file.line - other.file.line
    })
    return ranked.slice(0, OLD_BASES_MAX).map(({ file }) => file)
  }
}

/** Regular files with something in them that a pack can hold, each inode once. */
function hasContent(entry: Entry): boolean {
  return (
    entry.type === 'file' &&
    entry.hardLinkTo === undefined &&
    entry.size > 0 &&
    entry.size <= FILE_SIZE_MAX
  )
}

/** Each entry with its number. */
function* numberedEntries(files: Host['files'], manifest: Fd): Generator<[number, Entry]> {
  const reader = new ManifestReader(files, manifest)
  let line = 0
  for (let text = reader.nextLine(); text !== undefined; text = reader.nextLine()) {
    yield [line++, parseManifestLine(text)]
  }
}

function addTo(map: Map<string, OldFile[]>, key: string, file: OldFile): void {
  const list = map.get(key)
  if (!list) map.set(key, [file])
  else if (list.length < SHAPE_MAX) list.push(file)
}

const nameOf = (path: Path) => path.slice(path.lastIndexOf('/') + 1)

/** A name without its numbers. */
const shapeOf = (name: Path) => name.replace(/[0-9]+/g, '0')

const numbersOf = (path: Path) => (path.match(/[0-9]+/g) ?? []).map(Number)

const distance = (one: number[], other: number[]) =>
  one.map((number, at) => Math.abs(number - (other[at] ?? 0)))

function compareNumbers(one: number[], other: number[]): number {
  for (const [at, number] of one.entries()) {
    const difference = number - (other[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

const isAlike = (one: number, other: number) =>
  one <= other * NEW_BASE_RATIO && other <= one * NEW_BASE_RATIO
