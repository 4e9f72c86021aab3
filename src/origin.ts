/**
 * Where the bytes of upgrades came from, as laptops count and tell it, and a school adds it up: `school 1200
 * stick 900`, the same text in the state record and on the wire to the home server.
 */

export const ORIGINS = ['neighbour', 'school', 'upstream', 'stick'] as const
export type Origin = (typeof ORIGINS)[number]

/** Bytes received, by where they came from; one without any is left out. */
export type Received = Partial<Record<Origin, number>>

/** More digits than a laptop will ever count. */
const TEXT = /^[a-z]{1,20} [0-9]{1,15}( [a-z]{1,20} [0-9]{1,15}){0,7}$/

export function isOrigin(word: unknown): word is Origin {
  return ORIGINS.includes(word as Origin)
}

/** An upgrade that was brought into a store. */
export interface Brought {
  version: number
  origin: Origin
  time: string
  /** The name of the source that served it. */
  source: string
}

export function broughtText({ version, origin, time, source }: Brought): string {
  return `${version} ${origin} ${time} ${source}`
}

/** Undefined if it is none. */
export function parseBrought(text: string): Brought | undefined {
  const [, version, origin, time = '', source = ''] =
    /^([1-9][0-9]{0,8}) (\S+) (\S+) (.*)$/.exec(text) ?? []
  return isOrigin(origin) ? { version: Number(version), origin, time, source } : undefined
}

/** Undefined: nothing was received. */
export function receivedText(received: Received): string | undefined {
  const parts = ORIGINS.flatMap((origin) => {
    const bytes = received[origin] ?? 0
    return bytes > 0 ? [`${origin} ${bytes}`] : []
  })
  return parts.length > 0 ? parts.join(' ') : undefined
}

/** Undefined if it is no such text. Words that a later program may have are skipped. */
export function parseReceived(text: string): Received | undefined {
  if (!TEXT.test(text)) return undefined
  const received: Received = {}
  const words = text.split(' ')
  for (let at = 0; at < words.length; at += 2) {
    const origin = words[at]
    if (isOrigin(origin)) received[origin] = Number(words[at + 1])
  }
  return received
}

export function addReceived(one: Received, other: Received): Received {
  const sum: Received = {}
  for (const origin of ORIGINS) {
    const bytes = (one[origin] ?? 0) + (other[origin] ?? 0)
    if (bytes > 0) sum[origin] = Math.min(bytes, Number.MAX_SAFE_INTEGER)
  }
  return sum
}
