/**
 * A laptop of the deployment: a store and a configuration of its own, the program on its machine of
 * the network, and power-on by the early boot's own decision (`src/boot/settle.ts`). What a real
 * kernel adds to that is proved in test/boot.
 */
import { readFileSync } from 'node:fs'
import { settleTrees } from '../../src/boot/settle.ts'
import { readPublicKey } from '../../src/release/signify.ts'
import { readSystemFile } from '../../src/small-file.ts'
import { Store } from '../../src/store/store.ts'
import { countBoot } from '../../src/store/trial.ts'
import { bytesOfArray } from '../../src/text.ts'
import type { Event } from '../support/device.ts'
import type { Body, Running } from './network.ts'

const KEY_SIZE_MAX = 1024
const RUN_DEADLINE_MS = 180_000
/** How many boots a tree has to become healthy. */
export const BOOTS_MAX = 3

interface Ended {
  status: number | null
  /** The last `result` or `error` line. */
  last: Event
  notes: string[]
}

interface Trust {
  /** Public key files, by their role. */
  release: string
  home: string
  push: string
}

export class DeployedLaptop {
  constructor(
    readonly body: Body,
    readonly name: string,
    trust: Trust,
    readonly home: string,
  ) {
    for (const [role, file] of Object.entries(trust)) {
      body.write(`${body.keys}/${role}.pub`, readFileSync(file, 'latin1'))
    }
    this.configure()
  }

  /** Writes its configuration, with a cap on what it receives if one is given (KiB/s). */
  configure(kibPerSecond?: number): void {
    const { store, keys, pushPort, configuration } = this.body
    const sections = {
      store: [`path = ${store}`, 'keep-free-mb = 0'],
      device: [`serial = ${this.name}`, 'hardware = xo-1', 'deployment = village'],
      trust: [`keys = ${keys}`],
      home: [`url = ${this.home}`, 'timeout-seconds = 5'],
      sources: [
        'school = rsync://schoolserver/xo',
        'upstream = rsync://upstream/xo',
        'first-wait-seconds = 2',
      ],
      transfer: [
        ...['connect-timeout-seconds = 2', 'timeout-seconds = 3'],
        ...(kibPerSecond === undefined ? [] : [`bwlimit = ${kibPerSecond}`]),
      ],
      policy: ['on-battery = yes', `inhibit = ${keys}/none`],
      daemon: [`control = ${keys}/control`],
      push: ['spread-seconds = 2', `port = ${pushPort}`],
      trial: [`boots = ${BOOTS_MAX}`, `health-hooks = ${keys}/none`],
    }
    const lines = Object.entries(sections).flatMap(([name, body]) => [`[${name}]`, ...body])
    this.body.write(configuration, `${lines.join('\n')}\n`)
  }

  /** Starts the program; every JSON line is told as it comes. */
  start(words: string[], told: (event: Event) => void): Running {
    const [command = '', ...more] = words
    const all = [command, '--json', '--config', this.body.configuration, ...more]
    let rest = ''
    return this.body.start(all, (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) told(line.startsWith('{') ? JSON.parse(line) : { text: line })
    })
  }

  /** Runs the program to its end. */
  run(words: string[], told: (event: Event) => void = () => {}): Promise<Ended> {
    const events: Event[] = []
    const running = this.start(words, (event) => {
      events.push(event)
      told(event)
    })
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        void running.kill()
        reject(new Error(`${this.name}: ${words.join(' ')} did not end: ${said(events)}`))
      }, RUN_DEADLINE_MS)
      running.ended.then((status) => {
        clearTimeout(timer)
        const isLast = ({ event }: Event) => event === 'result' || event === 'error'
        const last = events.filter(isLast).at(-1) ?? {}
        const notes = events.flatMap(({ event, text }) => (event === 'note' ? [text] : []))
        resolve({ status, last, notes })
      }, reject)
    })
  }

  /** The same for what must succeed; returns its result. */
  async succeed(words: string[], told?: (event: Event) => void): Promise<Event> {
    const { status, last } = await this.run(words, told)
    if (status === 0) return last
    throw new Error(`${this.name}: ${words.join(' ')} ended with ${status}: ${said([last])}`)
  }

  /** Power-on: what the early boot finds, does and starts. Returns its sentences. */
  async boot(): Promise<string[]> {
    const notes: string[] = []
    const decision = await this.#withStore(async (store) => {
      const files = store.host.files
      const path = `${this.body.keys}/release.pub`
      const text = bytesOfArray(readSystemFile(files, path, KEY_SIZE_MAX))
      const given = {
        keys: [readPublicKey(store.host, text, 'release.pub')],
        bootsMax: BOOTS_MAX,
        words: { boot: undefined, recover: undefined },
        locked: undefined,
        writable: true,
        recoveryTried: false,
      }
      const settled = await settleTrees(store, given, (note) => notes.push(note))
      if (settled.act === 'boot') countBoot(store)
      return settled
    })
    if (decision.act !== 'boot') throw new Error(`${this.name} does not start: ${notes.join(' ')}`)
    return notes
  }

  waiting(): Promise<number | undefined> {
    return this.#withStore(async (store) => store.version('upgraded-root'))
  }

  async #withStore<Result>(use: (store: Store) => Promise<Result>): Promise<Result> {
    const store = Store.open(this.body.host(), this.body.store, false)
    try {
      return await use(store)
    } finally {
      store.close()
    }
  }
}

function said(events: Event[]): string {
  return JSON.stringify(events.slice(-5))
}
