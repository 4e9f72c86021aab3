/**
 * What native:sending promises about files, for any host: what it makes of a file and a client's block sums, the
 * Rebuilder of native:delta turns back into the file. Runs in Node and in QuickJS: no Node types here.
 */
import type { Algorithm } from 'native:checksums'
import type { Compression, SumHead } from 'native:delta'
import * as assert from 'uvu/assert'
import type { Fd, Host, Path } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { suite } from '../support/suite.ts'
import { Kit } from './kit.ts'
import { fromHex, join, randomBytes, toHex } from './sample-bytes.ts'

const compressions: Compression[] = ['none', 'zlibx', 'zstd']
const noBasis: SumHead = { count: 0, blockLength: 0, strongLength: 0, remainder: 0 }

/** The head of a basis of this length. */
const headOf = (length: number, blockLength: number, strongLength: number): SumHead => ({
  count: Math.ceil(length / blockLength),
  blockLength,
  strongLength,
  remainder: length % blockLength,
})

interface Sent {
  content: Uint8Array
  basis?: Uint8Array
  head?: SumHead
  algorithm?: Algorithm
  seed?: number
  inPlace?: boolean
  append?: 'tail' | 'whole'
  size?: number
}

const hexOf = (sent: { stream: Uint8Array } | undefined) => sent && toHex(sent.stream)

const isTokenError = (error: unknown) =>
  error instanceof Error && error.name === 'TokenError' && error.message.length > 10

