/**
 * One HTTP/1.1 POST over a connection of its own, with one deadline for all of it. It never follows
 * a redirect, and sends nothing but what it was given.
 */
import { connect } from '../connect.ts'
import { ConfigError, DeadlineError, isSystemError, PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import { arrayOfBytes, show } from '../text.ts'
import { HttpAnswer } from './http-answer.ts'
import { CALL_HOME_PATH, QUESTION_TYPE } from './question.ts'

type HttpModules = Pick<Host, 'sockets' | 'clock'>

export interface HttpAddress {
  host: string
  port: number
  path: string
  /** As it was written, for messages. */
  name: string
}

/** `http://HOST[:PORT][/PATH]`. Throws a ConfigError. */
export function parseHttpUrl(url: string): HttpAddress {
  const parts =
    /^http:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?(\/[\x21-\x7e]*)?$/.exec(url)
  const port = Number(parts?.[2] ?? 80)
  if (!parts || port < 1 || port > 65_535) {
    throw new ConfigError(
      `"${show(url)}" is not an address of a home server`,
      'write http://HOST[:PORT][/PATH]; replies are signed, so trusting them takes no TLS',
    )
  }
  const path = parts[3] === undefined || parts[3] === '/' ? CALL_HOME_PATH : parts[3]
  return { host: (parts[1] ?? '').replace(/^\[|\]$/g, ''), port, path, name: url }
}

const PIECE = 4096

export async function post(
  modules: HttpModules,
  address: HttpAddress,
  body: Uint8Array,
  limits: { timeoutMs: number; bodyMax: number },
): Promise<HttpAnswer> {
  const { clock } = modules
  const endMs = clock.monotonicMs() + limits.timeoutMs
  const late = () =>
    new DeadlineError(`${address.name}: no complete answer within ${limits.timeoutMs / 1000} s`)
  const leftMs = () => {
    const left = Math.ceil(endMs - clock.monotonicMs())
    if (left <= 0) throw late()
    return left
  }
  try {
    return await exchange(modules, address, body, { leftMs, bodyMax: limits.bodyMax })
  } catch (error) {
    if (isSystemError(error, 'ETIMEDOUT')) throw late()
    if (!isSystemError(error, 'ECONNRESET', 'EPIPE')) throw error
    throw new PeerError(`${address.name}: the connection was cut (${error.code})`, 'away')
  }
}

async function exchange(
  modules: HttpModules,
  address: HttpAddress,
  body: Uint8Array,
  { leftMs, bodyMax }: { leftMs: () => number; bodyMax: number },
): Promise<HttpAnswer> {
  const { sockets } = modules
  const { host, port, name: peer } = address
  const socket = await connect(modules, { peer, host, port, timeoutMs: leftMs() })
  try {
    const request = requestOf(address, body)
    try {
      await sockets.write(socket, request, 0, request.length, leftMs())
    } catch (error) {
      // A server that refuses early closes its side; what it said can still be read.
      if (!isSystemError(error, 'EPIPE', 'ECONNRESET')) throw error
    }
    const answer = new HttpAnswer(address.name, bodyMax)
    const buffer = new Uint8Array(PIECE)
    while (!answer.done) {
      const count = await sockets.read(socket, buffer, 0, PIECE, leftMs())
      if (count === 0) answer.end()
      else answer.feed(buffer.subarray(0, count))
    }
    return answer
  } finally {
    sockets.close(socket)
  }
}

function requestOf({ host, port, path }: HttpAddress, body: Uint8Array): Uint8Array {
  const shown = host.includes(':') ? `[${host}]` : host
  const head = arrayOfBytes(
    [
      `POST ${path} HTTP/1.1`,
      `Host: ${shown}${port === 80 ? '' : `:${port}`}`,
      'User-Agent: xo-upgrade',
      `Content-Type: ${QUESTION_TYPE}`,
      `Content-Length: ${body.length}`,
      'Connection: close',
      '\r\n',
    ].join('\r\n'),
  )
  const request = new Uint8Array(head.length + body.length)
  request.set(head)
  request.set(body, head.length)
  return request
}
