/** Listeners of native:sockets over node:net: the kernel's queue, handed out one accept at a time. */

import type { Address } from 'native:sockets'
import { lstatSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { systemErrorOf } from '../system-error.node.ts'
import { listeningPath, listeningTcp } from './kernel.node.ts'
import { NodeSocket } from './socket.node.ts'

interface Accepted {
  socket: NodeSocket
  peer: Address | undefined
}

export class NodeListener {
  private readonly server: Server
  private readonly queue: Accepted[] = []
  private wake: (() => void) | undefined
  private closed = false

  constructor(
    fd: number,
    private readonly path: string | undefined,
  ) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) =>
      this.arrive(socket),
    )
    this.server.listen({ fd })
  }

  private arrive(socket: Socket): void {
    const { remoteFamily, remoteAddress, remotePort } = socket
    const peer: Address | undefined =
      remoteAddress === undefined || remotePort === undefined
        ? undefined
        : { family: remoteFamily === 'IPv6' ? 6 : 4, address: remoteAddress, port: remotePort }
    this.queue.push({ socket: new NodeSocket(socket, socket), peer })
    this.wake?.()
  }

  async accept(): Promise<Accepted> {
    if (this.wake) throw new TypeError('one accept at a time')
    for (;;) {
      if (this.closed) throw systemErrorOf('accept', undefined, 'ECANCELED')
      const next = this.queue.shift()
      if (next) return next
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
      this.wake = undefined
    }
  }

  get port(): number {
    const address = this.server.address()
    return typeof address === 'object' && address !== null ? (address.port ?? 0) : 0
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    if (this.path !== undefined) removeSocket(Buffer.from(this.path, 'latin1'))
    this.server.close()
    for (const { socket } of this.queue) socket.close()
    this.wake?.()
  }
}

function removeSocket(path: Buffer): void {
  try {
    unlinkSync(path)
  } catch {
    // It is gone already, or nobody's to remove any more: a closed listener owes nothing.
  }
}

export function listen(
  place: { host: string; port: number } | { path: string },
  backlog: number,
): NodeListener {
  if (!('path' in place)) {
    return new NodeListener(listeningTcp(place.host, place.port, backlog), undefined)
  }
  const path = Buffer.from(place.path, 'latin1')
  const removeStale = () => {
    if (!lstatSync(path).isSocket()) return false
    unlinkSync(path)
    return true
  }
  return new NodeListener(listeningPath(place.path, backlog, removeStale), place.path)
}
