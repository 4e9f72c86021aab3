/**
 * The deployment in network namespaces: its machines on one network, where all know each other by
 * name, and the programs that run on them. Needs root.
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PUSH_PORT } from '../../src/push/upgrade-now.ts'
import { nodeHost } from '../support/host.ts'
import { type Lan, makeLan } from '../support/namespaces.ts'
import { PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { type Body, type Network, Programs } from './network.ts'

const networks = new Set<NamespaceNetwork>()
process.on('exit', () => {
  for (const network of networks) network.close()
})

export class NamespaceNetwork implements Network {
  readonly pushTo: string[] = []
  readonly #lan: Lan
  readonly #names: readonly string[]
  readonly #hosts = join(scratch('network'), 'hosts')
  readonly #programs = new Programs()

  constructor(names: readonly string[]) {
    this.#lan = makeLan(names.length)
    this.#names = names
    networks.add(this)
    const lines = names.map((name) => `${this.#machine(name).address} ${name}\n`)
    writeFileSync(this.#hosts, `127.0.0.1 localhost\n${lines.join('')}`)
  }

  place(_name: string, port: number): { address: string; port: number } {
    return { address: '0.0.0.0', port }
  }

  reach(name: string): string {
    return name
  }

  run(name: string, command: string[]): void {
    const [program = '', ...words] = this.#inside(name, command)
    mustRun(program, words)
  }

  start(name: string, command: string[], told: (text: string) => void): ChildProcess {
    return this.#programs.start(this.#inside(name, command), told)
  }

  stop(child: ChildProcess): Promise<void> {
    return this.#programs.stop(child)
  }

  unplug(name: string): void {
    mustRun('ip', ['-n', this.#machine(name).name, 'link', 'set', 'eth0', 'down'])
  }

  async accepts(name: string, port: number): Promise<boolean> {
    const probe = `exec 3<>/dev/tcp/127.0.0.1/${port}`
    const [program = '', ...words] = this.#inside(name, ['bash', '-c', probe])
    return spawnSync(program, words, { stdio: 'ignore' }).status === 0
  }

  body(name: string): Body {
    const folder = scratch('laptop')
    const keys = join(folder, 'keys')
    mkdirSync(keys)
    return {
      store: join(folder, 'store'),
      keys,
      configuration: join(folder, 'xo-upgrade.conf'),
      pushPort: PUSH_PORT,
      write: (path, text) => writeFileSync(path, text, 'latin1'),
      host: () => nodeHost(),
      start: (words, told) => {
        const child = this.start(name, [PROGRAM, ...words], told)
        const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
        return { ended, kill: () => this.stop(child) }
      },
    }
  }

  close(): void {
    if (!networks.delete(this)) return
    this.#programs.stopAll()
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
