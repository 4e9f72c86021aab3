/**
 * A slow line in front of a server on this machine: what goes through it takes as long as its rate
 * says, and arrives half a round trip later. Linux's own netem is not in every kernel; this needs none.
 *
 * Each direction is a queue of its own (full duplex), and both are shared by all connections. A
 * connection waits one round trip before its first byte, as for the handshake of TCP. Losses, and the
 * slow start of TCP, are left out: they hurt whoever sends more.
 */
import { connect, createServer } from 'node:net'

/** More than this is never on its way at once: the rest waits in the sender's socket (bytes). */
const QUEUE_MAX = 256 * 1024

/** One direction of the line. */
class Direction {
  #freeAtMs = 0
  constructor(bytesPerSecond, delayMs) {
    this.bytesPerSecond = bytesPerSecond
    this.delayMs = delayMs
  }

  /** When bytes arrive that are put on the line now (milliseconds of `performance.now()`). */
  arrivalOf(length) {
    const begins = Math.max(performance.now(), this.#freeAtMs)
    this.#freeAtMs = begins + (length / this.bytesPerSecond) * 1000
    return this.#freeAtMs + this.delayMs
  }
}

/**
 * Passes on what comes from one socket to another, over one direction of the line. `leaves` is called
 * when bytes are put on it; what it returns is called when they arrive.
 */
function pass(from, to, direction, leaves) {
  let queued = 0
  let last = Promise.resolve()
  const later = (atMs, act) => {
    const wait = () =>
      new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - performance.now())))
    last = last.then(wait).then(act)
  }
  from.on('data', (bytes) => {
    const arrives = leaves()
    queued += bytes.length
    if (queued > QUEUE_MAX) from.pause()
    later(direction.arrivalOf(bytes.length), () => {
      arrives()
      if (!to.destroyed) to.write(bytes)
      queued -= bytes.length
      if (queued <= QUEUE_MAX) from.resume()
    })
  })
  from.on('end', () => later(direction.arrivalOf(0), () => to.end()))
  from.on('error', () => to.destroy())
  from.on('close', () => later(direction.arrivalOf(0), () => to.destroy()))
}

/**
 * How often somebody had to wait for the other side, one time after the other: what the client sends is
 * one deeper than all that had reached it, and an answer as deep as all that had reached the server. So
 * what is on its way at the same time counts once.
 */
class Depth {
  #client = 0
  #server = 0

  /** A handshake brings nothing, and takes as long. */
  connected() {
    this.#client++
  }

  get roundTrips() {
    return this.#client
  }

  asked() {
    const depth = this.#client + 1
    return () => {
      this.#server = Math.max(this.#server, depth)
    }
  }

  answered() {
    const depth = this.#server
    return () => {
      this.#client = Math.max(this.#client, depth)
    }
  }
}

/**
 * Opens a line to a port of 127.0.0.1. Without `bytesPerSecond` it is only slow to answer.
 * @param {{ port: number, bytesPerSecond?: number, roundTripMs: number }} options
 * @returns its own port, the round trips so far, handshakes included, and how to close it
 */
export async function openLine({ port, bytesPerSecond = Number.POSITIVE_INFINITY, roundTripMs }) {
  const up = new Direction(bytesPerSecond, roundTripMs / 2)
  const down = new Direction(bytesPerSecond, roundTripMs / 2)
  const sockets = new Set()
  const depth = new Depth()
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    sockets.add(client)
    setTimeout(() => {
      depth.connected()
      const target = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      sockets.add(target)
      pass(client, target, up, () => depth.asked())
      pass(target, client, down, () => depth.answered())
      client.resume()
    }, roundTripMs)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    port: server.address().port,
    roundTrips: () => depth.roundTrips,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
