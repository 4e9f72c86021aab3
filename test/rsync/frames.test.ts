/** Frames in both directions: joined in place, however they were cut; limits of hostile ones. */

import * as assert from 'uvu/assert'
import { Code, Incoming } from '../../src/rsync/incoming.ts'
import { Outgoing } from '../../src/rsync/outgoing.ts'
import { test } from '../support/suite.ts'

const frame = (code: number, payload: Uint8Array | string) => {
  const body = Buffer.from(payload as string)
  const header = Buffer.alloc(4)
  header.writeUInt32LE(body.length + (7 + code) * 0x1000000)
  return Buffer.concat([header, body])
}

/** Puts bytes in, in pieces, and takes all data out as it comes. */
function through(stream: Buffer, pieceLength: () => number) {
  const messages: [number, string][] = []
  const incoming = new Incoming((code, bytes) => {
    messages.push([code, Buffer.from(bytes).toString('latin1')])
  })
  incoming.beginFrames()
  const data: Buffer[] = []
  for (let at = 0; at < stream.length; ) {
    const offset = incoming.room()
    const length = Math.min(pieceLength(), stream.length - at, incoming.buffer.length - offset)
    incoming.buffer.set(stream.subarray(at, at + length), offset)
    incoming.added(length)
    at += length
    // Leaves up to three bytes behind, as a decoder in the middle of an integer does.
    const take = Math.max(0, incoming.end - incoming.start - (at % 4))
    data.push(Buffer.from(incoming.buffer.slice(incoming.start, incoming.start + take)))
    incoming.start += take
  }
  data.push(Buffer.from(incoming.buffer.slice(incoming.start, incoming.end)))
  return { data: Buffer.concat(data).toString('latin1'), messages }
}

test('data is joined and messages are told apart, in pieces of any length', () => {
  const parts = [frame(0, 'one'), frame(0, ''), frame(2, 'hello\n'), frame(0, 'two'), frame(42, '')]
  const big = 'x'.repeat(100_000)
  const stream = Buffer.concat([...parts, frame(0, big), frame(22, '\x01\0\0\0'), frame(0, 'end')])
  let random = 1
  const cuts = [
    () => 1,
    () => 2,
    () => 5,
    () => 1e9,
    () => {
      random = (random * 48_271) % 0x7fffffff
      return 1 + (random % 70_000)
    },
  ]
  for (const cut of cuts) {
    const { data, messages } = through(stream, cut)
    assert.ok(data === `onetwo${big}end`)
    assert.equal(messages, [
      [Code.info, 'hello\n'],
      [Code.noop, ''],
      [Code.ioError, '\x01\0\0\0'],
    ])
  }
})

test('bytes that came before the frames began are looked at again', () => {
  const incoming = new Incoming(() => {})
  const bytes = Buffer.concat([Buffer.from('seed'), frame(0, 'list')])
  incoming.buffer.set(bytes, incoming.room())
  incoming.added(bytes.length)
  incoming.start += 4
  incoming.beginFrames()
  assert.is(Buffer.from(incoming.buffer.slice(incoming.start, incoming.end)).toString(), 'list')
})

test('hostile frames are refused before they are read', () => {
  const refused = (bytes: Buffer, expected: RegExp) => {
    assert.throws(() => through(bytes, () => bytes.length), expected)
  }
  refused(frame(3, 'x'.repeat(8193)), /8193 bytes, 8192 allowed/)
  refused(frame(22, '12345'), /5 bytes, 4 allowed/)
  refused(frame(9, '1234'), /unknown kind, 9/)
  refused(frame(100, '1234'), /unknown kind, 100/)
  refused(frame(101, 'name'), /unknown kind, 101/)
  refused(Buffer.from([0, 0, 0, 0]), /unknown kind, -7/)
  refused(Buffer.from([0, 0, 0, 255]), /unknown kind, 248/)
})

test('what we send goes out in frames of at most 32 KiB', () => {
  const outgoing = new Outgoing()
  outgoing.text('greeting\n')
  outgoing.beginFrames()
  outgoing.bytes(new Uint8Array(100_000).fill(65))
  outgoing.text('B', 0)
  const sent = Buffer.from(outgoing.take())
  assert.is(sent.subarray(0, 9).toString(), 'greeting\n')
  let data = ''
  for (let at = 9; at < sent.length; ) {
    const header = sent.readUInt32LE(at)
    assert.is(header >>> 24, 7)
    const length = header & 0xffffff
    assert.ok(length > 0 && length <= 32 * 1024)
    data += sent.subarray(at + 4, at + 4 + length).toString('latin1')
    at += 4 + length
  }
  assert.ok(data === `${'A'.repeat(100_000)}B\0`)
})

test('the two buffers take turns', () => {
  const outgoing = new Outgoing()
  outgoing.beginFrames()
  outgoing.text('one')
  const one = outgoing.take()
  outgoing.text('other')
  assert.is(Buffer.from(one).toString('latin1'), '\x03\0\0\x07one')
  assert.is(Buffer.from(outgoing.take()).toString('latin1'), '\x05\0\0\x07other')
  assert.is(outgoing.take().length, 0)
})

test('a message stands between two frames of data, and what was not written is no frame', () => {
  const outgoing = new Outgoing()
  outgoing.beginFrames()
  const nothing = () => 0
  const letter = (buffer: Uint8Array, offset: number) => {
    buffer[offset] = 65
    return 1
  }
  assert.is(outgoing.fill(100, nothing), 0)
  assert.is(outgoing.queued, 0)
  assert.is(outgoing.fill(100, letter), 1)
  assert.is(outgoing.fill(100, nothing), 0)
  outgoing.message(Code.warning, Buffer.from('oh'))
  assert.is(outgoing.fill(100, letter), 1)
  const sent = Buffer.from(outgoing.take()).toString('latin1')
  assert.is(sent, '\x01\0\0\x07A\x02\0\0\x0boh\x01\0\0\x07A')
})

test('a keep-alive is an empty frame', () => {
  const outgoing = new Outgoing()
  outgoing.beginFrames()
  outgoing.keepAlive()
  assert.equal(Array.from(outgoing.take()), [0, 0, 0, 7])
})

test.run()
