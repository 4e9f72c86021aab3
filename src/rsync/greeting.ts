/**
 * What both sides of a daemon's handshake have in common: the greeting, lines of text, and the answer to a
 * password's challenge. It must never show a password.
 */
import { PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import { arrayOfBytes } from '../text.ts'
import { WEAK_DIGESTS, type WeakDigest } from './address.ts'
import type { Wire } from './wire.ts'

/** The newest protocol that we speak, and the oldest. */
export const PROTOCOL_MAX = 32
export const PROTOCOL_MIN = 30
/**
 * In stock order: daemons of rsync 3.5.0 choose by their own order, older ones by the client's. MD4, which
 * stock offers last, is too weak for a password whatever the operator says.
 */
const STRONG_DIGESTS = ['sha512', 'sha256'] as const
const NEWLINE = 10

export type PasswordDigest = WeakDigest | (typeof STRONG_DIGESTS)[number]

/** Those that may answer for a password, where the weak ones are allowed by name. */
export function passwordDigests(weak: readonly WeakDigest[]): readonly PasswordDigest[] {
  return [...STRONG_DIGESTS, ...WEAK_DIGESTS.filter((digest) => weak.includes(digest))]
}

export function greetingOf(protocol: number, digests: readonly PasswordDigest[]): string {
  return `@RSYNCD: ${protocol}.0 ${digests.join(' ')}\n`
}

interface GreetingFields {
  /** As it counts: a pre-release speaks its predecessor's protocol. */
  protocol: number
  hasSubprotocol: boolean
  digests: string[]
}

/** What a greeting says; undefined if it is none. `ours`: the protocol that we announce. */
export function greetingFields(line: string, ours: number): GreetingFields | undefined {
  const match = /^@RSYNCD: ([0-9]{1,4})(?:\.([0-9]{1,4}))?(?: (.*))?$/.exec(line)
  if (!match) return undefined
  let protocol = Number(match[1])
  if (match[2] !== undefined && match[2] !== '0' && protocol <= ours) protocol--
  return {
    protocol,
    hasSubprotocol: match[2] !== undefined,
    digests: (match[3] ?? '').split(' ').filter(Boolean),
  }
}

/** What proves that somebody knows a password: `base64(H(password || challenge))`. */
export function passwordProof(
  checksums: Host['checksums'],
  digest: PasswordDigest,
  password: string,
  challenge: string,
): string {
  return base64(checksums.hash(digest, arrayOfBytes(password + challenge)))
}

/** Without padding, as rsync writes it. */
export function base64(bytes: Uint8Array): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 6; ) {
      bits -= 6
      text += digits[(held >> bits) & 63]
    }
    held &= (1 << bits) - 1
  }
  return bits > 0 ? text + digits[(held << (6 - bits)) & 63] : text
}

/** One line without its end; waits for it. */
export async function readLine(wire: Wire, lengthMax: number): Promise<string> {
  const line = await readText(wire, NEWLINE, lengthMax)
  return line.replace(/\r/g, '')
}

/** The bytes before the next `end`, a byte string; waits for it. */
export async function readText(wire: Wire, terminator: number, lengthMax: number): Promise<string> {
  const { incoming } = wire
  for (;;) {
    const { buffer, start, end } = incoming
    const at = buffer.subarray(start, end).indexOf(terminator)
    if (at > lengthMax || (at < 0 && end - start > lengthMax)) {
      const what = terminator === NEWLINE ? 'a line' : 'a text'
      throw new PeerError(`${what} of more than ${lengthMax} bytes`, 'broken')
    }
    if (at >= 0) {
      incoming.start = start + at + 1
      let text = ''
      for (let i = start; i < start + at; i++) text += String.fromCharCode(buffer[i] as number)
      return text
    }
    await wire.wait()
  }
}
