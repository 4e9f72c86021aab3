/**
 * The server's side of the negotiation: compatibility bits, checksum, compression and seed. Of what is negotiated
 * the client's order decides, which every version of stock agrees with.
 */
import type { Compression } from 'native:delta'
import type { Host } from '../host.ts'
import { writeVarlong, writeVstring } from '../rsync/integers.ts'
import {
  CHECKSUMS,
  COMPRESSIONS,
  Compatibility,
  readVstringFrom,
  type TransferChecksum,
} from '../rsync/negotiation.ts'
import type { Wire } from '../rsync/wire.ts'
import { show } from '../text.ts'
import type { Asked } from './asked.ts'
import { RsyncRefusal } from './refusal.ts'

export interface ServedAgreement {
  protocol: number
  /** Compatibility bits that are set. */
  bits: number
  /** Of blocks and whole files; and that of the list. */
  checksum: TransferChecksum
  listChecksum: TransferChecksum
  compression: Compression
  seed: number
}

/** What each letter of the client asks for. Incremental recursion is declined. */
const LETTERS: Record<string, number> = {
  f: Compatibility.errorEnd,
  x: Compatibility.noXattrShortcut,
  C: Compatibility.properSeedOrder,
  I: Compatibility.inPlacePartial,
  v: Compatibility.varintFlags,
  u: Compatibility.rootName,
}

/**
 * After it both directions are framed. What can't be agreed on becomes `asked.refusal`, which the client can
 * only be told in a frame.
 */
export async function agree(
  wire: Wire,
  modules: Pick<Host, 'random'>,
  protocol: number,
  asked: Asked,
): Promise<ServedAgreement> {
  wire.phase = 'negotiating'
  const letters = [...asked.capabilities].reduce((sum, letter) => sum | (LETTERS[letter] ?? 0), 0)
  const bits = letters | Compatibility.linkTimes
  const negotiates = (bits & Compatibility.varintFlags) !== 0
  const seed = asked.seed === 0 ? seedOf(modules.random.randomBytes(4)) : asked.seed
  const { outgoing } = wire
  outgoing.bytes(writeVarlong(bits, 1))
  const checksumOpen = negotiates && asked.checksumChoice === undefined
  const compressionOpen = negotiates && asked.compress && asked.compressChoice === undefined
  if (checksumOpen) outgoing.bytes(writeVstring(CHECKSUMS.join(' ')))
  if (compressionOpen) outgoing.bytes(writeVstring(COMPRESSIONS.join(' ')))
  wire.flush()
  const settle = <Name>(choose: () => Name, otherwise: Name): Name => {
    try {
      return choose()
    } catch (error) {
      if (!(error instanceof RsyncRefusal)) throw error
      asked.refusal ??= error
      return otherwise
    }
  }
  const checksums = checksumOpen ? await readVstringFrom(wire) : (asked.checksumChoice ?? 'md5')
  const [first = '', second = first] = checksums.split(checksumOpen ? '\0' : ',')
  const checksum = settle(() => chosen('checksum', CHECKSUMS, first), 'md5')
  const listChecksum = settle(() => chosen('checksum', CHECKSUMS, second), checksum)
  const compressions = compressionOpen
    ? await readVstringFrom(wire)
    : (asked.compressChoice ?? 'zlib')
  const compression: Compression = !asked.compress
    ? 'none'
    : settle(() => chosen('compress', COMPRESSIONS, compressions), 'none')
  outgoing.bytes([seed & 0xff, (seed >> 8) & 0xff, (seed >> 16) & 0xff, seed >>> 24])
  outgoing.beginFrames()
  wire.incoming.beginFrames()
  return { protocol, bits, checksum, listChecksum, compression, seed }
}

/** The first of the client's names that we know. */
function chosen<Name extends string>(what: string, ours: readonly Name[], theirs: string): Name {
  for (const name of theirs.toLowerCase().split(' ')) {
    const known = ours.find((own) => own === (name === 'xxhash' ? 'xxh64' : name))
    if (known !== undefined) return known
  }
  throw new RsyncRefusal(
    `no common ${what}: this server knows ${ours.join(' ')}, the client ${show(theirs)}`,
    4,
  )
}

/** Never 0, which would mean that there is none. */
function seedOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true) || 1
}
