/**
 * What the story needs of a network, and of the laptops on it. There are two: machines in network
 * namespaces that run the real program (namespace-network.ts), and, if those are not allowed, servers on
 * loopback with emulated laptops (emulated-network.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Host } from '../../src/host.ts'
import { namespacesAllowed } from '../support/namespaces.ts'

export interface Network {
  /** Where the server of a machine listens, as its own configuration says it. */
  place(name: string, port: number): { address: string; port: number }
  /** How the operator's programs reach it: `HOST` or `HOST:PORT`. */
  reach(name: string, port: number): string
  /** Runs a program of a server to its end; it must succeed. */
  run(name: string, command: string[]): void
  /** Starts one that stays; it ends with `stop`, or with the network. */
  start(name: string, command: string[], told: (text: string) => void): ChildProcess
  /** Ends it without a chance to clean up. */
  stop(child: ChildProcess): Promise<void>
  /** Pulls the network cable of a machine: what is sent there is lost, and nobody is told. */
  unplug(name: string): void
  /** Whether anybody accepts connections on a port there. */
  accepts(name: string, port: number): Promise<boolean>
  /** The machine of a laptop. */
  body(name: string): Body
  /** The words by which a push reaches all laptops; none if it is broadcast. */
  readonly pushTo: string[]
  /** Ends all programs and takes everything away. Twice is fine. */
  close(): void
}

/** A machine that runs xo-upgrade on a disk of its own. */
export interface Body {
  /** Where its things are: paths of its own. */
  readonly store: string
  readonly keys: string
  readonly configuration: string
  readonly pushPort: number
  write(path: string, text: string): void
  /** For what the early boot does: the modules over its disk. */
  host(): Host
  /** Starts xo-upgrade with these words; whatever it writes is told. */
  start(words: string[], told: (text: string) => void): Running
}

export interface Running {
  /** The exit status; null if it was killed. */
  ended: Promise<number | null>
  /** At once, without a chance to clean up; resolves when it is gone. */
  kill(): Promise<void>
}

export type Kind = 'namespaces' | 'emulated'

/** The real thing if this machine allows it. */
export function kindOf({ emulated = false }): Kind {
  return emulated || !namespacesAllowed() ? 'emulated' : 'namespaces'
}

/** Programs that were started and have not ended. */
export class Programs {
  readonly #running = new Set<ChildProcess>()

  start([program = '', ...words]: string[], told: (text: string) => void): ChildProcess {
    // With a group of its own, so that whatever it started ends with it.
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#running.add(child)
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', told)
    child.once('exit', () => this.#running.delete(child))
    return child
  }

  stop(child: ChildProcess): Promise<void> {
    if (!this.#running.has(child)) return Promise.resolve()
    return new Promise((resolve) => {
      child.once('exit', () => resolve())
      kill(child)
    })
  }

  stopAll(): void {
    for (const child of this.#running) kill(child)
  }
}

function kill({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL')
}
