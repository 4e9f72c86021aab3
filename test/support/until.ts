/**
 * Waits for what nobody tells a test about, by looking again and again, for as long as a busy machine may
 * need.
 */
import { DEADLINE_MS } from './deadline.ts'

const POLL_MS = 25

/** The first value that `look` finds; undefined and false mean that it is not there yet. */
export async function until<Value>(
  look: () => Promise<Value | undefined | false> | Value | undefined | false,
  what = 'what the test waits for',
): Promise<Value> {
  const end = Date.now() + DEADLINE_MS
  for (;;) {
    const value = await look()
    if (value !== undefined && value !== false) return value
    if (Date.now() > end) throw new Error(`${what}: not within ${DEADLINE_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
