/**
 * The text lines before the framed protocol: greetings, module, password, arguments. Everything that
 * needs no answer goes out in the first packet: a daemon reads byte by byte here, so what comes early
 * waits for it. It must never show the password, nor send it in the clear.
 */
import { PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import { show } from '../text.ts'
import { type Address, WEAK_DIGESTS } from './address.ts'
import {
  greetingFields,
  greetingOf,
  type PasswordDigest,
  PROTOCOL_MIN,
  passwordDigests,
  passwordProof,
  readLine,
} from './greeting.ts'
import type { Wire } from './wire.ts'

/** Longest line of a daemon, as stock clients take it (bytes). */
const LINE_LENGTH_MAX = 5120
/** A message of the day is a few lines; we skip this much before giving up (bytes). */
const GREETING_TEXT_MAX = 64 * 1024

interface Greeting {
  /** The smaller of both sides' protocols. */
  protocol: number
  digests: string[]
}

/** If there is no password to send, the greeting of stock clients. */
export function greetingLine(protocol: number, address?: Address): string {
  return greetingOf(protocol, digestsFor(address))
}

function digestsFor(address: Address | undefined): readonly PasswordDigest[] {
  return passwordDigests(
    address?.password === undefined ? WEAK_DIGESTS : (address.weakDigests ?? []),
  )
}

/** Reads a daemon's greeting; refuses anything else, and protocols before 30. */
export function parseGreeting(line: string, ours: number): Greeting {
  const fields = greetingFields(line, ours)
  if (!fields) {
    throw new PeerError(
      `"${show(line.slice(0, 80))}" is not a greeting of an rsync daemon`,
      'broken',
    )
  }
  const { protocol, digests } = fields
  if (protocol < PROTOCOL_MIN) {
    throw new PeerError(
      `the daemon speaks protocol ${protocol}, but at least ${PROTOCOL_MIN} (rsync 3.0) is needed`,
      'refused',
      'install a newer rsync on the server',
    )
  }
  return { protocol: Math.min(protocol, ours), digests }
}

/** The answer to a password challenge: `user base64(H(password || challenge))`. */
export function passwordAnswer(
  checksums: Host['checksums'],
  address: Address,
  challenge: string,
  digests: string[],
): string {
  // A daemon without a list is older than 3.2.7, and means MD5 from protocol 30 on.
  const offered = digests.length > 0 ? digests : ['md5']
  const known = digestsFor(address).find((name) => offered.includes(name))
  if (known === undefined) {
    throw new PeerError(
      `it knows only ${show(offered.join(', '))} to check a password, which reveals too much of it`,
      'refused',
      'install rsync 3.2.7 or a newer one on the server, or allow it: weak-password-digest[] = md5 in [transfer]',
    )
  }
  const proof = passwordProof(checksums, known, address.password ?? '', challenge)
  return `${address.user ?? 'nobody'} ${proof}\n`
}

interface HandshakeOptions {
  address: Address
  checksums: Host['checksums']
  /** The protocol that we announce. */
  protocol: number
  /** Sends what follows the module's acceptance: called once, as early as possible. */
  proceed(): void
}

/**
 * Goes through the lines up to the module's acceptance. With a password, what follows can't be sent
 * early: a daemon that asks for none would take the answer for an argument.
 */
export async function shakeHands(wire: Wire, options: HandshakeOptions): Promise<Greeting> {
  const { address, protocol } = options
  wire.phase = 'waiting for the greeting'
  wire.outgoing.text(greetingLine(protocol, address))
  wire.outgoing.text(`${address.module}\n`)
  let proceeded = address.password === undefined
  if (proceeded) options.proceed()
  wire.flush()
  const greeting = parseGreeting(await readLine(wire, LINE_LENGTH_MAX), protocol)
  wire.phase = 'asking for the module'
  for (let length = 0; length <= GREETING_TEXT_MAX; ) {
    const line = await readLine(wire, LINE_LENGTH_MAX)
    length += line.length + 1
    if (line === '@RSYNCD: OK') {
      if (!proceeded) options.proceed()
      wire.flush()
      return greeting
    }
    if (line.startsWith('@ERROR')) throw refusal(wire, line)
    if (line === '@RSYNCD: EXIT') throw wire.broken('the daemon ended the session', 'refused')
    if (line.startsWith('@RSYNCD: AUTHREQD ')) {
      if (address.password === undefined) throw passwordWanted(wire)
      wire.phase = 'sending the password'
      const challenge = line.slice('@RSYNCD: AUTHREQD '.length)
      wire.outgoing.text(passwordAnswer(options.checksums, address, challenge, greeting.digests))
      if (!proceeded) options.proceed()
      proceeded = true
      wire.flush()
    }
  }
  throw new PeerError(`more than ${GREETING_TEXT_MAX} bytes of greeting text`, 'broken')
}

function refusal(wire: Wire, line: string): PeerError {
  const words = show(line.replace(/^@ERROR:? ?/, ''))
  const kind = line.startsWith('@ERROR: Unknown module')
    ? 'absent'
    : line.startsWith('@ERROR: max connections')
      ? 'busy'
      : 'refused'
  const cure = line.includes('auth failed') ? 'check the user and the password' : undefined
  return new PeerError(`${wire.options.peer}: the daemon refuses: ${words}`, kind, cure)
}

function passwordWanted(wire: Wire): PeerError {
  return new PeerError(
    `${wire.options.peer}: the daemon asks for a password, and there is none`,
    'refused',
    'give the source a user and a password',
  )
}
