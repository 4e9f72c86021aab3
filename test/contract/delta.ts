/**
 * What native:delta promises about rebuilding, for any host; block sums and the file list have their
 * own files. Runs in Node and in QuickJS: no Node types here.
 */
import type { Compression, SumHead } from 'native:delta'
import * as assert from 'uvu/assert'
import type { Fd, Host, Path } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { suite } from '../support/suite.ts'
import { blockSumsContract, headOf } from './block-sums.ts'
import { Kit } from './kit.ts'
import {
  fromHex,
  join,
  randomBytes,
  randomNumbers,
  text,
  textDeflate,
  textZstd,
  toHex,
} from './sample-bytes.ts'
import { int32, type Part, pieces, TokenEncoder } from './token-streams.ts'

const compressions: Compression[] = ['none', 'zlibx', 'zstd']
const noBasis: SumHead = { count: 0, blockLength: 0, strongLength: 0, remainder: 0 }

/** The example of the protocol's description, as rsync 3.5.0 sent it. */
const example = {
  basis: arrayOfBytes('AAAAAAAABBBBBBBBCCCC\n'),
  target: arrayOfBytes('AAAAAAAAxBBBBBBBBCCCC\n'),
  head: { count: 3, blockLength: 8, strongLength: 2, remainder: 5 },
  md5: 'c02c3fa763e425996204c434cb43e68c',
  streams: {
    none: fromHex('ffffffff 01000000 78 feffffff fdffffff 00000000'),
    zlibx: fromHex('80 4003 aa0000 c10100 00'),
    // zstd: the same with the x in a raw block.
    zstd: fromHex('80 400a 28b52ffd0058 080000 78 c10100 00'),
  },
}

const isTokenError = (error: unknown) =>
  error instanceof Error && error.name === 'TokenError' && error.message.length > 10

