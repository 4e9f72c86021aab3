/**
 * The Node side of native:sockets, for the tests, the debugger, and the emulator's way outside: names by
 * the system's resolver, streams by node:net, UDP by node:dgram.
 */

import type { Address } from 'native:sockets'
import { lookup } from 'node:dns/promises'
import { connect as connectTo, isIP, type NetConnectOpts } from 'node:net'
import type { Sockets } from '../../src/host.ts'
import { converted, systemErrorOf } from '../system-error.node.ts'
import { NodeDatagram } from './datagram.node.ts'
import { interfaces, ofPath } from './kernel.node.ts'
import { listen, NodeListener } from './listener.node.ts'
import { NodeSocket } from './socket.node.ts'

async function resolve(host: string, port: number): Promise<Address[]> {
  try {
    const found = await lookup(host, { all: true, verbatim: true })
    return found.map(({ address, family }) => ({ family: family === 6 ? 6 : 4, address, port }))
  } catch (error) {
    const again = (error as NodeJS.ErrnoException).code === 'EAI_AGAIN'
    throw systemErrorOf('resolve', host, again ? 'EAGAIN' : 'ENOTFOUND')
  }
}

function connect({ address, family, port }: Address, timeoutMs: number): Promise<NodeSocket> {
  const name = family === 6 ? `[${address}]:${port}` : `${address}:${port}`
  if (isIP(address) !== family) return Promise.reject(systemErrorOf('connect', name, 'EINVAL'))
  const target = { host: address, family, port, noDelay: true, keepAlive: true }
  return connected({ ...target, allowHalfOpen: true }, name, timeoutMs)
}

function connectPath(path: string, timeoutMs: number): Promise<NodeSocket> {
  ofPath('connect', path)
  return connected({ path, allowHalfOpen: true }, path, timeoutMs)
}

function connected(target: NetConnectOpts, name: string, timeoutMs: number): Promise<NodeSocket> {
  return new Promise((resolve, reject) => {
    const stream = connectTo(target)
    const timer = setTimeout(() => {
      stream.destroy()
      reject(systemErrorOf('connect', name, 'ETIMEDOUT'))
    }, timeoutMs)
    const failed = (error: unknown) => {
      clearTimeout(timer)
      reject(converted('connect', name, error))
    }
    stream.once('error', failed)
    stream.once('connect', () => {
      clearTimeout(timer)
      stream.removeListener('error', failed)
      resolve(new NodeSocket(stream, stream))
    })
  })
}

const of = (socket: object): NodeSocket => socket as NodeSocket
const listenerOf = (listener: object): NodeListener => listener as NodeListener
const datagramOf = (datagram: object): NodeDatagram => datagram as NodeDatagram

export const sockets: Sockets = {
  resolve,
  connect,
  connectPath,
  read: (socket, ...window) => of(socket).read(...window),
  write: (socket, ...window) => of(socket).write(...window),
  shutdown: (socket) => of(socket).shutdown(),
  close: (socket) => of(socket).close(),
  listen,
  accept: (listener) => listenerOf(listener).accept(),
  localPort: (of) => (of instanceof NodeListener ? of.port : datagramOf(of).port),
  closeListener: (listener) => listenerOf(listener).close(),
  interfaces,
  openDatagram: (options) => new NodeDatagram(options),
  sendDatagram: async (datagram, ...message) => datagramOf(datagram).send(...message),
  receiveDatagram: (datagram, ...window) => datagramOf(datagram).receive(...window),
  closeDatagram: (datagram) => datagramOf(datagram).close(),
}
