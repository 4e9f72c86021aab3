/**
 * One attempt to get from a connection to framed streams. The first attempt bets that the server
 * negotiates (rsync 3.2 and later) and sends everything in one packet; if the server does not, the
 * next attempt asks in the words of older servers.
 */
import { PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import type { Address } from './address.ts'
import { CAPABILITIES, type Compression, type Selection, serverArguments } from './arguments.ts'
import type { FileNames } from './file-names.ts'
import { PROTOCOL_MAX } from './greeting.ts'
import { shakeHands } from './handshake.ts'
import {
  type Agreement,
  CHECKSUMS,
  COMPRESSIONS,
  type NegotiationOffer,
  NoNegotiation,
  negotiate,
  offerLists,
  type TransferChecksum,
} from './negotiation.ts'
import type { Wire } from './wire.ts'

/** What an attempt asks for. */
export interface Attempt {
  /** Our lists go out before the server has said that it reads them. */
  early: boolean
  /** What is negotiated; undefined: `fixed` is what it will be. */
  compressions: readonly Compression[] | undefined
  fixed: Compression
}

interface AttemptOptions {
  address: Address
  selection: Selection
  compression: Compression | 'auto'
  compressLevel?: number
  timeoutMs: number
  protocol?: number
  checksums?: readonly TransferChecksum[]
  capabilities?: string
}

/** The first attempt. */
export function attempts({ compression }: AttemptOptions): Attempt {
  const early = true
  if (compression === 'none') return { early, compressions: undefined, fixed: 'none' }
  const compressions = compression === 'auto' ? COMPRESSIONS : [compression]
  return { early, compressions, fixed: 'none' }
}

/** What is left to try with a server that negotiates nothing. */
function fallBack(
  { compression }: AttemptOptions,
  attempt: Attempt,
  greeting: { protocol: number; digests: string[] },
): Attempt {
  if (compression === 'zstd') {
    throw new PeerError('zstd compression, which the daemon does not offer', 'refused')
  }
  // Protocol 31 knows zlibx by name. A daemon with a list of digests would negotiate, if it allowed us to compress.
  const zlibx = greeting.protocol >= 31 && greeting.digests.length === 0 && attempt.early
  if (compression === 'zlibx' && !zlibx) {
    throw new PeerError('zlibx compression, which the daemon does not offer', 'refused')
  }
  const fixed = compression === 'none' || !zlibx ? 'none' : 'zlibx'
  return { early: false, compressions: undefined, fixed }
}

/** Gives what was agreed, or the attempt to make on a new connection. */
export async function open(
  wire: Wire,
  given: {
    modules: Pick<Host, 'checksums' | 'clock'>
    options: AttemptOptions
    attempt: Attempt
    names: FileNames | undefined
  },
): Promise<Agreement | Attempt> {
  const { modules, options, attempt, names } = given
  const { outgoing, incoming } = wire
  const protocol = options.protocol ?? PROTOCOL_MAX
  const timeoutSeconds = Math.ceil(options.timeoutMs / 1000)
  wire.patience.deadlineMs = modules.clock.monotonicMs() + options.timeoutMs
  const offer: NegotiationOffer = {
    protocol,
    checksums: options.checksums ?? CHECKSUMS,
    compressions: attempt.compressions,
    fixedCompression: attempt.fixed,
  }
  const answer = (negotiates: boolean, agreed = protocol) => {
    if (negotiates) offerLists(wire, offer)
    outgoing.beginFrames()
    // No filter rules.
    outgoing.bytes([0, 0, 0, 0])
    // Protocol 30 has the names outside the frames.
    if (names && agreed < 31) outgoing.endFrames()
    names?.sendEarly(outgoing)
    if (names?.done) outgoing.beginFrames()
  }
  const greeting = await shakeHands(wire, {
    address: options.address,
    checksums: modules.checksums,
    protocol,
    proceed: () => {
      for (const word of argumentsOf(options, attempt, timeoutSeconds)) outgoing.text(word, 0)
      outgoing.bytes([0])
      if (attempt.early) answer(true)
    },
  })
  const agreed = greeting.protocol
  // We have lost the bet on the framing of the names.
  if (names && attempt.early && agreed < 31 && protocol >= 31) return { ...attempt, early: false }
  try {
    const agreement = await negotiate(wire, { ...offer, protocol: agreed }, attempt.early, (yes) =>
      answer(yes, agreed),
    )
    incoming.beginFrames()
    wire.patience.deadlineMs = Number.POSITIVE_INFINITY
    // Everything asked for so far has come.
    wire.patience.worked(1)
    if (agreement.protocol >= 31) wire.keepAliveMs = timeoutSeconds * 500
    return agreement
  } catch (error) {
    if (!(error instanceof NoNegotiation)) throw error
    return fallBack(options, attempt, greeting)
  }
}

function argumentsOf(options: AttemptOptions, attempt: Attempt, timeoutSeconds: number): string[] {
  return serverArguments({
    module: options.address.module,
    selection: options.selection,
    compression: attempt.compressions ? 'negotiate' : attempt.fixed === 'zlibx' ? 'zlibx' : 'none',
    compressLevel: options.compressLevel,
    timeoutSeconds,
    capabilities: options.capabilities ?? CAPABILITIES,
  })
}
