/**
 * Owners that can't be told. In a user namespace (a rootless container) the kernel shows every owner that
 * the namespace does not know as one and the same number, and whoever signs that gives the files away.
 */
import { ConfigError, isSystemError } from '../errors.ts'
import type { Files, Path, Stat } from '../host.ts'
import { readSystemFile } from '../small-file.ts'
import { bytesOfArray, show } from '../text.ts'

/** A map has at most 340 lines of three numbers (bytes). */
const MAP_SIZE_MAX = 16 * 1024
/** All that there are: 2^32 - 1, since the last one means "no owner". */
const ALL_IDS = 4_294_967_295
/** What the kernel shows for the others, where nobody set it. */
const OVERFLOW_ID = 65_534

interface Ids {
  /** What is shown for those that are not known here. */
  overflow: number
  /** Nobody that is known has this number: whoever shows it is unknown. */
  certain: boolean
}

/** What is noted about the owners of an image. */
export class MappedOwners {
  readonly #uids: Ids | undefined
  readonly #gids: Ids | undefined
  #suspects = 0
  #first: Path | undefined

  constructor(files: Files) {
    this.#uids = idsOf(files, 'uid')
    this.#gids = idsOf(files, 'gid')
  }

  /** Throws if an owner is surely not the one of the file. `image` names the tree. */
  see(image: string, path: Path, { uid, gid }: Pick<Stat, 'uid' | 'gid'>): void {
    for (const [kind, id, ids] of [
      ['an owner', uid, this.#uids],
      ['a group', gid, this.#gids],
    ] as const) {
      if (id !== ids?.overflow) continue
      if (ids.certain) {
        throw new ConfigError(
          `${image}/${show(path)} has ${kind} that is not mapped into this user namespace, ` +
            `and shows as ${id}`,
          'publish as root outside the container, or map all owners of the image into it',
        )
      }
      this.#suspects++
      this.#first ??= path
    }
  }

  /** What is to be told; undefined: nothing. */
  get warning(): string | undefined {
    if (this.#first === undefined) return undefined
    const id = this.#uids?.overflow ?? this.#gids?.overflow
    return (
      `${this.#suspects} owners and groups show as ${id} ("${show(this.#first)}" is the first), ` +
      'as this user namespace also shows whoever is not mapped into it: see that they are right'
    )
  }
}

/** Undefined if every number is known, as it is outside a container. */
function idsOf(files: Files, kind: 'uid' | 'gid'): Ids | undefined {
  const map = readProc(files, `/proc/self/${kind}_map`)
  if (map === undefined) return undefined
  const ranges = map
    .split('\n')
    .map((line) => line.split(' ').filter((word) => word !== ''))
    .filter((words) => words.length === 3)
    .map(([inside, , count]) => ({ start: Number(inside), count: Number(count) }))
  if (ranges.reduce((sum, { count }) => sum + count, 0) >= ALL_IDS) return undefined
  const shown = Number(readProc(files, `/proc/sys/kernel/overflow${kind}`) ?? OVERFLOW_ID)
  const overflow = Number.isInteger(shown) ? shown : OVERFLOW_ID
  const isKnown = ranges.some(({ start, count }) => overflow >= start && overflow < start + count)
  return { overflow, certain: !isKnown }
}

function readProc(files: Files, path: Path): string | undefined {
  try {
    return bytesOfArray(readSystemFile(files, path, MAP_SIZE_MAX))
  } catch (error) {
    if (isSystemError(error)) return undefined
    throw error
  }
}
