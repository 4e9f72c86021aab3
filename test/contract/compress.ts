/** What native:compress promises, for any host. Runs in Node and in QuickJS: no Node types here. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Host } from '../../src/host.ts'
import {
  fromHex,
  join,
  text,
  textDeflate,
  textZstd,
  textZstdChecked,
  toHex,
} from './sample-bytes.ts'

const isBroken = (error: unknown) =>
  error instanceof Error && error.name === 'CompressedDataError' && error.message.length > 10

/** A zstd frame of RLE blocks, 128 KiB each, of the letter a. */
function bomb(blocks: number): Uint8Array {
  const block = [(1 << 1) | ((131072 << 3) & 0xff), (131072 >> 5) & 0xff, (131072 >> 13) & 0xff, 97]
  const parts = Array.from({ length: blocks }, () => block)
  return join(fromHex('28b52ffd 00 50'), ...parts)
}

export function compressContract(name: string, host: Host): void {
  const { compress } = host
  const test = suite(name)
  const streams = [
    ['zstd', textZstd],
    ['zstd', textZstdChecked],
    ['inflate', textDeflate],
  ] as const

  /** Decodes with pieces of these lengths; what came out, what was used, and whether it ended. */
  function run(
    format: 'zstd' | 'inflate',
    source: Uint8Array,
    sourceMax: number,
    targetMax: number,
  ) {
    const decoder = compress.openDecoder(format)
    const target = new Uint8Array(targetMax)
    const parts: Uint8Array[] = []
    let at = 0
    for (;;) {
      const length = Math.min(sourceMax, source.length - at)
      const { used, made, ended } = compress.decode(decoder, source, at, length, target)
      assert.ok(used <= length && made <= targetMax)
      at += used
      parts.push(target.slice(0, made))
      if (ended || (at === source.length && made < targetMax)) {
        compress.closeDecoder(decoder)
        return { output: join(...parts), used: at, ended }
      }
      assert.ok(used > 0 || made > 0, 'a call that does nothing')
    }
  }

  for (const [format, stream] of streams) {
    const label = `${format}, ${stream.length} bytes`
    for (const sourceMax of [1, 13, 1000]) {
      for (const targetMax of [1, 77, 100_000]) {
        test(`${label}: ${sourceMax} bytes in, ${targetMax} out at a time`, () => {
          const { output, used, ended } = run(format, stream, sourceMax, targetMax)
          assert.is(toHex(output), toHex(text))
          assert.is(used, stream.length)
          assert.ok(ended)
        })
      }
    }

    test(`${label}: what follows the stream is not used`, () => {
      const { output, used, ended } = run(format, join(stream, [1, 2, 3]), 1000, 100_000)
      assert.is(output.length, text.length)
      assert.is(used, stream.length)
      assert.ok(ended)
    })

    test(`${label}: a stream cut anywhere has not ended`, () => {
      for (let length = 0; length < stream.length; length++) {
        const { output, ended } = run(format, stream.subarray(0, length), 1000, 1000)
        assert.not(ended, `${length}`)
        assert.is(toHex(output), toHex(text.subarray(0, output.length)))
      }
    })

    test(`${label}: any broken byte throws, or ends, and never hangs`, () => {
      for (let i = 0; i < stream.length; i++) {
        const broken = stream.slice()
        broken[i] = (broken[i] as number) ^ 0x55
        try {
          run(format, broken, 1000, 5000)
        } catch (error) {
          assert.ok(isBroken(error), String(error))
        }
      }
    })
  }

  test('broken data says so', () => {
    assert.throws(() => run('inflate', fromHex('07 00 00'), 10, 10), isBroken)
    assert.throws(() => run('zstd', fromHex('28b52ffe 00 50 000000'), 10, 10), isBroken)
    assert.throws(() => run('zstd', fromHex('28b52ffd 00 50 070000'), 10, 10), isBroken)
  })

  test('a window above 8 MiB is refused, one of 8 MiB is not', () => {
    const block = [9, 0, 0, 97]
    const frame = (window: number) => join(fromHex('28b52ffd00'), [window], block)
    assert.throws(() => run('zstd', frame(14 << 3), 100, 100), isBroken)
    assert.is(toHex(run('zstd', frame(13 << 3), 100, 100).output), '61')
  })

  test('output is bounded by its buffer, however much the input holds', () => {
    const decoder = compress.openDecoder('zstd')
    const frame = bomb(3)
    const target = new Uint8Array(1000)
    let [at, sum] = [0, 0]
    while (sum < 3 * 131072) {
      const { used, made } = compress.decode(decoder, frame, at, frame.length - at, target)
      assert.ok(made <= 1000 && made > 0)
      at += used
      sum += made
    }
    assert.is(sum, 3 * 131072)
    compress.closeDecoder(decoder)
  })

  test('a second frame begins after the first', () => {
    const decoder = compress.openDecoder('zstd')
    const target = new Uint8Array(100_000)
    for (const frame of [textZstd, textZstdChecked]) {
      const { made, ended } = compress.decode(decoder, frame, 0, frame.length, target)
      assert.is(toHex(target.subarray(0, made)), toHex(text))
      assert.ok(ended)
    }
    compress.closeDecoder(decoder)
  })

  test('misuse: no such format, a closed decoder, a window outside of the buffer', () => {
    assert.throws(() => compress.openDecoder('lz4' as 'zstd'), /lz4/)
    const decoder = compress.openDecoder('inflate')
    const bytes = new Uint8Array(4)
    assert.throws(() => compress.decode(decoder, bytes, 2, 3, bytes), RangeError)
    assert.throws(() => compress.decode(decoder, bytes, -1, 1, bytes), RangeError)
    compress.closeDecoder(decoder)
    compress.closeDecoder(decoder)
    assert.throws(() => compress.decode(decoder, bytes, 0, 4, bytes), TypeError)
  })

  test.run()
}