export function deltaContract(name: string, host: Host, scratch: Path): void {
  blockSumsContract(`${name}, block sums`, host, scratch)
  const { delta, checksums, files } = host
  const kit = new Kit(host, scratch)
  const directory = kit.fresh()
  const test = suite(name)
  let made = 0

  /** A new open file with this content. */
  function file(content: Uint8Array = new Uint8Array(0)): Fd {
    const fd = files.createFile(directory, `file-${made++}`, 0o600)
    files.write(fd, content, 0, content.length)
    return fd
  }

  function contentOf(fd: Fd): Uint8Array {
    const bytes = new Uint8Array(files.statHandle(fd).size)
    files.read(fd, bytes, 0, bytes.length, 0)
    return bytes
  }

  interface Feeding {
    stream: Uint8Array
    compression?: Compression
    basis?: Uint8Array | undefined
    head?: SumHead
    sizeMax?: number
  }

  /** Rebuilds one file in one piece; the target's handle stays open. */
  function rebuild({
    stream,
    compression = 'none',
    basis,
    head = noBasis,
    sizeMax = 1e9,
  }: Feeding) {
    const rebuilder = delta.openRebuilder(compression, 'md5')
    const target = file()
    const basisFd = basis && file(basis)
    try {
      delta.beginFile(rebuilder, { head, basis: basisFd, target, sizeMax })
      const used = delta.feed(rebuilder, stream, 0, stream.length)
      const result = delta.ended(rebuilder) ? delta.finishFile(rebuilder) : undefined
      return { used, result, content: contentOf(target) }
    } finally {
      delta.closeRebuilder(rebuilder)
      files.close(target)
      if (basisFd !== undefined) files.close(basisFd)
    }
  }

  for (const compression of compressions) {
    const { basis, head, target } = example
    const stream = example.streams[compression]

    test(`${compression}: the example, cut in two at every byte`, () => {
      const basisFd = file(basis)
      for (let cut = 0; cut <= stream.length; cut++) {
        const rebuilder = delta.openRebuilder(compression, 'md5')
        const targetFd = file()
        delta.beginFile(rebuilder, { head, basis: basisFd, target: targetFd, sizeMax: 22 })
        assert.is(delta.feed(rebuilder, stream, 0, cut), cut)
        assert.is(delta.ended(rebuilder), cut === stream.length)
        // What follows the file's end is not taken.
        const rest = join(stream.subarray(cut), [1, 2, 3])
        assert.is(delta.feed(rebuilder, rest, 0, rest.length), stream.length - cut)
        assert.ok(delta.ended(rebuilder))
        const result = delta.finishFile(rebuilder)
        assert.is(toHex(result.checksum), example.md5)
        assert.is(result.digest, toHex(checksums.hash('sha256', target)))
        assert.is(result.size, 22)
        assert.is(result.literal, 1)
        assert.is(toHex(contentOf(targetFd)), toHex(target))
        delta.closeRebuilder(rebuilder)
        files.close(targetFd)
      }
    })

    test(`${compression}: an empty file, and one of only blocks`, () => {
      const empty = rebuild({ compression, stream: new TokenEncoder(compression).encode([]) })
      assert.is(empty.result?.size, 0)
      assert.is(empty.result && toHex(empty.result.checksum), 'd41d8cd98f00b204e9800998ecf8427e')
      const parts = [
        { first: 2, count: 1 },
        { first: 0, count: 2 },
      ]
      const copied = new TokenEncoder(compression).encode(parts)
      const { content, result } = rebuild({ compression, stream: copied, basis, head })
      assert.is(toHex(content), toHex(join(basis.subarray(16), basis.subarray(0, 16))))
      assert.is(result?.literal, 0)
    })

    test(`${compression}: blocks that are not there`, () => {
      const encode = (parts: Part[]) => new TokenEncoder(compression).encode(parts)
      const wrong: Part[] = [
        { first: 3, count: 1 },
        { first: 2, count: 2 },
        { first: 63, count: 1 },
        { first: 2 ** 31 - 2, count: 1 },
        { first: 1, count: 60_000 },
      ]
      for (const part of wrong) {
        const stream = encode([part])
        assert.throws(() => rebuild({ compression, stream, basis, head }), isTokenError)
      }
      const one = encode([{ first: 0, count: 1 }])
      assert.throws(() => rebuild({ compression, stream: one, head }), isTokenError)
      assert.throws(() => rebuild({ compression, stream: one, basis }), isTokenError)
    })

    test(`${compression}: never more than the size it may have`, () => {
      const encoder = () => new TokenEncoder(compression)
      const literal = encoder().encode([new Uint8Array(1000).fill(65)])
      assert.is(rebuild({ compression, stream: literal, sizeMax: 1000 }).result?.size, 1000)
      for (const sizeMax of [999, 1, 0, -1]) {
        assert.throws(() => rebuild({ compression, stream: literal, sizeMax }), isTokenError)
      }
      const copies = encoder().encode([{ first: 0, count: 3 }])
      assert.is(rebuild({ compression, stream: copies, basis, head, sizeMax: 21 }).result?.size, 21)
      const tooSmall = { compression, stream: copies, basis, head, sizeMax: 20 }
      assert.throws(() => rebuild(tooSmall), isTokenError)
      const bomb = encoder().encode([new Uint8Array(3_000_000)])
      assert.throws(() => rebuild({ compression, stream: bomb, sizeMax: 500_000 }), isTokenError)
    })

    test(`${compression}: a basis shorter than its head says`, () => {
      const stream = new TokenEncoder(compression).encode([{ first: 0, count: 3 }])
      const short = basis.subarray(0, 20)
      assert.throws(
        () => rebuild({ compression, stream, basis: short, head }),
        (error: { name: string; code: string }) =>
          error.name === 'SystemError' && error.code === 'EIO',
      )
    })

    test(`${compression}: any broken byte is refused, or makes a file that the checksum tells`, () => {
      for (let i = 0; i < stream.length; i++) {
        for (const flip of [0x01, 0x80, 0xff]) {
          const broken = stream.slice()
          broken[i] = (broken[i] as number) ^ flip
          try {
            const plan = { compression, stream: broken, basis, head, sizeMax: 50 }
            const { result, content } = rebuild(plan)
            const found = result && toHex(result.checksum)
            if (found) assert.is(found, toHex(checksums.hash('md5', content)))
          } catch (error) {
            assert.ok(isTokenError(error), String(error))
          }
        }
      }
    })

    test(`${compression}: random files, one connection, in pieces of any size`, () => {
      const next = randomNumbers(compression.length)
      for (const pieceMax of [16383, 100]) {
        const encoder = new TokenEncoder(compression, pieceMax)
        const rebuilder = delta.openRebuilder(compression, 'xxh128')
        for (let round = 0; round < 12; round++) roundTrip(rebuilder, encoder, next)
        delta.closeRebuilder(rebuilder)
      }
    })
  }

  function roundTrip(
    rebuilder: object,
    encoder: TokenEncoder,
    next: (below: number) => number,
  ): void {
    const basis = randomBytes(1 + next(60_000), next(1e9))
    const blockLength = 1 + next(3000)
    const head = headOf(basis, blockLength)
    const parts: Part[] = []
    const expected: Uint8Array[] = []
    for (let i = next(20); i > 0; i--) {
      if (next(2) === 0) {
        const sameBytes = next(4) === 0
        const length = 1 + next(next(5) === 0 ? 300_000 : 500)
        const bytes = sameBytes ? new Uint8Array(length).fill(next(256)) : randomBytes(length, i)
        parts.push(bytes)
        expected.push(bytes)
      } else {
        const first = next(head.count)
        const count = 1 + next(Math.min(head.count - first, 100))
        parts.push({ first, count })
        expected.push(basis.subarray(first * blockLength, (first + count) * blockLength))
      }
    }
    const whole = join(...expected)
    const stream = encoder.encode(parts)
    const [basisFd, target] = [file(basis), file()]
    delta.beginFile(rebuilder, { head, basis: basisFd, target, sizeMax: whole.length })
    for (let at = 0; at < stream.length; ) {
      const length = Math.min(1 + next(next(2) === 0 ? 10 : 40_000), stream.length - at)
      assert.not(delta.ended(rebuilder))
      assert.is(delta.feed(rebuilder, stream, at, length), length)
      at += length
    }
    assert.ok(delta.ended(rebuilder))
    const result = delta.finishFile(rebuilder)
    assert.is(toHex(result.checksum), toHex(checksums.hash('xxh128', whole)))
    assert.is(result.digest, toHex(checksums.hash('sha256', whole)))
    assert.is(result.size, whole.length)
    assert.is(toHex(checksums.hash('md5', contentOf(target))), toHex(checksums.hash('md5', whole)))
    files.close(basisFd)
    files.close(target)
  }

  test('zstd: what the zstd program compressed, in pieces of any size', () => {
    // The last block is marked as one of many: rsync never ends its frame.
    const lastBlock = 4 + 1 + 2
    const open = textZstd.slice()
    open[lastBlock] = (open[lastBlock] as number) & 0xfe
    for (const lengthMax of [1, 2, 100, 16383]) {
      const stream = join(pieces(open, lengthMax), [0])
      const { content, result } = rebuild({ compression: 'zstd', stream })
      assert.is(toHex(content), toHex(text))
      assert.is(result?.literal, text.length)
    }
  })

  test('zlibx: a fresh stream for every file, which knows nothing of the one before', () => {
    const rebuilder = delta.openRebuilder('zlibx', 'md5')
    const target = file()
    const plan = { head: noBasis, basis: undefined, target, sizeMax: 100 }
    delta.beginFile(rebuilder, plan)
    assert.is(delta.feed(rebuilder, fromHex('4003 aa0000 00'), 0, 6), 6)
    delta.finishFile(rebuilder)
    delta.beginFile(rebuilder, plan)
    // A match one byte back, before the start.
    assert.throws(() => delta.feed(rebuilder, fromHex('4004 02020000 00'), 0, 7), isTokenError)
    delta.closeRebuilder(rebuilder)
    files.close(target)
  })

  test('a compressed stream that ends inside the file', () => {
    const zstd = join(pieces(textZstd, 16383), [0])
    assert.throws(() => rebuild({ compression: 'zstd', stream: zstd }), isTokenError)
    const deflate = join(pieces(textDeflate, 16383), [0])
    assert.throws(() => rebuild({ compression: 'zlibx', stream: deflate }), isTokenError)
  })

  test('flags that are not defined, and broken compressed data', () => {
    for (const compression of ['zlibx', 'zstd'] as const) {
      for (const flag of [0x01, 0x1f, 0x22, 0x3f]) {
        assert.throws(() => rebuild({ compression, stream: new Uint8Array([flag]) }), isTokenError)
      }
      const stream = fromHex('4004 07ffffff 00')
      assert.throws(() => rebuild({ compression, stream }), isTokenError)
    }
    const zstd = (hex: string) => () => rebuild({ compression: 'zstd', stream: fromHex(hex) })
    assert.throws(zstd('400a 28b52ffd0070 080000 61 00'), isTokenError, 'a window of 16 MiB')
    assert.is(toHex(zstd('400a 28b52ffd0068 080000 61 00')().content), '61', 'and one of 8 MiB')
  })

  test('block numbers of 32 bits, and runs that overflow them', () => {
    const { basis, head } = example
    const zstd = (hex: string) => () =>
      rebuild({ compression: 'zstd', stream: fromHex(hex), basis, head })
    assert.throws(zstd('20 ffffffff'), isTokenError)
    assert.throws(zstd('20 00000080'), isTokenError)
    assert.throws(zstd('21 ffffff7f ffff'), isTokenError)
    assert.throws(zstd('21 01000000 ffff'), isTokenError)
    assert.throws(zstd('c2 0100'), isTokenError)
    const none = (hex: string) => () => rebuild({ stream: fromHex(hex), basis, head })
    assert.throws(none('00000080'), isTokenError)
    assert.throws(none('fcffffff'), isTokenError)
  })

  test('sum heads that can not be are refused before anything is written', () => {
    const { basis, head } = example
    const wrong = [
      { count: -1 },
      { blockLength: 0 },
      { blockLength: 2 ** 17 + 1 },
      { remainder: 9 },
    ]
    for (const change of [
      ...wrong,
      { count: 2 ** 31 },
      { strongLength: 65 },
      { blockLength: -8 },
    ]) {
      const stream = example.streams.none
      assert.throws(() => rebuild({ stream, basis, head: { ...head, ...change } }), isTokenError)
    }
  })

  test('a target that can not be written', () => {
    const target = file()
    files.close(target)
    const readOnly = files.openRead(directory, `file-${made - 1}`)
    const rebuilder = delta.openRebuilder('none', 'md5')
    delta.beginFile(rebuilder, { head: noBasis, basis: undefined, target: readOnly, sizeMax: 10 })
    assert.throws(
      () => delta.feed(rebuilder, fromHex('0100000041 00000000'), 0, 9),
      (error: { name: string; code: string }) =>
        error.name === 'SystemError' && error.code === 'EBADF',
    )
    delta.closeRebuilder(rebuilder)
    files.close(readOnly)
  })

  test('an abandoned file keeps what came', () => {
    const rebuilder = delta.openRebuilder('none', 'md5')
    const target = file(arrayOfBytes('before '))
    delta.beginFile(rebuilder, { head: noBasis, basis: undefined, target, sizeMax: 100 })
    const stream = join(int32(9), arrayOfBytes('some'))
    delta.feed(rebuilder, stream, 0, stream.length)
    assert.is(delta.abandonFile(rebuilder), 4)
    assert.is(toHex(contentOf(target)), toHex(arrayOfBytes('before some')))
    assert.throws(() => delta.feed(rebuilder, stream, 0, 1))
    delta.closeRebuilder(rebuilder)
    files.close(target)
  })

  test('misuse is an error, never a crash', () => {
    const rebuilder = delta.openRebuilder('none', 'md5')
    const bytes = new Uint8Array(8)
    assert.throws(() => delta.feed(rebuilder, bytes, 0, 8), TypeError)
    assert.throws(() => delta.finishFile(rebuilder), TypeError)
    const target = file()
    const plan = { head: noBasis, basis: undefined, target, sizeMax: 10 }
    delta.beginFile(rebuilder, plan)
    assert.throws(() => delta.beginFile(rebuilder, plan), TypeError)
    assert.throws(() => delta.finishFile(rebuilder), TypeError)
    assert.throws(() => delta.feed(rebuilder, bytes, 4, 5), RangeError)
    assert.throws(() => delta.feed(rebuilder, fromHex('ffffffff'), 0, 4), isTokenError)
    assert.throws(() => delta.feed(rebuilder, bytes, 0, 8), TypeError)
    delta.closeRebuilder(rebuilder)
    delta.closeRebuilder(rebuilder)
    assert.throws(() => delta.ended(rebuilder), TypeError)
    assert.throws(() => delta.openRebuilder('lz4' as 'zstd', 'md5'), /lz4/)
    assert.throws(() => delta.openRebuilder('none', 'crc' as 'md5'), /crc/)
    files.close(target)
  })

  test('a whole copy, with its digest, up to the limit', () => {
    const content = randomBytes(600_000, 9)
    const [source, target] = [file(content), file()]
    const digest = toHex(checksums.hash('sha256', content))
    const copied = delta.copyWhole(source, target, content.length)
    assert.equal(copied, { size: content.length, digest })
    const found = checksums.hash('sha256', contentOf(target))
    assert.is(toHex(found), digest)
    assert.throws(
      () => delta.copyWhole(source, file(), content.length - 1),
      (error: { name: string; code: string }) =>
        error.name === 'SystemError' && error.code === 'EFBIG',
    )
    files.close(source)
    files.close(target)
  })

  test.run()
}
