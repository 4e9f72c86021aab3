/**
 * One network of several machines on this one: each is a network namespace with an address, all
 * hang on one bridge, and all know each other by name. Nothing of it reaches this machine's own
 * network. Needs root.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from '../support/scratch.ts'

/** Documentation addresses would do as well: nobody outside ever sees them. */
const PREFIX = '10.77.0'

const networks = new Set<Network>()
process.on('exit', () => {
  for (const network of networks) network.close()
})

/** A machine of the network. */
export interface Place {
  name: string
  address: string
  /** The command line that runs another one there. */
  enter(command: string[]): string[]
}

export class Network {
  readonly #stamp = `xo${process.pid}`
  readonly #hosts = join(scratch('network'), 'hosts')
  readonly #places: Place[] = []
  readonly #running = new Set<ChildProcess>()
  #cables = 0

  constructor() {
    networks.add(this)
    this.#ip('netns', 'add', this.#namespace('hub'))
    this.#ip('-n', this.#namespace('hub'), 'link', 'add', 'bridge', 'type', 'bridge')
    this.#ip('-n', this.#namespace('hub'), 'link', 'set', 'bridge', 'up')
    this.#writeHosts()
  }

  /** Adds a machine, which the others reach as `name`. */
  add(name: string): Place {
    const namespace = this.#namespace(name)
    const hub = this.#namespace('hub')
    const port = `port${++this.#cables}`
    const address = `${PREFIX}.${this.#cables}`
    this.#ip('netns', 'add', namespace)
    const cable = ['link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', hub]
    this.#ip('-n', namespace, ...cable)
    this.#ip('-n', hub, 'link', 'set', port, 'master', 'bridge', 'up')
    this.#ip('-n', namespace, 'address', 'add', `${address}/24`, 'broadcast', '+', 'dev', 'eth0')
    this.#ip('-n', namespace, 'link', 'set', 'eth0', 'up')
    this.#ip('-n', namespace, 'link', 'set', 'lo', 'up')
    this.#ip('-n', namespace, 'route', 'add', 'default', 'dev', 'eth0')
    const script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
    const inside = ['unshare', '--mount', 'sh', '-c', script, 'sh', this.#hosts]
    const enter = (command: string[]) => [
      ...['ip', 'netns', 'exec', namespace, ...inside],
      ...command,
    ]
    const place = { name, address, enter }
    this.#places.push(place)
    this.#writeHosts()
    return place
  }

  /** Runs a program to its end, which has to be a good one. */
  run(place: Place, command: string[]): void {
    const [program = '', ...words] = place.enter(command)
    const { status, stderr } = spawnSync(program, words, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${command.join(' ')} on ${place.name}: ${stderr.trim()}`)
  }

  /** Starts a program that stays; it ends with `stop`, or with the network. */
  start(place: Place, command: string[], told: (text: string) => void): ChildProcess {
    const [program = '', ...words] = place.enter(command)
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#running.add(child)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', told)
    }
    child.once('exit', () => this.#running.delete(child))
    return child
  }

  /** Pulls the plug of a program. */
  stop(child: ChildProcess): Promise<void> {
    if (!this.#running.has(child)) return Promise.resolve()
    return new Promise((resolve) => {
      child.once('exit', () => resolve())
      child.kill('SIGKILL')
    })
  }

  /** Pulls the network cable of a machine: what is sent there is lost. */
  unplug(place: Place): void {
    this.#ip('-n', this.#namespace(place.name), 'link', 'set', 'eth0', 'down')
  }

  /** Ends all programs and takes everything away. Twice is fine. */
  close(): void {
    if (!networks.delete(this)) return
    for (const child of this.#running) child.kill('SIGKILL')
    for (const name of ['hub', ...this.#places.map((place) => place.name)]) {
      spawnSync('ip', ['netns', 'delete', this.#namespace(name)])
    }
  }

  #namespace(name: string): string {
    return `${this.#stamp}-${name}`
  }

  #writeHosts(): void {
    const lines = this.#places.map(({ name, address }) => `${address} ${name}\n`)
    writeFileSync(this.#hosts, `127.0.0.1 localhost\n${lines.join('')}`)
  }

  #ip(...words: string[]): void {
    const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr.trim()}`)
  }
}
