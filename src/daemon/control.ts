/**
 * The daemon's control socket: it tells whoever connects what the daemon is doing, as one line of JSON,
 * and reads nothing. Only root can connect. The asking side is here, too.
 */
import { isSystemError } from '../errors.ts'
import type { Clock, Host, Path, Sockets } from '../host.ts'
import { INSTANT_MAX_SECONDS } from '../limits.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText, textOfBytes } from '../text.ts'
import type { DaemonStatus } from './daemon.ts'

type Socket = import('native:sockets').Socket

const TIMEOUT_MS = 2000
const LINE_SIZE_MAX = 16 * 1024
const BACKLOG = 8
/** The pause before the next try if the system had no descriptor for a connection (milliseconds). */
const PAUSE_MS = 1000

/** Serves until `close` is called. Throws if the socket can't be made. */
export function serveStatus(
  modules: { sockets: Sockets; clock: Clock },
  path: Path,
  status: () => DaemonStatus,
): { close(): void } {
  const { sockets, clock } = modules
  const listener = sockets.listen({ path }, BACKLOG)
  let open = true
  const serve = async () => {
    while (open) {
      try {
        const { socket } = await sockets.accept(listener)
        await answerOne(sockets, socket, status())
      } catch (error) {
        if (!isSystemError(error)) throw error
        if (open) await clock.sleep(PAUSE_MS)
      }
    }
  }
  void serve()
  return {
    close() {
      open = false
      sockets.closeListener(listener)
    },
  }
}

/** One at a time: a client that doesn't read holds up the next no longer than the time-out. */
async function answerOne(sockets: Sockets, socket: Socket, status: DaemonStatus): Promise<void> {
  try {
    const line = arrayOfBytes(bytesOfText(`${JSON.stringify(status)}\n`))
    await sockets.write(socket, line, 0, line.length, TIMEOUT_MS)
  } catch (error) {
    // A client that hangs up has heard enough.
    if (!isSystemError(error)) throw error
  } finally {
    sockets.close(socket)
  }
}

/** What the daemon is doing; undefined if none answers. */
export async function askStatus(
  { sockets }: Pick<Host, 'sockets'>,
  path: Path,
): Promise<DaemonStatus | undefined> {
  let socket: Socket
  try {
    socket = await sockets.connectPath(path, TIMEOUT_MS)
  } catch (error) {
    if (isSystemError(error)) return undefined
    throw error
  }
  try {
    const buffer = new Uint8Array(LINE_SIZE_MAX)
    let length = 0
    for (let count = -1; count !== 0 && length < LINE_SIZE_MAX; length += count) {
      count = await sockets.read(socket, buffer, length, LINE_SIZE_MAX - length, TIMEOUT_MS)
    }
    return statusIn(textOfBytes(bytesOfArray(buffer.subarray(0, length))) ?? '')
  } catch (error) {
    if (isSystemError(error) || error instanceof SyntaxError) return undefined
    throw error
  } finally {
    sockets.close(socket)
  }
}

/** Undefined if it is none: something else may listen at a path that the configuration names. */
function statusIn(text: string): DaemonStatus | undefined {
  const value = JSON.parse(text) as { [Key in keyof DaemonStatus]?: unknown } | null
  const { activity, because, nextSeconds, outcome, rounds, failures } = value ?? {}
  const isKnown =
    [activity, because, outcome].every((word) => typeof word === 'string') &&
    [rounds, failures, nextSeconds ?? 0].every(isCount)
  return isKnown ? (value as DaemonStatus) : undefined
}

const isCount = (value: unknown) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= INSTANT_MAX_SECONDS
