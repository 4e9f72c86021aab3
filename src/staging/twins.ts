/**
 * Finds paths that differ only in upper and lower case, which some disks take for one. Holds the names of the folders
 * that are open at one point of the order alone, and never a whole tree.
 */
import type { Path } from '../host.ts'
import { textOfBytes } from '../text.ts'

interface OpenFolder {
  /** What every path below it begins with. */
  prefix: Path
  /** By its name in lower case, each path in it so far. */
  paths: Map<string, Path>
}

export class Twins {
  // All paths with one prefix come together, however the folder's neighbours are named.
  readonly #open: OpenFolder[] = []

  /**
   * The path that was met before and differs from this one only in case, in its last name. Paths come in a manifest's
   * order; a folder's twin is met before what is below the two.
   */
  meet(path: Path): Path | undefined {
    const slash = path.lastIndexOf('/')
    const { paths } = this.#folder(path.slice(0, slash + 1))
    const name = path.slice(slash + 1)
    const folded = (textOfBytes(name) ?? name).toLowerCase()
    const twin = paths.get(folded)
    if (twin === undefined) paths.set(folded, path)
    return twin
  }

  /** How many paths it holds. */
  get size(): number {
    return this.#open.reduce((sum, { paths }) => sum + paths.size, 0)
  }

  #folder(prefix: Path): OpenFolder {
    let last = this.#open.at(-1)
    while (last !== undefined && !prefix.startsWith(last.prefix)) {
      this.#open.pop()
      last = this.#open.at(-1)
    }
    if (last?.prefix === prefix) return last
    const opened = { prefix, paths: new Map<string, Path>() }
    this.#open.push(opened)
    return opened
  }
}
