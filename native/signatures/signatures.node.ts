/**
 * The Node side of native:signatures, for the tests, the debugger and the emulator, on tweetnacl: code
 * that is neither nettle nor ours, and that runs wherever JavaScript does.
 */
import nacl from 'tweetnacl'
import type { Signatures } from '../../src/host.ts'

/** The order of the group, lowest byte first. */
const ORDER = [
  0xed,
  0xd3,
  0xf5,
  0x5c,
  0x1a,
  0x63,
  0x12,
  0x58,
  0xd6,
  0x9c,
  0xf7,
  0xa2,
  0xde,
  0xf9,
  0xde,
  0x14,
  ...new Array(15).fill(0),
  0x10,
]

function exact(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length === length) return bytes
  throw new RangeError(`${what} has ${bytes.length} bytes; ${length} were expected`)
}

/** RFC 8032 allows one spelling of a signature; tweetnacl would also take its scalar with the order added. */
function isReduced(scalar: Uint8Array): boolean {
  for (let at = ORDER.length - 1; at >= 0; at--) {
    if (scalar[at] !== ORDER[at]) return (scalar[at] as number) < ORDER[at]
  }
  return false
}

export const signatures: Signatures = {
  verify(publicKey, message, signature) {
    exact(publicKey, 32, 'the public key')
    if (!isReduced(exact(signature, 64, 'the signature').subarray(32))) return false
    return nacl.sign.detached.verify(message, signature, publicKey)
  },
  sign: (secretKey, message) => nacl.sign.detached(message, exact(secretKey, 64, 'the secret key')),
  publicKey: (seed) => nacl.sign.keyPair.fromSeed(exact(seed, 32, 'the seed')).publicKey,
}
