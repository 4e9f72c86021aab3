/**
 * Tells a client that comes at a bad time so, where a stock daemon would: after the greetings, in the place
 * of the module that it asks for. It costs a line each way, and no more time than a slow line needs.
 */
import type { Clock, Sockets } from '../host.ts'
import { arrayOfBytes, bytesOfText, harmless } from '../text.ts'

type Socket = import('native:sockets').Socket

/** Of a client's two lines (bytes). */
const LINES_SIZE_MAX = 1024
const TIMEOUT_MS = 5000
/** One that every client understands: newer ones take it as well, and it names no digests. */
const GREETING = '@RSYNCD: 31.0\n'

/** Never throws what the client or the line is to blame for; the caller closes the socket. */
export async function turnAway(
  { sockets, clock }: { sockets: Sockets; clock: Clock },
  socket: Socket,
  /** After `@ERROR: `. */
  reason: string,
): Promise<void> {
  const endMs = clock.monotonicMs() + TIMEOUT_MS
  const leftMs = () => Math.max(1, endMs - clock.monotonicMs())
  const say = async (text: string) => {
    const bytes = arrayOfBytes(bytesOfText(text))
    await sockets.write(socket, bytes, 0, bytes.length, leftMs())
  }
  await say(GREETING)
  const buffer = new Uint8Array(LINES_SIZE_MAX)
  let length = 0
  // Its own greeting, and what it asks for.
  while (buffer.subarray(0, length).filter((byte) => byte === 10).length < 2) {
    if (length === buffer.length || clock.monotonicMs() >= endMs) return
    const count = await sockets.read(socket, buffer, length, buffer.length - length, leftMs())
    if (count === 0) return
    length += count
  }
  await say(`@ERROR: ${harmless(reason)}\n`)
  sockets.shutdown(socket)
}
