/**
 * The servers of the deployment, each as an operator would set it up: upstream and the school server
 * are stock rsync daemons, which the school server's mirror fills with stock rsync; the home server
 * is the program's own.
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { until } from '../support/until.ts'
import type { Network } from './network.ts'

export const RSYNC_PORT = 873
export const HOME_PORT = 8765
/** It looks at its files once a second. */
const REFRESH_MS = 1_200

/** A stock rsync daemon on its machine, with one module `xo`. */
export class RsyncServer {
  #daemon: ChildProcess | undefined
  readonly #configuration: string

  constructor(
    readonly network: Network,
    readonly name: string,
    readonly module: string,
  ) {
    const folder = scratch('rsyncd')
    const { address, port } = network.place(name, RSYNC_PORT)
    this.#configuration = join(folder, 'rsyncd.conf')
    const lines = ['use chroot = no', 'uid = 0', 'gid = 0', 'reverse lookup = no']
    lines.push(`address = ${address}`, `port = ${port}`)
    lines.push(`log file = ${join(folder, 'log')}`, '[xo]', `path = ${module}`, 'read only = yes')
    writeFileSync(this.#configuration, `${lines.join('\n')}\n`)
  }

  async start(): Promise<void> {
    const words = ['--daemon', '--no-detach', `--config=${this.#configuration}`]
    this.#daemon = this.network.start(this.name, ['rsync', ...words], () => {})
    await listening(this.network, this.name, RSYNC_PORT)
  }

  /** The machine is gone, in the middle of whatever it was doing: nobody answers any more. */
  async die(): Promise<void> {
    this.network.unplug(this.name)
    if (this.#daemon) await this.network.stop(this.#daemon)
  }
}

/** Takes everything that upstream has except `latest`, and only then `latest`. */
export function mirror(network: Network, school: string, upstream: string, module: string): void {
  const source = `rsync://${network.reach(upstream, RSYNC_PORT)}/xo/`
  const most = ['-aHAX', '--numeric-ids', '--exclude=/.*', '--exclude=/latest']
  network.run(school, ['rsync', ...most, source, `${module}/`])
  network.run(school, ['rsync', '-a', `${source}latest`, `${module}/latest`])
}

/** `xo-upgrade home`, and the texts of its folder. */
export class HomeServer {
  readonly folder = join(scratch('home'), 'folder')

  constructor(
    readonly network: Network,
    readonly name: string,
    readonly secretKey: string,
  ) {
    mkdirSync(this.folder)
  }

  get url(): string {
    return `http://${this.name}:${HOME_PORT}/call-home`
  }

  async start(): Promise<void> {
    const { address, port } = this.network.place(this.name, HOME_PORT)
    const words = ['home', '--folder', this.folder, '--key', this.secretKey]
    words.push('--listen', `${address}:${port}`)
    this.network.start(this.name, [PROGRAM, ...words], () => {})
    await listening(this.network, this.name, HOME_PORT)
  }

  /** What the operator writes into one of its files: `latest`, `pins`, `stolen` … */
  async say(file: string, text: string): Promise<void> {
    writeFileSync(join(this.folder, file), `${text}\n`)
    await sleep(REFRESH_MS)
  }

  /** What `--fleet` prints for the operator. */
  fleet(): string {
    const words = ['home', '--folder', this.folder, '--fleet']
    const { status, stdout, stderr } = spawnSync(PROGRAM, words, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`xo-upgrade home --fleet: ${stderr}`)
    return stdout
  }
}

async function listening(network: Network, name: string, port: number): Promise<void> {
  await until(() => network.accepts(name, port), `a listener on port ${port} of ${name}`)
}
