/**
 * The story of one deployment, as it happens on real servers and with the real program: what each
 * laptop did and why, in order. `deployment.test.ts` checks it; `npm run deployment` tells it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { generateKeys } from '../../src/publish/keygen.ts'
import { startableImage } from '../early-boot/kit.ts'
import type { Event } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { file, noise, type Tree } from '../support/tree.ts'
import { until } from '../support/until.ts'
import { EmulatedNetwork } from './emulated-network.ts'
import { BOOTS_MAX, DeployedLaptop } from './laptop.ts'
import { NamespaceNetwork } from './namespace-network.ts'
import type { Kind, Network } from './network.ts'
import { HOME_PORT, HomeServer, mirror, RSYNC_PORT, RsyncServer } from './servers.ts'

/** One thing that happened, and to whom. */
export interface Line {
  who: string
  what: string
}

/** So slow that somebody can pull the plug in the middle, even on a busy machine (KiB/s). */
const SLOW_KIB = 100
const LARGE_SIZE = 1_500_000
const SERVERS = new Map([
  ['upstream', RSYNC_PORT],
  ['schoolserver', RSYNC_PORT],
  ['home', HOME_PORT],
])
const LAPTOPS = ['amina', 'babu', 'chidi', 'dalia', 'emeka'] as const

function image(version: number): Tree {
  const large = file(noise(LARGE_SIZE, version))
  return new Map([...startableImage(version), ['usr/lib/large.so', large]])
}

export class Story {
  readonly lines: Line[] = []
  readonly #publisher = new Publisher()
  readonly #schoolModule = scratch('school')
  readonly upstream: RsyncServer
  readonly school: RsyncServer
  readonly home: HomeServer
  readonly #laptops = new Map<string, DeployedLaptop>()
  readonly #pushKey: string

  private constructor(
    readonly network: Network,
    readonly tell: (line: Line) => void,
  ) {
    const keys = (name: string) =>
      generateKeys(nodeHost(), { directory: scratch(`${name}-keys`), name })
    const homeKeys = keys('home')
    const pushKeys = keys('push')
    this.#pushKey = pushKeys.secretFile
    this.upstream = new RsyncServer(network, 'upstream', this.#publisher.module)
    this.school = new RsyncServer(network, 'schoolserver', this.#schoolModule)
    this.home = new HomeServer(network, 'home', homeKeys.secretFile)
    const trust = {
      release: this.#publisher.keys.publicFile,
      home: homeKeys.publicFile,
      push: pushKeys.publicFile,
    }
    for (const name of LAPTOPS) {
      this.#laptops.set(name, new DeployedLaptop(network.body(name), name, trust, this.home.url))
    }
  }

  static async begin(kind: Kind, tell: (line: Line) => void): Promise<Story> {
    const network =
      kind === 'emulated'
        ? await EmulatedNetwork.open({ servers: SERVERS, laptops: LAPTOPS })
        : new NamespaceNetwork([...SERVERS.keys(), ...LAPTOPS])
    return new Story(network, tell)
  }

  close(): void {
    this.network.close()
  }

  /** All of it, in order. */
  async happen(): Promise<void> {
    await this.#firstSystems()
    await this.#schoolLacksIt()
    await this.#schoolDies()
    await this.#stolen()
    await this.#pinned()
    await this.#rolledBack()
    await this.#pushed()
    for (const line of this.home.fleet().trimEnd().split('\n')) this.#say('home', line)
  }

  async #firstSystems(): Promise<void> {
    await this.upstream.start()
    await this.school.start()
    await this.home.start()
    this.#publish(41)
    this.#mirror()
    await this.home.say('latest', '41')
    for (const laptop of this.#laptops.values()) {
      const { version } = await laptop.succeed(['install'])
      await laptop.boot()
      await laptop.succeed(['confirm'])
      this.#say(laptop.name, `installed version ${version} from the school server, and runs it`)
    }
  }

  /** Amina's laptop hears of 42 before the school server has it. */
  async #schoolLacksIt(): Promise<void> {
    this.#publish(42)
    await this.home.say('latest', '42')
    this.#say('home', 'wants version 42 everywhere')
    const amina = this.#laptop('amina')
    const { status, last } = await amina.run(['run'])
    this.#say('amina', `exit ${status}: ${last.message}`)
    this.#mirror()
    await sleep(2_500)
  }

