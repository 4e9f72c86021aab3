/**
 * Sources that misbehaved a while ago, in a small file of the store: `BEGUN UNTIL URL` lines, the URL of a neighbour after its sort. It is only
 * a hint for the order; if it is missing or garbled, nobody is set aside.
 */

import { isSystemError, TrustError } from '../errors.ts'
import type { Fd, Files } from '../host.ts'
import { NEIGHBOURS_ASIDE_MAX, STATE_SIZE_MAX } from '../limits.ts'
import { formatInstant, parseInstant } from '../release/fields.ts'
import { readFile, replaceFile } from '../small-file.ts'
import { arrayOfBytes, bytesOfArray } from '../text.ts'
import { secondsLeft } from './order.ts'

const NAME = 'set-aside'
/** Longer than a server's brief trouble, shorter than a school day. */
const SET_ASIDE_SECONDS = 30 * 60
/** More are not remembered; the oldest goes first. */
const ENTRIES_MAX = 32
/** How the names of neighbours begin: no URL does, so nothing that one does is held against a source with a name. */
export const NEIGHBOUR = 'neighbour '

interface AsideEntry {
  begun: number
  until: number
  url: string
}

/** The URLs of those that are set aside now. */
export function readSetAside(files: Files, store: Fd, nowSeconds: number): Set<string> {
  return new Set(entries(files, store, nowSeconds).map(({ url }) => url))
}

export function setAside(files: Files, store: Fd, url: string, nowSeconds: number): void {
  const begun = Math.floor(nowSeconds)
  const others = entries(files, store, nowSeconds).filter((entry) => entry.url !== url)
  const entry = { begun, until: begun + SET_ASIDE_SECONDS, url }
  const all = withinLimits([...others, entry])
  const lines = all.map(
    (entry) => `${formatInstant(entry.begun)} ${formatInstant(entry.until)} ${entry.url}\n`,
  )
  try {
    replaceFile(files, store, NAME, arrayOfBytes(lines.join('')))
  } catch (error) {
    // The next source is worth more than a hint that doesn't fit on a full disk.
    if (!isSystemError(error)) throw error
  }
}

/** Neighbours come and go, and any of them can have many ports: they push out nobody but each other. */
function withinLimits(all: readonly AsideEntry[]): AsideEntry[] {
  const neighbours = all.filter(({ url }) => url.startsWith(NEIGHBOUR))
  const servers = all.filter(({ url }) => !url.startsWith(NEIGHBOUR))
  return [...servers.slice(-ENTRIES_MAX), ...neighbours.slice(-NEIGHBOURS_ASIDE_MAX)]
}

function entries(files: Files, store: Fd, nowSeconds: number): AsideEntry[] {
  return textOfAside(files, store)
    .split('\n')
    .flatMap((line) => {
      const [, from = '', to = '', url = ''] = /^(\S+) (\S+) (.+)$/.exec(line) ?? []
      const begun = parseInstant(from)
      const until = parseInstant(to)
      if (begun === undefined || until === undefined) return []
      return secondsLeft({ begun, until }, nowSeconds) > 0 ? [{ begun, until, url }] : []
    })
}

function textOfAside(files: Files, store: Fd): string {
  try {
    return bytesOfArray(readFile(files, store, NAME, STATE_SIZE_MAX) ?? new Uint8Array(0))
  } catch (error) {
    if (isSystemError(error) || error instanceof TrustError) return ''
    throw error
  }
}
