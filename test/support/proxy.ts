/**
 * A TCP proxy on loopback that a test puts between client and daemon: it delays, cuts, stalls, or
 * changes bytes of what the daemon sends, and counts.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface ProxyOptions {
  /** How long each way takes. */
  delayMs?: number
  /** Cuts both sides off after so many bytes from the daemon; from then on the line is dead. */
  cutAfter?: number
  /** Passes nothing on after so many bytes from the daemon, but keeps the connection. */
  stallAfter?: number
  /** May change a chunk from the daemon in place; `offset` is that of its first byte. */
  change?(chunk: Buffer, offset: number): void
  /**
   * Passes on so many bytes from the daemon each second, in small pieces: slow, but never silent.
   */
  bytesPerSecond?: number
}

export interface Proxy {
  port: number
  /** Bytes that the daemon sent, of all connections. */
  received: number
  connections: number
  /** Changes of direction as seen at the proxy: about the number of round trips. */
  turns: number
  close(): void
}

/** Milliseconds from one piece of a slow line to the next. */
const PIECE_MS = 50

/** Passes a chunk on at the rate, and takes no other until it is gone. */
function trickle(daemon: Socket, client: Socket, chunk: Buffer, bytesPerSecond: number): void {
  const length = Math.max(1, Math.floor((bytesPerSecond * PIECE_MS) / 1000))
  daemon.pause()
  const pass = (from: number) => {
    if (client.destroyed) return
    client.write(chunk.subarray(from, from + length))
    if (from + length < chunk.length) setTimeout(pass, PIECE_MS, from + length)
    else setTimeout(() => daemon.resume(), PIECE_MS)
  }
  pass(0)
}

export function startProxy(port: number, options: ProxyOptions = {}): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const proxy = { port: 0, received: 0, connections: 0, turns: 0, close: () => {} }
  let isDead = false
  const server: Server = createServer((client) => {
    if (isDead) {
      client.destroy()
      return
    }
    proxy.connections++
    const daemon = connect(port, '127.0.0.1')
    let offset = 0
    let last = ''
    const turn = (direction: string) => {
      if (direction === 'up' && last !== direction) proxy.turns++
      last = direction
    }
    const after = (action: () => void, waitMs = options.delayMs ?? 0) => {
      if (waitMs > 0) setTimeout(action, waitMs)
      else action()
    }
    const end = () => {
      client.destroy()
      daemon.destroy()
    }
    client.on('data', (chunk) => {
      turn('up')
      after(() => daemon.write(chunk))
    })
    daemon.on('data', (whole) => {
      turn('down')
      let chunk = whole
      options.change?.(chunk, offset)
      const { stallAfter, cutAfter, bytesPerSecond } = options
      const limit = Math.min(stallAfter ?? Infinity, cutAfter ?? Infinity)
      if (offset + chunk.length > limit) chunk = chunk.subarray(0, Math.max(0, limit - offset))
      offset += whole.length
      proxy.received += whole.length
      if (bytesPerSecond === undefined) after(() => client.write(chunk))
      else trickle(daemon, client, chunk, bytesPerSecond)
      if (cutAfter !== undefined && offset >= cutAfter) {
        isDead = true
        after(end)
      }
    })
    for (const [one, other] of [
      [client, daemon],
      [daemon, client],
    ] as const) {
      sockets.add(one)
      one.on('end', () => after(() => other.end()))
      one.on('error', end)
      one.on('close', () => sockets.delete(one))
    }
  })
  proxy.close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      proxy.port = typeof address === 'object' && address ? address.port : 0
      resolve(proxy)
    })
  })
}
