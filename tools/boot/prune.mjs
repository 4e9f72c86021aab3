/**
 * Keeps `.cache/boot` from growing forever: what nobody has made or asked for in the last few days goes.
 * What another run is using, in this checkout or in one that shares the cache, stays.
 */
import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'

const AGE_MAX_MS = 3 * 24 * 3600 * 1000

/** Marks this one as in use, and removes old ones whose names begin in the same way. */
export function useAndPrune(folder, prefix, name) {
  const now = Date.now()
  utimesSync(join(folder, name), now / 1000, now / 1000)
  for (const entry of readdirSync(folder)) {
    if (!entry.startsWith(prefix) || entry === name) continue
    const place = join(folder, entry)
    const age = now - (statSync(place, { throwIfNoEntry: false })?.mtimeMs ?? now)
    if (age > AGE_MAX_MS) rmSync(place, { recursive: true, force: true })
  }
}
