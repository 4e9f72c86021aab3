/**
 * The deployment if no namespaces are allowed: the servers are on loopback, each on a port of its own, and
 * the laptops are emulated; to them the servers have the names, the addresses and the ports that they would
 * have in a school.
 */

import type { Address } from 'native:sockets'
import type { ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { systemErrorOf } from '../../native/system-error.node.ts'
import { outsidePeers } from '../../runtime/emulator/outside.ts'
import type { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import type { Peers } from '../../runtime/emulator/virtual-network.ts'
import type { Stream } from '../../runtime/emulator/virtual-socket.ts'
import { freePort } from '../support/rsync-daemon.ts'
import { mustRun } from '../support/stock-tool.ts'
import { EmulatedBody } from './emulated-body.ts'
import { type Body, type Network, Programs } from './network.ts'

const HERE = '127.0.0.1'

const networks = new Set<EmulatedNetwork>()
process.on('exit', () => {
  for (const network of networks) network.close()
})

interface Layout {
  /** Servers, with the port that each has in a school. */
  servers: ReadonlyMap<string, number>
  laptops: readonly string[]
}

export class EmulatedNetwork implements Network {
  readonly #programs = new Programs()
  readonly #silent = new Map<string, Promise<void>>()
  readonly #silence = new Map<string, () => void>()
  readonly #bodies = new Map<string, EmulatedBody>()

  private constructor(
    /** By `NAME:PORT` of the school: the port on loopback. */
    readonly ports: ReadonlyMap<string, number>,
    /** In the order of their addresses. */
    readonly names: readonly string[],
    readonly pushPorts: ReadonlyMap<string, number>,
  ) {
    networks.add(this)
    for (const name of names) {
      this.#silent.set(name, new Promise((resolve) => this.#silence.set(name, resolve)))
    }
  }

  static async open({ servers, laptops }: Layout): Promise<EmulatedNetwork> {
    const ports = new Map<string, number>()
    for (const [name, port] of servers) ports.set(`${name}:${port}`, await freePort())
    const pushPorts = new Map<string, number>()
    for (const name of laptops) pushPorts.set(name, await freeUdpPort())
    return new EmulatedNetwork(ports, [...servers.keys()], pushPorts)
  }

  /** Nothing is broadcast on loopback. */
  get pushTo(): string[] {
    return [...this.pushPorts.values()].flatMap((port) => ['--address', `${HERE}:${port}`])
  }

  place(name: string, port: number): { address: string; port: number } {
    return { address: HERE, port: this.#port(name, port) }
  }

  reach(name: string, port: number): string {
    return `${HERE}:${this.#port(name, port)}`
  }

  run(_name: string, [program = '', ...words]: string[]): void {
    mustRun(program, words)
  }

  start(_name: string, command: string[], told: (text: string) => void): ChildProcess {
    return this.#programs.start(command, told)
  }

  stop(child: ChildProcess): Promise<void> {
    return this.#programs.stop(child)
  }

  unplug(name: string): void {
    this.#silence.get(name)?.()
    this.#silence.delete(name)
  }

  accepts(name: string, port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#port(name, port), HERE)
      socket.once('error', () => resolve(false))
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
    })
  }

  body(name: string): Body {
    const pushPort = this.pushPorts.get(name)
    if (pushPort === undefined) throw new Error(`there is no laptop ${name}`)
    const seed = this.#bodies.size
    const body = new EmulatedBody((clock) => this.#peers(clock), pushPort, seed)
    this.#bodies.set(name, body)
    return body
  }

  close(): void {
    if (!networks.delete(this)) return
    this.#programs.stopAll()
    for (const body of this.#bodies.values()) body.off()
  }

  #port(name: string, port: number): number {
    const here = this.ports.get(`${name}:${port}`)
    if (here === undefined) throw new Error(`${name} serves nothing on port ${port}`)
    return here
  }

  /** What a laptop finds on the network. */
  #peers(clock: VirtualClock): Peers {
    const outside = outsidePeers(clock)
    return {
      resolve: async (host, port) => {
        const place = this.names.indexOf(host)
        if (place < 0) throw systemErrorOf('resolve', host, 'ENOTFOUND')
        return [{ family: 4, address: `10.73.0.${place + 1}`, port }]
      },
      connect: async (address, timeoutMs) => {
        const { name, here } = this.#server(address)
        if (!this.#silence.has(name)) {
          await clock.asHost.sleep(timeoutMs)
          throw systemErrorOf('connect', name, 'ETIMEDOUT')
        }
        const there = { family: 4 as const, address: HERE, port: here }
        return this.#cabled(name, await outside.connect(there, timeoutMs))
      },
      ...(outside.datagrams && { datagrams: outside.datagrams }),
    }
  }

  #server({ address, port }: Address): { name: string; here: number } {
    const name = this.names[Number(address.split('.')[3]) - 1] ?? ''
    const here = this.ports.get(`${name}:${port}`)
    if (here === undefined) throw systemErrorOf('connect', `${address}:${port}`, 'ECONNREFUSED')
    return { name, here }
  }

  /** A connection that falls silent when the server's cable is pulled, and hears of no end. */
  #cabled(name: string, stream: Stream): Stream {
    const lost = Symbol('lost')
    const gone = this.#silent.get(name)?.then((): typeof lost => lost) ?? Promise.resolve(lost)
    const orLost = async <T>(done: Promise<T>): Promise<T> => {
      const first = await Promise.race([gone, done])
      return first === lost ? new Promise<never>(() => {}) : (first as T)
    }
    return {
      read: () => orLost(stream.read()),
      write: (bytes) => orLost(stream.write(bytes)),
      shutdown: () => stream.shutdown(),
      close: () => stream.close(),
    }
  }
}

function freeUdpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.once('error', reject)
    socket.bind(0, HERE, () => {
      const { port } = socket.address()
      socket.close(() => resolve(port))
    })
  })
}
