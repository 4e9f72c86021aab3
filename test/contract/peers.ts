/** The servers that the sockets suite talks to, on loopback. For Node only. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../support/rsync-daemon.ts'
import type { Peers } from './sockets.ts'

interface RunningPeers {
  ports: Peers
  stop(): Promise<void>
}

export async function startPeers(): Promise<RunningPeers> {
  const servers: Server[] = []
  const connections = new Set<Socket>()
  const serve = (greet: (socket: Socket) => void, address = '127.0.0.1'): Promise<number> =>
    new Promise((resolve) => {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        socket.unref()
        connections.add(socket)
        socket.on('close', () => connections.delete(socket))
        socket.on('error', () => socket.destroy())
        greet(socket)
      })
      servers.push(server)
      // The process can end without anybody stopping them.
      server.unref()
      // A machine without IPv6 has no such port.
      server.once('error', () => resolve(0))
      server.listen(0, address, () => resolve((server.address() as AddressInfo).port))
    })
  const echo = (socket: Socket) => socket.pipe(socket)
  const ports: Peers = {
    echo: await serve(echo),
    echo6: await serve(echo, '::1'),
    silent: await serve((socket) => socket.pause()),
    goodbye: await serve((socket) => socket.end('goodbye')),
    reset: await serve((socket) => socket.once('data', () => socket.resetAndDestroy())),
    nobody: await freePort(),
  }
  const stop = async () => {
    for (const socket of connections) socket.destroy()
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
  return { ports, stop }
}
