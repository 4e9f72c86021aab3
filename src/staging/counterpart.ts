/**
 * Finds the file of the live tree that is likely to share content with a file of the new one: the same
 * path, or else at each level the name that is equal but for its version number (`modules/6.1.0-40` for
 * `modules/6.1.0-41`, `libssl.so.3.0.16` for `libssl.so.3.0.17`). A wrong guess costs nothing but its block
 * sums: the result is checked against its digest.
 */
import { DAMAGE, isSystemError } from '../errors.ts'
import type { Fd, Files, Path } from '../host.ts'

/** How many directory listings are remembered: entries arrive sorted, so a few are enough. */
const LISTINGS_MAX = 64

export class Counterparts {
  #listings = new Map<Path, Path[]>()

  constructor(
    readonly files: Files,
    readonly live: Fd,
  ) {}

  /** A path of the live tree, or undefined if nothing there is like it. */
  find(path: Path): Path | undefined {
    if (path === '.') return '.'
    const slash = path.lastIndexOf('/')
    const parent = this.find(slash < 0 ? '.' : path.slice(0, slash))
    if (parent === undefined) return undefined
    const name = path.slice(slash + 1)
    const names = this.#list(parent)
    const found = names.includes(name) ? name : nearest(name, names)
    if (found === undefined) return undefined
    return parent === '.' ? found : `${parent}/${found}`
  }

  #list(directory: Path): Path[] {
    const known = this.#listings.get(directory)
    if (known) return known
    let names: Path[] = []
    try {
      names = this.files.readDirectory(this.live, directory)
    } catch (error) {
      if (!isSystemError(error, 'ENOTDIR', 'ENOENT', 'ELOOP', ...DAMAGE)) throw error
    }
    if (this.#listings.size >= LISTINGS_MAX) {
      const oldest = this.#listings.keys().next().value
      if (oldest !== undefined) this.#listings.delete(oldest)
    }
    this.#listings.set(directory, names)
    return names
  }
}

/** The name that differs only in its digits; of several the last, which has the highest version. */
function nearest(name: Path, names: Path[]): Path | undefined {
  const shape = shapeOf(name)
  if (shape === name) return undefined
  return names.filter((candidate) => shapeOf(candidate) === shape).at(-1)
}

function shapeOf(name: Path): string {
  return name.replace(/[0-9]+(?:[.~+][0-9]+)*/g, '#')
}
