/**
 * Sends a push: the same signed datagram to each address, a few times, because a datagram may be
 * lost. It waits for no answer, because there is none.
 */
import { ConfigError, isSystemError } from '../errors.ts'
import type { Host } from '../host.ts'
import { PUSH_GROUP_6 } from './upgrade-now.ts'

type PushAddress = import('native:sockets').Address

const TIMES = 3
const PAUSE_MS = 400

export interface Target {
  address: PushAddress
  /** The network card that it leaves by; undefined: by the kernel's routes. */
  card: string | undefined
}

/** Everybody in reach: IPv4 broadcast and the IPv6 group, on each card that is up. */
export function everybody({ sockets }: Pick<Host, 'sockets'>, port: number): Target[] {
  return sockets.interfaces().flatMap((card) => {
    const four = card.addresses.flatMap(({ broadcast }) =>
      broadcast === undefined ? [] : [target(4, broadcast, port, card.name)],
    )
    const hasSix = card.multicast && card.addresses.some(({ family }) => family === 6)
    return hasSix ? [...four, target(6, `${PUSH_GROUP_6}%${card.name}`, port, card.name)] : four
  })
}

function target(family: 4 | 6, address: string, port: number, card: string): Target {
  return { address: { family, address, port }, card }
}

/** Those that were named: hosts, or broadcast or multicast addresses; `HOST`, `HOST:PORT`, `[V6]:PORT`. */
export async function named(
  { sockets }: Pick<Host, 'sockets'>,
  words: readonly string[],
  defaultPort: number,
): Promise<Target[]> {
  const targets: Target[] = []
  for (const word of words) {
    const { host, digits } = partsOf(word)
    const port = digits === undefined ? defaultPort : Number(digits)
    if (host === undefined || port < 1 || port > 65_535) {
      throw new ConfigError(`"${word}" is not an address`, 'write HOST, HOST:PORT or [IPV6]:PORT')
    }
    for (const address of await sockets.resolve(host, port)) {
      targets.push(...byEachCard(sockets, address))
    }
  }
  return targets
}

/** An IPv6 address without brackets has more than one colon, and no port. */
function partsOf(word: string): { host?: string | undefined; digits?: string | undefined } {
  const [, bracketed, port] = /^\[([^\]]+)\](?::([0-9]{1,5}))?$/.exec(word) ?? []
  if (bracketed !== undefined) return { host: bracketed, digits: port }
  if (word.split(':').length > 2) return /^[0-9a-zA-Z:.%]+$/.test(word) ? { host: word } : {}
  const [, host, digits] = /^([^:[]+)(?::([0-9]{1,5}))?$/.exec(word) ?? []
  return { host, digits }
}

/** A group is sent to on every card that can, because no route says where it is; anything else by the kernel's routes. */
function byEachCard(sockets: Host['sockets'], address: PushAddress): Target[] {
  const { family, address: literal } = address
  const [group = '', scope] = literal.split('%')
  if (!(family === 6 ? /^ff/i : /^2(2[4-9]|3[0-9])\./).test(group)) {
    return [{ address, card: undefined }]
  }
  if (scope !== undefined) return [{ address, card: scope }]
  const cards = sockets.interfaces().filter((card) => {
    return card.multicast && card.addresses.some((one) => one.family === family)
  })
  return cards.map(({ name }) => {
    const scoped = family === 6 ? `${group}%${name}` : group
    return { address: { ...address, address: scoped }, card: name }
  })
}

interface Sent {
  /** How many addresses it was sent to, and why not to the others. */
  count: number
  failures: { address: string; message: string }[]
}

export async function sendPush(
  modules: Pick<Host, 'sockets' | 'clock'>,
  targets: readonly Target[],
  signed: Uint8Array,
): Promise<Sent> {
  const failures = new Map<Target, string>()
  for (let time = 0; time < TIMES; time++) {
    if (time > 0) await modules.clock.sleep(PAUSE_MS)
    for (const one of targets) {
      const message = await sendOnce(modules, one, signed)
      if (message !== undefined && time === 0) failures.set(one, message)
      if (message === undefined) failures.delete(one)
    }
  }
  const told = [...failures].map(([{ address }, message]) => ({
    address: address.address,
    message,
  }))
  return { count: targets.length - failures.size, failures: told }
}

/** What the system said when it refused; undefined: it was sent. */
export async function sendOnce(
  { sockets }: Pick<Host, 'sockets'>,
  { address, card }: Target,
  bytes: Uint8Array,
): Promise<string | undefined> {
  const { family } = address
  const host = family === 6 ? '::' : '0.0.0.0'
  try {
    const options = { family, host, port: 0, broadcast: family === 4, groups: [] }
    const datagram = sockets.openDatagram(
      card === undefined ? options : { ...options, interface: card },
    )
    try {
      await sockets.sendDatagram(datagram, address, bytes, 0, bytes.length)
    } finally {
      sockets.closeDatagram(datagram)
    }
    return undefined
  } catch (error) {
    if (isSystemError(error)) return error.message
    throw error
  }
}
