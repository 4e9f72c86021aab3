/**
 * Who is on a link of ours: whoever is one hop away through a network card. Neighbours ask and answer only
 * there, so that no word of theirs ever leaves it, and nobody can have us send or connect anywhere else.
 */
import type { Sockets } from '../host.ts'
import type { Sender } from '../push/ear.ts'

/** The network card through which that address is one hop away; undefined: none, or it is our own. */
export function cardOf(
  sockets: Pick<Sockets, 'interfaces'>,
  { family, address }: Sender,
): string | undefined {
  const cards = sockets.interfaces().filter(({ loopback }) => !loopback)
  const own = cards.some(({ addresses }) => addresses.some((one) => one.address === address))
  if (own) return undefined
  if (family === 6) {
    const [, card] = /^fe[89ab][0-9a-f]:[0-9a-f:.]*%(.+)$/.exec(address) ?? []
    return cards.find(({ name }) => name === card)?.name
  }
  const number = numberOfAddress(address)
  const card = cards.find(({ addresses }) =>
    addresses.some((one) => {
      if (one.family !== 4 || one.prefixLength === 0) return false
      const size = 2 ** (32 - one.prefixLength)
      return Math.floor(numberOfAddress(one.address) / size) === Math.floor(number / size)
    }),
  )
  return card?.name
}

/** An IPv4 address, of which the kernel made the text. */
function numberOfAddress(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}
