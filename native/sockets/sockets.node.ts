/** The Node side of native:sockets: names by the system's resolver, streams by node:net. */

import type { Address } from 'native:sockets'
import { lookup } from 'node:dns/promises'
import { connect as connectTo, isIP } from 'node:net'
import type { Sockets } from '../../src/host.ts'
import { converted, systemErrorOf } from '../system-error.node.ts'
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
  return new Promise((resolve, reject) => {
    const stream = connectTo({
      host: address,
      family,
      port,
      noDelay: true,
      keepAlive: true,
      allowHalfOpen: true,
    })
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

export const sockets: Sockets = {
  resolve,
  connect,
  read: (socket, ...window) => of(socket).read(...window),
  write: (socket, ...window) => of(socket).write(...window),
  shutdown: (socket) => of(socket).shutdown(),
  close: (socket) => of(socket).close(),
}
