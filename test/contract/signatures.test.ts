/** native:signatures over Node, and node:crypto (OpenSSL) as the third opinion. */
import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto'
import * as assert from 'uvu/assert'
import { signatures } from '../../native/signatures/signatures.node.ts'
import { nodeHost } from '../support/host.ts'
import { test } from '../support/suite.ts'
import { signaturesContract } from './signatures.ts'

/** What comes before a raw key in DER: SubjectPublicKeyInfo and PKCS #8 of Ed25519 (RFC 8410). */
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const SECRET_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

signaturesContract('signatures over Node', nodeHost())

test('agrees with OpenSSL, both ways', () => {
  for (let length = 0; length < 300; length += 60) {
    const seed = randomBytes(32)
    const message = randomBytes(length)
    const pkcs8 = Buffer.concat([SECRET_PREFIX, seed])
    const secret = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    const spki = Buffer.from(createPublicKey(secret).export({ format: 'der', type: 'spki' }))
    const publicKey = new Uint8Array(spki.subarray(PUBLIC_PREFIX.length))
    assert.equal(signatures.publicKey(seed), publicKey)
    const signature = signatures.sign(new Uint8Array([...seed, ...publicKey]), message)
    assert.equal(signature, new Uint8Array(sign(null, message, secret)))
    assert.ok(verify(null, message, createPublicKey(secret), signature))
    assert.ok(signatures.verify(publicKey, message, signature))
  }
})

test.run()
