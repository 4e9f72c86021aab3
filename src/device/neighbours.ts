/**
 * Neighbours as sources of a device: laptops on a link of ours that say they have a version. All that their
 * answer gives is an address to try, without a secret and with less patience than a server gets.
 */
import { isSystemError } from '../errors.ts'
import { askNeighbours, type Neighbour } from '../peers/ask.ts'
import type { Neighbours, NeighbourWish } from '../source/search.ts'
import { NEIGHBOUR } from '../source/set-aside.ts'
import type { Source } from '../source/source.ts'
import type { Store } from '../store/store.ts'
import { textOfBytes } from '../text.ts'
import type { Device } from './device.ts'

/** Those of one run; undefined: nobody is asked. */
export function neighboursOf(device: Device, store: Store): FoundNeighbours | undefined {
  const { peers, pushPort } = device.configuration
  return peers === 'off' || pushPort === 0 ? undefined : new FoundNeighbours(device, store)
}

class FoundNeighbours implements Neighbours {
  /** The caller closes them. */
  readonly found: Source[] = []

  constructor(
    readonly device: Device,
    readonly store: Store,
  ) {}

  get peers() {
    return this.device.configuration.peers
  }

  async find(wanted: NeighbourWish, aside: ReadonlySet<string>): Promise<Source[]> {
    const { host, configuration, progress } = this.device
    const { hardware, deployment, pushPort } = configuration
    const wish = {
      hardware: textOfBytes(hardware) ?? 'any',
      deployment: textOfBytes(deployment) ?? 'any',
      wanted: wanted.version,
      has: wanted.running,
      aside: addressesIn(aside),
    }
    try {
      const isAside = (neighbour: Neighbour) => aside.has(nameOf(neighbour))
      const answered = await askNeighbours(host, pushPort, wish, isAside)
      const sources = answered.map((one) => this.device.neighbour(this.store, one, nameOf(one)))
      this.found.push(...sources)
      return sources
    } catch (error) {
      if (!isSystemError(error)) throw error
      progress.note(`no neighbour was asked: ${error.message}`)
      return []
    }
  }
}

/** By this it is set aside: by where it was reached, which nobody else can misuse. */
function nameOf({ address, port }: Neighbour): string {
  return `${NEIGHBOUR}rsync://${address.includes(':') ? `[${address}]` : address}:${port}/xo`
}

/** The addresses of those that are set aside, the last ones first. */
function addressesIn(aside: ReadonlySet<string>): string[] {
  const found = [...aside].reverse().flatMap((name) => {
    const [, six, four] =
      /^neighbour rsync:\/\/(?:\[([0-9a-f:.]+)(?:%[^\]]*)?\]|([0-9.]+)):/.exec(name) ?? []
    return six ?? four ?? []
  })
  return [...new Set(found)]
}
