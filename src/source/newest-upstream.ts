/**
 * What the newest version upstream is, for laptops whose school server may have stopped mirroring and to
 * which nobody names a version. Upstream is asked at most once a day; its answer is kept in a small file
 * of the store, which is only a hint: if it is missing or garbled, upstream is asked.
 */
import { isSystemError, TrustError } from '../errors.ts'
import { VERSION_MAX } from '../limits.ts'
import { formatInstant, parseInstant } from '../release/fields.ts'
import { readFile, replaceFile } from '../small-file.ts'
import type { Store } from '../store/store.ts'
import { arrayOfBytes, bytesOfArray } from '../text.ts'
import { secondsLeft } from './order.ts'
import { faultOf, type SearchOptions } from './search.ts'
import type { Source } from './source.ts'

const NAME = 'upstream-newest'
const SIZE_MAX = 100
/** A day: a school of a hundred laptops then asks upstream for some 400 KB a day, all together. */
const ASK_EVERY_SECONDS = 86_400

/** `ask` gives the newest version of one source that may be taken, or the running one. */
export async function newestUpstream(
  { store, sources, progress }: Pick<SearchOptions, 'store' | 'sources' | 'progress'>,
  running: number,
  ask: (source: Source) => Promise<number>,
): Promise<number> {
  const now = store.host.clock.wallSeconds()
  const known = recall(store)
  if (known && secondsLeft(known, now) > 0) return known.version
  for (const source of sources) {
    if (source.role === 'school') continue
    try {
      const version = await ask(source)
      remember(store, version, now)
      return version
    } catch (error) {
      // It was only to say what is newest, and nothing waits for that: an error there harms nobody.
      if (!faultOf(error)) throw error
      progress.note(`${(error as Error).message}; for today the school server's word is taken`)
    } finally {
      source.close()
    }
  }
  return running
}

function remember(store: Store, version: number, now: number): void {
  const begun = Math.floor(now)
  const times = `${formatInstant(begun)} ${formatInstant(begun + ASK_EVERY_SECONDS)}`
  try {
    replaceFile(store.host.files, store.directory, NAME, arrayOfBytes(`${times} ${version}\n`))
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
}

function recall(store: Store): { version: number; begun: number; until: number } | undefined {
  try {
    const content = readFile(store.host.files, store.directory, NAME, SIZE_MAX)
    const line = /^(\S+) (\S+) ([0-9]{1,10})\n$/.exec(bytesOfArray(content ?? new Uint8Array(0)))
    const [begun, until] = [parseInstant(line?.[1] ?? ''), parseInstant(line?.[2] ?? '')]
    const version = Number(line?.[3])
    if (begun === undefined || until === undefined || !(version <= VERSION_MAX)) return undefined
    return { version, begun, until }
  } catch (error) {
    if (isSystemError(error) || error instanceof TrustError) return undefined
    throw error
  }
}
