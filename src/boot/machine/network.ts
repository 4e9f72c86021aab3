/**
 * The network of the initramfs: every interface up, an address for each from DHCP. What DHCP says is
 * left by its script in /run/xo/dhcp.INTERFACE. Who is reached through it doesn't matter here.
 * The programs that keep it up are our children: one per interface, replaced at the next try, and ended
 * before the system starts, which brings up the network itself.
 */

import { isSystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import { show } from '../../text.ts'
import { CHILD_ENVIRONMENT } from './child-environment.ts'
import { isThere, listFacts, readFact } from './small-facts.ts'

const INTERFACES = '/sys/class/net'
const LEASE_SCRIPT = '/etc/udhcpc.script'
const LEASES = '/run/xo'
const LOG = '/run/xo/network.log'
const WIRELESS_PROGRAM = '/sbin/wpa_supplicant'
/** The networks that a laptop may join, in wpa_supplicant's own words. */
const WIRELESS_NETWORKS = '/etc/wpa_supplicant.conf'
/** ARPHRD_ETHER: cables and radios look alike by it. */
const ETHERNET = '1'
/** How often udhcpc asks, and how long it waits for each answer: some 12 s for a network without DHCP. */
const ASK_TIMES = '4'
const ASK_SECONDS = '3'
/** How long it takes to notice a cable, and for a radio to join (milliseconds). */
const LINK_MS = 5_000
const JOIN_MS = 20_000
const LOOK_AGAIN_MS = 200
const SOON_MS = 20
/** A program that does not end must not hold up the recovery (milliseconds). */
const CHILD_MS = 60_000
const SIGKILL = 9
const SIGTERM = 15
/** The status with which a shell says that there is no such program. */
const NO_PROGRAM = 127

type Child = ReturnType<Host['processes']['start']>

/** A child, and its status once it has ended. */
interface Kept {
  child: Child
  status: number | undefined
}

interface Interface {
  name: Path
  wireless: boolean
}

function listInterfaces(host: Host): Interface[] {
  return listFacts(host, INTERFACES)
    .filter((name) => readFact(host, `${INTERFACES}/${name}/type`).trim() === ETHERNET)
    .map((name) => {
      const own = listFacts(host, `${INTERFACES}/${name}`)
      return { name, wireless: own.includes('wireless') || own.includes('phy80211') }
    })
}

export class Network {
  /** By what they do and for which interface. */
  readonly #children = new Map<string, Kept>()
  readonly #up = new Set<Path>()

  constructor(readonly host: Host) {}

  /** Brings up again whatever can be. One sentence per interface says how it went. */
  async bringUp(): Promise<string[]> {
    const { host } = this
    for (const task of [...this.#children.keys()]) await this.#end(task)
    await this.#run(['rm', '-f', LOG])
    await this.#run(['ip', 'link', 'set', 'lo', 'up'])
    const interfaces = listInterfaces(host)
    if (interfaces.length === 0) return ['This laptop has no network device, or no driver for it.']
    return Promise.all(interfaces.map((one) => this.#bringUp(one)))
  }

  /** Leaves every interface as the system expects to find it: off, without an address. */
  async bringDown(): Promise<void> {
    for (const task of [...this.#children.keys()]) await this.#end(task)
    for (const name of this.#up) {
      await this.#run(['ip', 'addr', 'flush', 'dev', name])
      await this.#run(['ip', 'link', 'set', name, 'down'])
    }
    this.#up.clear()
  }

  async #bringUp({ name, wireless }: Interface): Promise<string> {
    const shown = show(name)
    if ((await this.#run(['ip', 'link', 'set', name, 'up'])) !== 0) {
      return `${shown}: can't be switched on.`
    }
    this.#up.add(name)
    if (wireless) {
      const failed = await this.#join(name)
      if (failed !== undefined) return `${shown}: ${failed}`
    } else if (!(await hasLink(this.host, name, LINK_MS))) {
      return `${shown}: no cable is plugged in.`
    }
    return `${shown}: ${await this.#askForAddress(name)}`
  }

  /** The client stays, to renew the address: a repair may last longer than a lease. */
  async #askForAddress(name: Path): Promise<string> {
    const ask = ['-t', ASK_TIMES, '-T', ASK_SECONDS, '-O', '224', '-O', 'staticroutes']
    const words = ['udhcpc', '-i', name, '-f', '-n', '-s', LEASE_SCRIPT, ...ask]
    // What an earlier lease said no longer holds.
    await this.#run(['rm', '-f', `${LEASES}/dhcp.${name}`])
    const client = this.#keep(`dhcp ${name}`, words)
    const { clock } = this.host
    const endMs = clock.monotonicMs() + CHILD_MS
    const lease = () => readFact(this.host, `${LEASES}/dhcp.${name}`)
    while (client && client.status === undefined && lease() === '') {
      if (clock.monotonicMs() >= endMs) break
      await clock.sleep(LOOK_AGAIN_MS)
    }
    const ip = /^ip=([0-9.]{7,15})$/m.exec(lease())?.[1]
    if (ip !== undefined) return `${ip}.`
    await this.#end(`dhcp ${name}`)
    if (!client || client.status === NO_PROGRAM) return 'there is no udhcpc in this image.'
    return 'nobody on this network gave the laptop an address.'
  }

  /** Undefined once it has joined; otherwise why not. */
  async #join(name: Path): Promise<string | undefined> {
    const { host } = this
    if (await hasLink(host, name, 0)) return undefined
    if (!isThere(host, WIRELESS_PROGRAM)) return 'wireless; this image has no wpa_supplicant.'
    if (!isThere(host, WIRELESS_NETWORKS)) return `wireless; ${WIRELESS_NETWORKS} is missing.`
    const words = ['-i', name, '-c', WIRELESS_NETWORKS, '-D', 'nl80211,wext']
    this.#keep(`join ${name}`, [WIRELESS_PROGRAM, ...words])
    if (await hasLink(host, name, JOIN_MS)) return undefined
    await this.#end(`join ${name}`)
    return 'wireless; no known network is near.'
  }

  /** Starts what stays. Undefined if there is no such program. */
  #keep(task: string, command: Path[]): Kept | undefined {
    const child = start(this.host, command)
    if (!child) return undefined
    const kept = watched(child)
    this.#children.set(task, kept)
    return kept
  }

  async #end(task: string): Promise<void> {
    const kept = this.#children.get(task)
    this.#children.delete(task)
    if (!kept || kept.status !== undefined) return
    const { processes, clock } = this.host
    processes.signal(kept.child, SIGTERM)
    const endMs = clock.monotonicMs() + LINK_MS
    while (kept.status === undefined && clock.monotonicMs() < endMs) await clock.sleep(SOON_MS)
    if (kept.status === undefined) processes.signal(kept.child, SIGKILL)
  }

  /** The status; undefined if there is no such program. */
  async #run(command: Path[]): Promise<number | undefined> {
    const { processes, clock } = this.host
    const child = start(this.host, command)
    if (!child) return undefined
    const run = watched(child)
    const endMs = clock.monotonicMs() + CHILD_MS
    // A long sleep that loses the race against the end would linger: so each wait is short.
    while (run.status === undefined) {
      if (clock.monotonicMs() >= endMs) {
        processes.signal(child, SIGKILL)
        return NO_ANSWER
      }
      await clock.sleep(SOON_MS)
    }
    return run.status === NO_PROGRAM ? undefined : run.status
  }
}

/** As if a signal had ended it. */
const NO_ANSWER = 128 + SIGKILL

function watched(child: Child): Kept {
  const kept: Kept = { child, status: undefined }
  void child.ended.then((status) => {
    kept.status = status
  })
  return kept
}

/** What it says goes to a file, not onto the screen. */
function start({ processes }: Host, command: Path[]): Child | undefined {
  const quiet = ['sh', '-c', `exec "$@" </dev/null >>${LOG} 2>&1`, 'sh', ...command]
  try {
    return processes.start({ command: quiet, environment: CHILD_ENVIRONMENT, pipe: false })
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EACCES')) return undefined
    throw error
  }
}

async function hasLink(host: Host, name: Path, timeoutMs: number): Promise<boolean> {
  const { clock } = host
  const endMs = clock.monotonicMs() + timeoutMs
  for (;;) {
    if (readFact(host, `${INTERFACES}/${name}/carrier`).trim() === '1') return true
    if (clock.monotonicMs() >= endMs) return false
    await clock.sleep(LOOK_AGAIN_MS)
  }
}
