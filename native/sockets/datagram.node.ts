/** UDP of native:sockets over node:dgram. What nobody receives is dropped, as the kernel would. */

import type { Address, DatagramOptions } from 'native:sockets'
import { createSocket } from 'node:dgram'
import { converted, systemErrorOf } from '../system-error.node.ts'
import { checkWindow } from '../window.node.ts'
import { boundDatagram, ofLiteral } from './kernel.node.ts'

/** Datagrams that may wait to be received; a kernel's buffer holds a few hundred small ones. */
const QUEUE_MAX = 256

interface Received {
  bytes: Uint8Array
  from: Address
}

export class NodeDatagram {
  private readonly socket
  private readonly queue: Received[] = []
  private wake: (() => void) | undefined
  private closed = false

  constructor(options: DatagramOptions) {
    this.socket = createSocket(options.family === 6 ? 'udp6' : 'udp4')
    this.socket.on('message', (bytes, { address, family, port }) => {
      if (this.queue.length >= QUEUE_MAX) return
      this.queue.push({ bytes, from: { family: family === 'IPv6' ? 6 : 4, address, port } })
      this.wake?.()
    })
    // A refusal that an earlier datagram met says nothing about this one.
    this.socket.on('error', () => {})
    this.socket.bind({ fd: boundDatagram(options) })
  }

  get port(): number {
    return this.socket.address().port
  }

  send(to: Address, buffer: Uint8Array, offset: number, length: number): Promise<void> {
    checkWindow(buffer, offset, length)
    if (to.port === 0) throw new RangeError('send: no such port')
    const { name } = ofLiteral('send', to.address, to.port)
    if (this.closed) return Promise.reject(systemErrorOf('send', name, 'ECANCELED'))
    return new Promise((resolve, reject) =>
      this.socket.send(buffer, offset, length, to.port, to.address, (error) =>
        error ? reject(converted('send', name, error)) : resolve(),
      ),
    )
  }

  async receive(buffer: Uint8Array, timeoutMs: number): Promise<{ length: number; from: Address }> {
    if (this.wake) throw new TypeError('one receive at a time')
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.wake?.()
    }, timeoutMs)
    try {
      for (;;) {
        if (this.closed) throw systemErrorOf('receive', undefined, 'ECANCELED')
        const next = this.queue.shift()
        if (next) {
          buffer.set(next.bytes.subarray(0, buffer.length))
          return { length: next.bytes.length, from: next.from }
        }
        if (late) throw systemErrorOf('receive', undefined, 'ETIMEDOUT')
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
        this.wake = undefined
      }
    } finally {
      clearTimeout(timer)
    }
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.socket.close()
    this.wake?.()
  }
}
