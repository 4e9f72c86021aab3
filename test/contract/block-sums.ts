/** What native:delta promises about block sums, for any host. Runs in Node and in QuickJS: no Node types here. */
import type { SumHead } from 'native:delta'
import * as assert from 'uvu/assert'
import type { Fd, Host, Path } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { suite } from '../support/suite.ts'
import { fails, Kit } from './kit.ts'
import { join, randomBytes, toHex } from './sample-bytes.ts'
import { int32 } from './token-streams.ts'

/** The example of the protocol's description, as rsync 3.5.0 sent it; the seed was 1. */
const exampleBasis = arrayOfBytes('AAAAAAAABBBBBBBBCCCC\n')
const exampleHead = { count: 3, blockLength: 8, strongLength: 2, remainder: 5 }
const exampleSums = '0802240938281002480955791601b4032d83'

const isTokenError = (error: unknown) =>
  error instanceof Error && error.name === 'TokenError' && error.message.length > 10

export function headOf(content: Uint8Array, blockLength: number): SumHead {
  const count = Math.ceil(content.length / blockLength)
  return { count, blockLength, strongLength: 2, remainder: content.length % blockLength }
}

export function blockSumsContract(name: string, host: Host, scratch: Path): void {
  const { delta, checksums, files } = host
  const directory = new Kit(host, scratch).fresh()
  const test = suite(name)
  let made = 0

  /** A new open file with this content. */
  function file(content: Uint8Array): Fd {
    const fd = files.createFile(directory, `file-${made++}`, 0o600)
    files.write(fd, content, 0, content.length)
    return fd
  }

  test('block sums of the example', () => {
    const basis = file(exampleBasis)
    const head = exampleHead
    const sums = exampleSums
    assert.is(toHex(delta.blockSums(basis, head, 0, 3, 'md5', 1)), sums)
    assert.is(toHex(delta.blockSums(basis, head, 1, 2, 'md5', 1)), sums.slice(12))
    assert.is(toHex(delta.blockSums(basis, head, 1, 1, 'md5', 1)), sums.slice(12, 24))
    assert.is(toHex(delta.blockSums(basis, head, 3, 0, 'md5', 1)), '')
  })

  test('weak sums of many lengths are those of the definition', () => {
    const content = randomBytes(70_000, 3)
    const basis = file(content)
    for (const blockLength of [1, 2, 63, 64, 65, 127, 700, 4096, 65_000, 131_072]) {
      const head = { ...headOf(content, blockLength), strongLength: 0 }
      const count = Math.min(head.count, 40)
      const sums = delta.blockSums(basis, head, head.count - count, count, 'md5', 1)
      const view = new DataView(sums.buffer, sums.byteOffset)
      assert.is(sums.length, 4 * count)
      for (let i = 0; i < count; i++) {
        const start = (head.count - count + i) * blockLength
        let [first, second] = [0, 0]
        for (const byte of new Int8Array(content.slice(start, start + blockLength).buffer)) {
          first = (first + byte) & 0xffff
          second = (second + first) & 0xffff
        }
        assert.is(view.getUint32(4 * i, true), ((second << 16) | first) >>> 0, `${blockLength}`)
      }
    }
  })

  test('strong sums: seed first but for md4, none where it is 0, negative ones', () => {
    const content = randomBytes(1000, 4)
    const basis = file(content)
    for (const seed of [0, 1, -5, 0x7fffffff]) {
      for (const algorithm of ['md5', 'md4', 'sha1'] as const) {
        const strongLength = algorithm === 'sha1' ? 20 : 16
        const head = { count: 1, blockLength: 1000, strongLength, remainder: 0 }
        const seedBytes = new Uint8Array(seed === 0 ? [] : int32(seed))
        const whole = algorithm === 'md4' ? join(content, seedBytes) : join(seedBytes, content)
        const sums = delta.blockSums(basis, head, 0, 1, algorithm, seed)
        assert.is(toHex(sums.subarray(4)), toHex(checksums.hash(algorithm, whole)))
      }
    }
  })

  test('xxh strong sums take the seed sign-extended', () => {
    const basis = file(arrayOfBytes('the quick brown fox'))
    const expected = {
      xxh64: '85cd04ca30720651',
      xxh3: '6f68e6f3aed32e8a',
      xxh128: '02c4ca6229f0f76d673ab540de986242',
    }
    for (const [algorithm, sum] of Object.entries(expected)) {
      const strongLength = algorithm === 'xxh128' ? 16 : 8
      const head = { count: 1, blockLength: 700, strongLength, remainder: 19 }
      const sums = delta.blockSums(basis, head, 0, 1, algorithm as 'xxh64', -5)
      assert.is(toHex(sums.subarray(4)), sum)
      const plain = delta.blockSums(basis, head, 0, 1, algorithm as 'xxh64', 0).subarray(4)
      const hash = checksums.hash(algorithm as 'xxh64', arrayOfBytes('the quick brown fox'))
      assert.is(toHex(plain), toHex(hash))
    }
  })

  test('a basis that shrank counts as zeros', () => {
    const head = { count: 3, blockLength: 8, strongLength: 0, remainder: 0 }
    const sums = delta.blockSums(file(arrayOfBytes('AAAAAAAA')), head, 0, 3, 'md5', 1)
    assert.is(toHex(sums), '080224090000000000000000')
  })

  /**
   * A long basis is read in pieces, and the content of one must not be taken for the next one's.
   */
  test('where a long basis shrank, nothing of what was read before it is summed again', () => {
    const blockLength = 64 * 1024
    const head = { count: 8, blockLength, strongLength: 16, remainder: 0 }
    const sums = delta.blockSums(file(randomBytes(4 * blockLength, 5)), head, 0, 8, 'md5', 0)
    const zeros = toHex(checksums.hash('md5', new Uint8Array(blockLength)))
    for (let block = 4; block < 8; block++) {
      assert.is(toHex(sums.subarray(20 * block, 20 * block + 20)), `00000000${zeros}`)
    }
  })

  test('a block that a basis has no longer is an error of the disk', () => {
    const rebuilder = delta.openRebuilder('none', 'md5')
    const [basis, target] = [file(arrayOfBytes('AAAAAAAABBB')), file(new Uint8Array(0))]
    delta.beginFile(rebuilder, { head: exampleHead, basis, target, sizeMax: 100 })
    const second = arrayOfBytes('\xfe\xff\xff\xff')
    fails('EIO', () => delta.feed(rebuilder, second, 0, second.length))
    delta.closeRebuilder(rebuilder)
  })

  test('blocks and lengths that do not exist', () => {
    const basis = file(exampleBasis)
    const sums = (first: number, count: number, change: Partial<SumHead> = {}) =>
      delta.blockSums(basis, { ...exampleHead, ...change }, first, count, 'xxh64', 1)
    assert.throws(() => sums(0, 4), RangeError)
    assert.throws(() => sums(3, 1), RangeError)
    assert.throws(() => sums(-1, 1), RangeError)
    assert.throws(() => sums(2 ** 40, 1), RangeError)
    assert.throws(() => sums(0, 1, { strongLength: 9 }), RangeError)
    assert.throws(() => sums(0, 1, { blockLength: 0, remainder: 0 }), isTokenError)
    assert.throws(() => sums(0, 1, { blockLength: 131_073 }), isTokenError)
    assert.throws(() => sums(0, 1, { remainder: 9 }), isTokenError)
    assert.throws(() => sums(0, 1, { count: 2 ** 31 }), isTokenError)
    assert.throws(() => sums(0, 1, { count: -1 }), isTokenError)
  })

  test.run()
}