export function sendingContract(name: string, host: Host, scratch: Path): void {
  const { sending, delta, checksums, files } = host
  const kit = new Kit(host, scratch)
  const directory = kit.fresh()
  const test = suite(name)
  let made = 0

  function file(content: Uint8Array = new Uint8Array(0)): Fd {
    const fd = files.createFile(directory, `file-${made++}`, 0o600)
    files.write(fd, content, 0, content.length)
    return fd
  }

  function open(compression: Compression, algorithm: Algorithm = 'md5', seed = 1) {
    return sending.openSender({ compression, algorithm, seed, seedFirst: true })
  }

  /** All that comes of a file, in pieces of `pieceLength`. */
  function drain(sender: object, pieceLength = 100_000): Uint8Array {
    const parts: Uint8Array[] = []
    const buffer = new Uint8Array(pieceLength)
    while (!sending.sendingEnded(sender)) {
      const length = sending.produce(sender, buffer, 0, buffer.length)
      parts.push(buffer.slice(0, length))
    }
    return join(...parts)
  }

  /** Sends one file with an open sender; the stream without its sum, the sum, and what was found. */
  function send(sender: object, sent: Sent, pieceLength?: number) {
    const { content, basis, head = noBasis, algorithm = 'md5', seed = 1, append } = sent
    sending.beginSums(sender, head, append)
    if (basis && !append) {
      const fd = file(basis)
      const sums = delta.blockSums(fd, head, 0, head.count, algorithm, seed)
      files.close(fd)
      const extra = join(sums, [1, 2, 3])
      assert.is(sending.feedSums(sender, extra, 0, extra.length), sums.length)
    }
    assert.ok(sending.sumsComplete(sender))
    const source = file(content)
    const { inPlace = false, size = content.length } = sent
    sending.beginSending(sender, { source, size, inPlace })
    const bytes = drain(sender, pieceLength)
    const result = sending.finishSending(sender)
    files.close(source)
    const sumLength = checksums.hash(algorithm, new Uint8Array(0)).length
    const at = bytes.length - sumLength
    return { stream: bytes.subarray(0, at), sum: bytes.subarray(at), ...result }
  }

  /** What a rebuilder makes of a stream. */
  function rebuild(rebuilder: object, stream: Uint8Array, { basis, head = noBasis }: Sent) {
    const target = file()
    const basisFd = basis && file(basis)
    delta.beginFile(rebuilder, { head, basis: basisFd, target, sizeMax: 1e9 })
    assert.is(delta.feed(rebuilder, stream, 0, stream.length), stream.length)
    assert.ok(delta.ended(rebuilder))
    const result = delta.finishFile(rebuilder)
    const content = new Uint8Array(result.size)
    files.read(target, content, 0, content.length, 0)
    files.close(target)
    if (basisFd !== undefined) files.close(basisFd)
    return { ...result, content }
  }

  /** Sends and rebuilds: the content comes out, and its sum. */
  function bothWays(compression: Compression, list: Sent[], pieceLength?: number) {
    const { algorithm = 'md5' } = list[0] ?? {}
    const sender = open(compression, algorithm)
    const rebuilder = delta.openRebuilder(compression, algorithm)
    const results = list.map((sent) => {
      const { stream, sum, literal, matched, readError } = send(sender, sent, pieceLength)
      const rebuilt = rebuild(rebuilder, stream, sent)
      assert.is(toHex(rebuilt.content), toHex(sent.content))
      assert.is(toHex(sum), toHex(checksums.hash(algorithm, sent.content)))
      assert.is(readError, undefined)
      assert.is(literal, rebuilt.literal)
      assert.is(literal + matched, sent.content.length)
      return { stream, literal, matched }
    })
    sending.closeSender(sender)
    delta.closeRebuilder(rebuilder)
    return results
  }

  /** A basis and a file that was made from it by moving, changing and leaving out pieces. */
  function edited(seed: number, length: number): { basis: Uint8Array; content: Uint8Array } {
    const basis = randomBytes(length, seed)
    const third = Math.floor(length / 3)
    const content = join(
      basis.subarray(third, 2 * third),
      randomBytes(1 + (seed % 977), seed + 1),
      basis.subarray(0, third),
      basis.subarray(2 * third + 5),
    )
    return { basis, content }
  }

  for (const compression of compressions) {
    test(`${compression}: whole files, one after the other`, () => {
      const lengths = [0, 1, 700, 32768, 32769, 150_000]
      const list = lengths.map((length) => ({ content: randomBytes(length, length + 1) }))
      for (const { literal, stream } of bothWays(compression, list)) {
        assert.ok(stream.length <= literal * 1.01 + 100)
      }
    })

    test(`${compression}: pieces of any length`, () => {
      const { basis, content } = edited(5, 9000)
      const sent = { basis, content, head: headOf(9000, 700, 2) }
      const [whole] = bothWays(compression, [sent])
      for (const length of [1, 3, 17, 4000]) {
        const [cut] = bothWays(compression, [sent], length)
        assert.is(hexOf(cut), hexOf(whole))
      }
    })

    test(`${compression}: what moved is found, what is new is sent`, () => {
      for (const [seed, length] of [
        [1, 5000],
        [2, 70_001],
        [3, 300_000],
        [4, 2100],
      ] as const) {
        const { basis, content } = edited(seed, length)
        const list = [{ basis, content, head: headOf(length, 700, 3) }, { content }]
        const [first] = bothWays(compression, list)
        // Each seam costs a block on either side at most.
        assert.ok((first?.literal ?? 1e9) < 1000 + 4 * 2 * 700)
      }
    })

    test(`${compression}: an unchanged file is one run of blocks`, () => {
      const basis = randomBytes(200_123, 9)
      const [sent] = bothWays(compression, [
        { basis, content: basis, head: headOf(200_123, 700, 2) },
      ])
      assert.is(sent?.literal, 0)
      if (compression !== 'none') assert.is(hexOf(sent), 'c01d0100')
    })
  }

  test('the example of the protocol, byte for byte', () => {
    const sender = open('none')
    const basis = arrayOfBytes('AAAAAAAABBBBBBBBCCCC\n')
    const content = arrayOfBytes('AAAAAAAAxBBBBBBBBCCCC\n')
    const head = { count: 3, blockLength: 8, strongLength: 2, remainder: 5 }
    const { stream, sum } = send(sender, { basis, content, head })
    assert.is(toHex(stream), toHex(fromHex('ffffffff 01000000 78 feffffff fdffffff 00000000')))
    assert.is(toHex(sum), 'c02c3fa763e425996204c434cb43e68c')
    sending.closeSender(sender)
  })

  test('made bytes are a source as well', () => {
    const sender = open('none')
    sending.beginSums(sender, noBasis)
    sending.beginSending(sender, { source: arrayOfBytes('42\n'), size: 3, inPlace: false })
    assert.is(toHex(drain(sender).subarray(0, 11)), '0300000034320a00000000')
    assert.equal(sending.finishSending(sender), { literal: 3, matched: 0, readError: undefined })
    sending.closeSender(sender)
  })

  test('a client that overwrites its basis gets only blocks that it still has', () => {
    const blocks = [1, 2, 3, 4, 5, 6].map((seed) => randomBytes(700, seed))
    const pick = (...numbers: number[]) => join(...numbers.map((i) => blocks[i] ?? []))
    const basis = pick(0, 1, 2, 3, 4, 5)
    const content = pick(2, 1, 0, 5, 4, 3)
    const sender = open('none')
    const head = headOf(basis.length, 700, 4)
    // The second and the fifth stay where they are; the third and the sixth moved towards the front.
    assert.is(send(sender, { basis, content, head, inPlace: true }).matched, 4 * 700)
    assert.is(send(sender, { basis, content, head }).matched, 6 * 700)
    sending.closeSender(sender)
  })

  test('what is there already is appended to, and the sum is of the rest or of all', () => {
    const content = randomBytes(5000, 7)
    const head = headOf(3000, 700, 2)
    for (const append of ['tail', 'whole'] as const) {
      const sender = open('none')
      const { stream, sum, literal } = send(sender, { content, head, append })
      assert.is(literal, 2000)
      assert.is(toHex(stream), toHex(join([0xd0, 7, 0, 0], content.subarray(3000), [0, 0, 0, 0])))
      const summed = append === 'tail' ? content.subarray(3000) : content
      assert.is(toHex(sum), toHex(checksums.hash('md5', summed)))
      sending.closeSender(sender)
    }
  })

  test('a file that became shorter is filled with zeros, and its sum is wrong', () => {
    const sender = open('none')
    const content = randomBytes(1000, 3)
    const { stream, sum, readError } = send(sender, { content, size: 1200 })
    assert.is(readError, 'ENODATA')
    assert.is(stream.length, 4 + 1200 + 4)
    assert.is(toHex(stream.subarray(4, 1204)), toHex(join(content, new Uint8Array(200))))
    assert.is(toHex(sum), '00'.repeat(16))
    // The next file is none the worse.
    assert.is(send(sender, { content }).readError, undefined)
    sending.closeSender(sender)
  })

  test('impossible heads are refused, and calls out of order', () => {
    const sender = open('none')
    const wrong: SumHead[] = [
      { count: -1, blockLength: 700, strongLength: 2, remainder: 0 },
      { count: 1, blockLength: 0, strongLength: 2, remainder: 0 },
      { count: 1, blockLength: 131073, strongLength: 2, remainder: 0 },
      { count: 1, blockLength: 700, strongLength: 17, remainder: 0 },
      { count: 1, blockLength: 700, strongLength: 2, remainder: 701 },
    ]
    for (const head of wrong) assert.throws(() => sending.beginSums(sender, head), isTokenError)
    const source = new Uint8Array(0)
    const begin = () => sending.beginSending(sender, { source, size: 0, inPlace: false })
    assert.throws(begin, 'no sums were begun')
    sending.beginSums(sender, { count: 1, blockLength: 700, strongLength: 2, remainder: 0 })
    assert.not(sending.sumsComplete(sender))
    assert.throws(begin, 'the sums are not complete')
    assert.is(sending.feedSums(sender, new Uint8Array(8), 1, 7), 6)
    sending.dropSums(sender)
    sending.beginSums(sender, noBasis)
    begin()
    assert.throws(() => sending.beginSums(sender, noBasis), 'the last file is not finished')
    sending.closeSender(sender)
    assert.throws(() => sending.sendingEnded(sender), 'no open sender')
  })

  test('the seed is behind the block for an old client', () => {
    const basis = randomBytes(700, 8)
    const strong = checksums.hash('md5', join(basis, [1, 0, 0, 0]))
    const fd = file(basis)
    const head = headOf(700, 700, 16)
    const weak = delta.blockSums(fd, head, 0, 1, 'md5', 1).subarray(0, 4)
    files.close(fd)
    const sums = join(weak, strong)
    const sender = sending.openSender({
      compression: 'none',
      algorithm: 'md5',
      seed: 1,
      seedFirst: false,
    })
    sending.beginSums(sender, head)
    assert.is(sending.feedSums(sender, sums, 0, sums.length), sums.length)
    sending.beginSending(sender, { source: basis, size: 700, inPlace: false })
    drain(sender)
    assert.is(sending.finishSending(sender).matched, 700)
    sending.closeSender(sender)
  })

  test.run()
}