  /** The school server has it now, and dies while it serves it; upstream brings the rest. */
  async #schoolDies(): Promise<void> {
    const amina = this.#laptop('amina')
    let isDead: Promise<void> | undefined
    amina.configure(SLOW_KIB)
    const { status, last, notes } = await amina.run(['run'], (event) => {
      if (isDead || !isUnderWay(event)) return
      this.#say('schoolserver', `dies in the middle of serving version 42`)
      isDead = this.school.die()
    })
    await isDead
    amina.configure()
    for (const note of notes) this.#say('amina', note)
    const { outcome } = last.upgraded ?? {}
    this.#say('amina', `exit ${status}: ${outcome}`)
    await this.#start(amina)
    await this.#confirm(amina)
  }

  async #stolen(): Promise<void> {
    await this.home.say('stolen', 'babu')
    await this.#round(this.#laptop('babu'))
  }

  async #pinned(): Promise<void> {
    await this.home.say('pins', 'serial chidi 41')
    await this.#round(this.#laptop('chidi'))
  }

  /** Dalia's laptop never becomes healthy under 42. */
  async #rolledBack(): Promise<void> {
    const dalia = this.#laptop('dalia')
    await this.#round(dalia)
    for (let boot = 0; boot < BOOTS_MAX + 1; boot++) await this.#start(dalia)
    await dalia.succeed(['confirm'])
    await this.#round(dalia)
  }

  /** 43 mends what ailed it. A push brings it to all who may have it. */
  async #pushed(): Promise<void> {
    this.#publish(43)
    await this.home.say('latest', '43')
    const names = ['amina', 'dalia', 'emeka'] as const
    const daemons = names.map((name) => {
      const laptop = this.#laptop(name)
      return laptop.start(['daemon'], (event) => this.#heard(laptop, event))
    })
    for (const name of names) await this.#daemonWaits(this.#laptop(name))
    const words = ['push', '--version', '43', '--key', this.#pushKey, ...this.network.pushTo]
    this.network.run(this.home.name, [PROGRAM, ...words])
    this.#say('home', 'pushes version 43')
    for (const name of names) {
      const laptop = this.#laptop(name)
      await until(async () => (await laptop.waiting()) === 43, `${name}'s version 43`)
    }
    await Promise.all(daemons.map((daemon) => daemon.kill()))
    for (const name of names) {
      const laptop = this.#laptop(name)
      await this.#start(laptop)
      await this.#confirm(laptop)
      await this.#round(laptop)
    }
  }

  /** Until the daemon has nothing to do except listen. */
  async #daemonWaits(laptop: DeployedLaptop): Promise<void> {
    const daemon = await until(async () => {
      const { daemon } = await laptop.succeed(['status'])
      return daemon?.activity === 'waiting' && daemon
    }, `${laptop.name}'s daemon`)
    this.#say(laptop.name, `daemon: waiting, because of ${daemon.because}`)
  }

  #publish(version: number): void {
    this.#publisher.publish(version, image(version), { hardware: 'xo-1', deployment: 'village' })
    this.#say('upstream', `publishes version ${version}`)
  }

  #mirror(): void {
    mirror(this.network, this.school.name, this.upstream.name, this.#schoolModule)
    this.#say('schoolserver', 'mirrors upstream')
  }

  /** One round: what home said, and what came of it. */
  async #round(laptop: DeployedLaptop): Promise<void> {
    const { act, reason, upgraded } = await laptop.succeed(['run'])
    this.#say(laptop.name, `${act}: ${reason}`)
    if (upgraded) this.#say(laptop.name, `${upgraded.outcome}: version ${upgraded.version}`)
  }

  async #start(laptop: DeployedLaptop): Promise<void> {
    for (const note of await laptop.boot()) this.#say(laptop.name, `starts: ${note}`)
  }

  async #confirm(laptop: DeployedLaptop): Promise<void> {
    const { version } = await laptop.succeed(['confirm'])
    this.#say(laptop.name, `confirms version ${version}`)
  }

  #heard(laptop: DeployedLaptop, { text, event }: Event): void {
    if (event === 'note' && /push/.test(text)) this.#say(laptop.name, `daemon: ${text}`)
  }

  #laptop(name: (typeof LAPTOPS)[number]): DeployedLaptop {
    const laptop = this.#laptops.get(name)
    if (!laptop) throw new Error(`there is no laptop ${name}`)
    return laptop
  }

  #say(who: string, what: string): void {
    const line = { who, what }
    this.lines.push(line)
    this.tell(line)
  }
}

function isUnderWay({ event, phase, received, total }: Event): boolean {
  return event === 'progress' && phase === 'fetch' && received > total / 10
}
