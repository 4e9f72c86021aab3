/** The Node side of native:signatures, by node:crypto (OpenSSL): code that is neither nettle nor ours. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { Signatures } from '../../src/host.ts'

/** What stands before a raw key in DER: SubjectPublicKeyInfo and PKCS #8 of Ed25519 (RFC 8410). */
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const SECRET_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

function exact(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length === length) return bytes
  throw new RangeError(`${what} has ${bytes.length} bytes; ${length} were expected`)
}

const secretKeyOf = (seed: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([SECRET_PREFIX, seed]), format: 'der', type: 'pkcs8' })

export const signatures: Signatures = {
  verify(publicKey, message, signature) {
    const raw = Buffer.concat([PUBLIC_PREFIX, exact(publicKey, 32, 'the public key')])
    const key = createPublicKey({ key: raw, format: 'der', type: 'spki' })
    return verify(null, message, key, exact(signature, 64, 'the signature'))
  },
  sign(secretKey, message) {
    const seed = exact(secretKey, 64, 'the secret key').subarray(0, 32)
    return new Uint8Array(sign(null, message, secretKeyOf(seed)))
  },
  publicKey(seed) {
    const key = createPublicKey(secretKeyOf(exact(seed, 32, 'the seed')))
    return new Uint8Array(
      key.export({ format: 'der', type: 'spki' }).subarray(PUBLIC_PREFIX.length),
    )
  },
}
