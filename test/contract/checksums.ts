/** What native:checksums promises, for any host. Runs in Node and in QuickJS: no Node types here. */
import type { Algorithm } from 'native:checksums'
import * as assert from 'uvu/assert'
import { isSystemError } from '../../src/errors.ts'
import type { Host, Path } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { suite } from '../support/suite.ts'
import { join, randomBytes, toHex } from './sample-bytes.ts'

/** Of "abc", from the specifications and the libraries' own programs. */
const ofAbc: Record<Algorithm, string> = {
  xxh64: '990977adf52cbc44',
  xxh3: '50392f89945faf78',
  xxh128: '50392f89945faf7885613a73b65ab006',
  md4: 'a448017aaf21d8525fc10ae87aa6729d',
  md5: '900150983cd24fb0d6963f7d28e17f72',
  sha1: 'a9993e364706816aba3e25717850c26c9cd0d89d',
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  sha512:
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
}
const algorithms = Object.keys(ofAbc) as Algorithm[]

/** SHA-256 over the hashes of 400 lengths, as OpenSSL, xxHash and hash-wasm make them. */
const ofManyLengths: Record<Algorithm, string> = {
  xxh64: '491dceb98ac38bf67ec38263f613e28b910459aa6c5763dd10d9c11df63dde81',
  xxh3: 'c06cddc51b87c533bfc8f33514ca68032316d56c12eea5031cb19dd6ef806c0b',
  xxh128: '3e000ded52052991b7b2c0073a5a804e874e4dd5993374149bb2e82236d5c090',
  md4: '70969eaabf8b0bd3dcfac0f29aac81c08974025dd7a3d509c337e666dccb42f3',
  md5: '311db1dcf50e90925e752ab45228382fe2ca4a0002e94b46fa2c608f2020e877',
  sha1: 'e1ee6782f734aaf71d024c89177b732db6c64d010cee64630c60c4b6f353e71d',
  sha256: '8317cd673495e589dcf5b76f97e482805df490905c6e3006f131a15b775efaf0',
  sha512: '53e31e95a5e5947bf46f0ed1b144b8aeb52011e9a8b9f8baa62bf93cf59a7f95',
}

export function checksumsContract(name: string, host: Host, scratch: Path): void {
  const { checksums, files } = host
  const test = suite(name)
  const root = files.openRoot(scratch)

  for (const algorithm of algorithms) {
    test(`${algorithm} of "abc"`, () => {
      assert.is(toHex(checksums.hash(algorithm, arrayOfBytes('abc'))), ofAbc[algorithm])
    })

    test(`${algorithm} of every length up to 400`, () => {
      const bytes = randomBytes(400, 1)
      let all = new Uint8Array(0)
      for (let length = 0; length <= 400; length++) {
        all = join(all, checksums.hash(algorithm, bytes.subarray(0, length))) as typeof all
      }
      assert.is(toHex(checksums.hash('sha256', all)), ofManyLengths[algorithm])
    })
  }

  test('a window into a larger buffer', () => {
    const window = arrayOfBytes('xxabcxx').subarray(2, 5)
    assert.is(toHex(checksums.hash('md5', window)), ofAbc.md5)
  })

  test('an unknown hash', () => {
    assert.throws(() => checksums.hash('crc32' as Algorithm, new Uint8Array(1)), /crc32/)
  })

  test('the digest of a file, from its start, up to the limit and not past it', () => {
    const bytes = randomBytes(600_000, 2)
    const fd = files.createFile(root, 'content', 0o600)
    files.write(fd, bytes, 0, bytes.length)
    const expected = { digest: toHex(checksums.hash('sha256', bytes)), size: bytes.length }
    assert.equal(checksums.digestFile(fd, Number.MAX_SAFE_INTEGER), expected)
    assert.equal(checksums.digestFile(fd, Number.POSITIVE_INFINITY), expected)
    assert.equal(checksums.digestFile(fd, bytes.length), expected)
    for (const sizeMax of [bytes.length - 1, 1, 0]) {
      assert.throws(
        () => checksums.digestFile(fd, sizeMax),
        (error: unknown) => isSystemError(error, 'EFBIG'),
      )
    }
    files.close(fd)
    files.removeFile(root, 'content')
  })

  test('the digest of an empty file', () => {
    const fd = files.createFile(root, 'empty', 0o600)
    const digest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    assert.equal(checksums.digestFile(fd, 0), { digest, size: 0 })
    files.close(fd)
    files.removeFile(root, 'empty')
  })

  test('a handle that is none', () => {
    assert.throws(
      () => checksums.digestFile(999, 10),
      (error: unknown) => isSystemError(error, 'EBADF'),
    )
  })

  test.run()
}
