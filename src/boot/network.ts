/**
 * The network of the initramfs: every interface up, an address for each from DHCP. What DHCP says is
 * left by its script in /run/xo/dhcp.INTERFACE. Who is reached through it is nobody's business here.
 */
import { isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { show } from '../text.ts'
import { CHILD_ENVIRONMENT } from './rescue.ts'
import { isThere, listFacts, readFact } from './small-facts.ts'

const INTERFACES = '/sys/class/net'
const LEASE_SCRIPT = '/etc/udhcpc.script'
const WIRELESS_PROGRAM = '/sbin/wpa_supplicant'
/** The networks that a laptop may join, in wpa_supplicant's own words. */
const WIRELESS_NETWORKS = '/etc/wpa_supplicant.conf'
/** ARPHRD_ETHER: what cables and radios look alike as. */
const ETHERNET = '1'
/** udhcpc asks this often, and waits so long for each answer: some 12 s for a network without DHCP. */
const ASK_TIMES = '4'
const ASK_SECONDS = '3'
/** How long a cable needs to be noticed, and a radio to join (milliseconds). */
const LINK_MS = 5_000
const JOIN_MS = 20_000
const LOOK_AGAIN_MS = 200
/** A program that does not end must not hold the recovery up (milliseconds). */
const CHILD_MS = 60_000
const SIGKILL = 9

export interface Interface {
  name: Path
  wireless: boolean
}

export function listInterfaces(host: Host): Interface[] {
  return listFacts(host, INTERFACES)
    .filter((name) => readFact(host, `${INTERFACES}/${name}/type`).trim() === ETHERNET)
    .map((name) => {
      const own = listFacts(host, `${INTERFACES}/${name}`)
      return { name, wireless: own.includes('wireless') || own.includes('phy80211') }
    })
}

/** Brings up what can be. One sentence an interface: what became of it. */
export async function bringNetworkUp(host: Host): Promise<string[]> {
  await run(host, ['ip', 'link', 'set', 'lo', 'up'])
  const interfaces = listInterfaces(host)
  if (interfaces.length === 0) return ['This laptop has no network device, or no driver for it.']
  return Promise.all(interfaces.map((one) => bringUp(host, one)))
}

async function bringUp(host: Host, { name, wireless }: Interface): Promise<string> {
  const shown = show(name)
  const up = await run(host, ['ip', 'link', 'set', name, 'up'])
  if (up !== 0) return `${shown}: can't be switched on.`
  if (wireless) {
    const joined = await joinWireless(host, name)
    if (joined !== undefined) return `${shown}: ${joined}`
  } else if (!(await hasLink(host, name, LINK_MS))) {
    return `${shown}: no cable.`
  }
  const ask = ['-t', ASK_TIMES, '-T', ASK_SECONDS, '-O', '224']
  const words = ['udhcpc', '-i', name, '-f', '-n', '-q', '-s', LEASE_SCRIPT, ...ask]
  const status = await run(host, words)
  if (status === undefined) return `${shown}: there is no udhcpc in this image.`
  if (status !== 0) return `${shown}: nobody gave it an address.`
  const ip = /^ip=(.*)$/m.exec(readFact(host, `/run/xo/dhcp.${name}`))?.[1] ?? 'an address'
  return `${shown}: ${show(ip)}.`
}

/** Undefined where it has joined; else why not. */
async function joinWireless(host: Host, name: Path): Promise<string | undefined> {
  if (await hasLink(host, name, 0)) return undefined
  if (!isThere(host, WIRELESS_PROGRAM)) return 'wireless; this image has no wpa_supplicant.'
  if (!isThere(host, WIRELESS_NETWORKS)) return `wireless; ${WIRELESS_NETWORKS} is missing.`
  const words = ['-B', '-i', name, '-c', WIRELESS_NETWORKS, '-D', 'nl80211,wext']
  await run(host, [WIRELESS_PROGRAM, ...words])
  return (await hasLink(host, name, JOIN_MS)) ? undefined : 'wireless; no known network here.'
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

/** The status; undefined where there is no such program. What it says goes to a file, not onto the screen. */
async function run({ processes, clock }: Host, command: Path[]): Promise<number | undefined> {
  const quiet = ['sh', '-c', 'exec "$@" </dev/null >>/run/xo/network.log 2>&1', 'sh', ...command]
  try {
    const child = processes.start({ command: quiet, environment: CHILD_ENVIRONMENT, pipe: false })
    const late = clock.sleep(CHILD_MS).then(() => undefined)
    const status = await Promise.race([child.ended, late])
    if (status === undefined) processes.signal(child, SIGKILL)
    // As a shell says that there is none.
    return status === 127 ? undefined : (status ?? 128 + SIGKILL)
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EACCES')) return undefined
    throw error
  }
}
