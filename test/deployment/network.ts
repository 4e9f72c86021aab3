/**
 * The machines of the deployment on one network, where all know each other by name, and the programs
 * that run on them. Needs root.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Lan, makeLan } from '../support/namespaces.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'

const networks = new Set<Network>()
process.on('exit', () => {
  for (const network of networks) network.close()
})

export class Network {
  readonly #lan: Lan
  readonly #names: readonly string[]
  readonly #hosts = join(scratch('network'), 'hosts')
  readonly #running = new Set<ChildProcess>()

  constructor(names: readonly string[]) {
    this.#lan = makeLan(names.length)
    this.#names = names
    networks.add(this)
    const lines = names.map((name) => `${this.#machine(name).address} ${name}\n`)
    writeFileSync(this.#hosts, `127.0.0.1 localhost\n${lines.join('')}`)
  }

  /** Runs a program to its end, which has to be a good one. */
  run(name: string, command: string[]): void {
    const [program = '', ...words] = this.#inside(name, command)
    mustRun(program, words)
  }

  /** Starts a program that stays; it ends with `stop`, or with the network. */
  start(name: string, command: string[], told: (text: string) => void): ChildProcess {
    const [program = '', ...words] = this.#inside(name, command)
    // With a group of its own, so that those which it started end with it.
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#running.add(child)
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', told)
    child.once('exit', () => this.#running.delete(child))
    return child
  }

  /** Ends a program without a chance to clean up. */
  stop(child: ChildProcess): Promise<void> {
    if (!this.#running.has(child)) return Promise.resolve()
    return new Promise((resolve) => {
      child.once('exit', () => resolve())
      kill(child)
    })
  }

  /** Pulls the network cable of a machine: what is sent there is lost. */
  unplug(name: string): void {
    mustRun('ip', ['-n', this.#machine(name).name, 'link', 'set', 'eth0', 'down'])
  }

  /** Whether anybody accepts connections on a port there. */
  accepts(name: string, port: number): boolean {
    const probe = `exec 3<>/dev/tcp/127.0.0.1/${port}`
    const [program = '', ...words] = this.#inside(name, ['bash', '-c', probe])
    return spawnSync(program, words, { stdio: 'ignore' }).status === 0
  }

  /** Ends all programs and takes everything away. Twice is fine. */
  close(): void {
    if (!networks.delete(this)) return
    for (const child of this.#running) kill(child)
    this.#lan.remove()
  }

  #machine(name: string) {
    const machine = this.#lan.machines[this.#names.indexOf(name)]
    if (!machine) throw new Error(`there is no machine ${name}`)
    return machine
  }

  /** In the machine's namespace, with the names of the others. */
  #inside(name: string, command: string[]): string[] {
    const script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
    const named = ['unshare', '--mount', 'sh', '-c', script, 'sh', this.#hosts]
    return [...this.#machine(name).inside, ...named, ...command]
  }
}

function kill({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL')
}
