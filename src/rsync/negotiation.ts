/**
 * What both sides agree on right after the handshake: compatibility bits, checksum, compression and
 * seed (docs/PROTOCOL.md). Our lists always keep stock order, because daemons of rsync 3.5.0 choose
 * by their own order and older ones by ours.
 */
import { PeerError } from '../errors.ts'
import { show } from '../text.ts'
import type { Compression } from './arguments.ts'
import { readVarint, readVstring, writeVstring } from './integers.ts'
import type { Wire } from './wire.ts'

export type TransferChecksum = 'xxh128' | 'xxh3' | 'xxh64' | 'md5'
export const CHECKSUMS: readonly TransferChecksum[] = ['xxh128', 'xxh3', 'xxh64', 'md5']
/** Stock's order without lz4 and old zlib, which our rebuilder does not know. */
export const COMPRESSIONS = ['zstd', 'zlibx'] as const

/** Compatibility bits (rsync compat.c CF_*). */
export const Compatibility = {
  incremental: 0x01,
  linkTimes: 0x02,
  errorEnd: 0x08,
  noXattrShortcut: 0x10,
  properSeedOrder: 0x20,
  inPlacePartial: 0x40,
  varintFlags: 0x80,
  rootName: 0x100,
} as const

export interface Agreement {
  protocol: number
  checksum: TransferChecksum
  compression: Compression
  seed: number
  /** The file list's flags are varints. */
  varintFlags: boolean
  /** Block sums may be sent: the seed goes where our block sums have it. */
  blockSums: boolean
}

export interface NegotiationOffer {
  protocol: number
  checksums: readonly TransferChecksum[]
  /** As the arguments asked for it: a list to be negotiated, or what they fixed. */
  compressions: readonly Compression[] | undefined
  fixedCompression: Compression
}

/** We asked for compression of a server that negotiates nothing: only other arguments can help. */
export class NoNegotiation extends Error {}

async function readVarintFrom(wire: Wire): Promise<number> {
  const { incoming } = wire
  for (;;) {
    const reading = readVarint(incoming.buffer, incoming.start, incoming.end)
    if (reading) {
      incoming.start = reading.next
      return reading.value
    }
    await wire.wait()
  }
}

export async function readVstringFrom(wire: Wire): Promise<string> {
  const { incoming } = wire
  for (;;) {
    const reading = readVstring(incoming.buffer, incoming.start, incoming.end)
    if (reading) {
      incoming.start = reading.next
      return reading.value
    }
    await wire.wait()
  }
}

/** Sends our lists; to be called before anything framed, and only where the server will read them. */
export function offerLists(wire: Wire, offer: NegotiationOffer): void {
  wire.outgoing.bytes(writeVstring(offer.checksums.join(' ')))
  if (offer.compressions) wire.outgoing.bytes(writeVstring(offer.compressions.join(' ')))
}

/**
 * Reads the server's side. `early`: our lists were sent already, in the hope that it negotiates;
 * else `answer` is called as soon as it is known whether it does.
 */
export async function negotiate(
  wire: Wire,
  offer: NegotiationOffer,
  early: boolean,
  answer: (negotiates: boolean) => void,
): Promise<Agreement> {
  wire.phase = 'negotiating'
  const flags = await readVarintFrom(wire)
  if (flags & Compatibility.incremental)
    throw new PeerError('incremental recursion, which we did not offer', 'broken')
  const negotiates = (flags & Compatibility.varintFlags) !== 0
  if (!negotiates && (early || offer.compressions)) throw new NoNegotiation()
  if (!early) answer(negotiates)
  wire.flush()
  const checksum = negotiates
    ? choose('checksum', offer.checksums, await readVstringFrom(wire))
    : 'md5'
  const compression =
    negotiates && offer.compressions
      ? choose('compression', offer.compressions, await readVstringFrom(wire))
      : offer.fixedCompression
  return {
    protocol: offer.protocol,
    checksum,
    compression,
    seed: await readIntFrom(wire),
    varintFlags: negotiates,
    blockSums: checksum !== 'md5' || (flags & Compatibility.properSeedOrder) !== 0,
  }
}

/** The first of ours that the server's list has. */
function choose<Name extends string>(what: string, ours: readonly Name[], theirs: string): Name {
  const known = theirs.toLowerCase().split(' ')
  const chosen = ours.find((name) => known.includes(name))
  if (chosen !== undefined) return chosen
  throw new PeerError(
    `no common ${what}: we offer ${ours.join(' ')}, the daemon ${show(theirs)}`,
    'refused',
  )
}

/** Four bytes, signed. */
export async function readIntFrom(wire: Wire): Promise<number> {
  const { incoming } = wire
  while (incoming.end - incoming.start < 4) await wire.wait()
  const { buffer, start } = incoming
  incoming.start = start + 4
  return new DataView(buffer.buffer).getInt32(start, true)
}
