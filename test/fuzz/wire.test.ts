/**
 * What is read of rsync's wire before any of it is believed: numbers, strings, indexes, frames, greetings.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { PeerError } from '../../src/errors.ts'
import { greetingLine, parseGreeting, passwordAnswer } from '../../src/rsync/handshake.ts'
import { Code, Incoming } from '../../src/rsync/incoming.ts'
import {
  IndexReader,
  IndexWriter,
  NEED_MORE,
  readVarint,
  readVarlong,
  readVstring,
  writeVstring,
} from '../../src/rsync/integers.ts'
import { bytesOfArray } from '../../src/text.ts'
import { frame } from '../support/peer-bytes.ts'
import { varint, varlong } from '../support/rsync-numbers.ts'
import { signing } from '../support/signing.ts'
import { alteredText, byteString, bytes, cuts, joined, piecesOf } from './arbitraries.ts'
import { decoded, properties, same } from './property.ts'

const property = properties('wire')

type Read = (
  buffer: Uint8Array,
  offset: number,
  end: number,
) => { value: unknown; next: number } | undefined

/** A reading is within its bytes, is the same whatever follows, and no shorter part of it is one. */
function readsAlike(read: Read, given: Uint8Array): { value: unknown; next: number } | undefined {
  const reading = decoded(() => read(given, 0, given.length), PeerError)
  if (!reading) return undefined
  const { next } = reading
  assert.ok(next > 0 && next <= given.length, `${next} of ${given.length} bytes`)
  for (let end = 0; end < next; end++) same(read(given, 0, end), undefined)
  same(read(joined(given.subarray(0, next), Uint8Array.of(255, 0)), 0, next + 2), reading)
  same(read(joined(Uint8Array.of(9), given), 1, next + 1), { ...reading, next: next + 1 })
  return reading
}

/** A varlong of fewer bytes can't hold 53 bits: stock rsync's reader stops at six bytes after those. */
const rsyncMinimum = fc.integer({ min: 2, max: 8 })

property('a varint of any bytes is refused or has a canonical form', bytes(8), (given) => {
  const reading = readsAlike(readVarint, given)
  if (!reading) return
  const canonical = Uint8Array.from(varint(reading.value as number))
  assert.ok(canonical.length <= reading.next)
  same(readVarint(canonical, 0, canonical.length)?.value, reading.value)
})

property('each varint comes back', fc.nat({ max: 0xffff_ffff }), (value) => {
  const written = Uint8Array.from(varint(value))
  same(readVarint(written, 0, written.length), { value, next: written.length })
})

property(
  'a varlong of any bytes is refused or has a canonical form',
  fc.tuple(bytes(11), rsyncMinimum),
  ([given, minimum]) => {
    const read: Read = (buffer, offset, end) => readVarlong(buffer, offset, end, minimum)
    const reading = readsAlike(read, given)
    if (!reading) return
    const canonical = Uint8Array.from(varlong(reading.value as number, minimum))
    assert.ok(canonical.length <= reading.next)
    same(readVarlong(canonical, 0, canonical.length, minimum)?.value, reading.value)
  },
)

property('each varlong comes back', fc.tuple(fc.maxSafeNat(), rsyncMinimum), ([value, minimum]) => {
  const written = Uint8Array.from(varlong(value, minimum))
  same(readVarlong(written, 0, written.length, minimum), { value, next: written.length })
})

property('a vstring of any bytes is refused, or is what it says', bytes(300), (given) => {
  const reading = readsAlike(readVstring, given)
  if (reading) assert.ok((reading.value as string).length <= 255)
})

property(
  'each vstring of at most 255 bytes comes back, and no longer one',
  byteString(300),
  (value) => {
    const written = Uint8Array.from(writeVstring(value))
    const reading = decoded(() => readVstring(written, 0, written.length), PeerError)
    same(reading, value.length > 255 ? undefined : { value, next: written.length })
  },
)

const index = fc.oneof(fc.constant(-1), fc.nat(600), fc.nat(0x7fffffff))

property('indexes come back in their order', fc.array(index, { maxLength: 30 }), (indexes) => {
  const writer = new IndexWriter()
  const buffer = new Uint8Array(indexes.length * 6)
  let end = 0
  for (const one of indexes) end = writer.write(one, buffer, end)
  const reader = new IndexReader()
  let at = 0
  const read = indexes.map(() => {
    at = reader.read(buffer, at, end)
    return reader.value
  })
  same(read, indexes)
  same(at, end)
})

property('indexes of any bytes are the same however they come', bytes(60), (given) => {
  same(indexesOf(given, given.length), indexesOf(given, 1))
})

/** Up to what is refused; `step` more bytes at a time. */
function indexesOf(given: Uint8Array, step: number): (number | string)[] {
  const reader = new IndexReader()
  const found: (number | string)[] = []
  let at = 0
  for (let end = 0; end < given.length; ) {
    end = Math.min(end + step, given.length)
    for (;;) {
      const next = decoded(() => reader.read(given, at, end), PeerError)
      if (next === undefined) return [...found, 'refused']
      if (next === NEED_MORE) break
      assert.ok(next > at && next <= end)
      at = next
      found.push(reader.value)
    }
  }
  return found
}

/** What comes out of the frames, and where they are refused. */
function unframed(pieces: readonly Uint8Array[]) {
  const messages: string[] = []
  const incoming = new Incoming((code, content) => {
    messages.push(`${code} ${bytesOfArray(content)}`)
  })
  incoming.beginFrames()
  let data = ''
  const isRefused = pieces.some((piece) => {
    const offset = incoming.room()
    assert.ok(incoming.buffer.length - offset >= piece.length)
    incoming.buffer.set(piece, offset)
    const added = decoded(() => {
      incoming.added(piece.length)
      return true
    }, PeerError)
    data += bytesOfArray(incoming.buffer.subarray(incoming.start, incoming.end))
    incoming.start = incoming.end
    return added === undefined
  })
  return { data, messages, isRefused }
}

const someFrame = fc.oneof(
  fc.tuple(fc.constant(Code.data), bytes(400)),
  fc.tuple(fc.constantFrom(Code.info, Code.error, Code.warning), bytes(400)),
  fc.tuple(fc.constantFrom(Code.ioError, Code.noSend, Code.ioTimeout), bytes(4)),
  fc.tuple(fc.constant(Code.noop), bytes(0)),
)

property(
  'data and messages come out of their frames as they went in, however they are cut',
  fc.tuple(fc.array(someFrame, { maxLength: 8 }), cuts),
  ([frames, lengths]) => {
    const wire = joined(...frames.map(([code, content]) => frame(code, Buffer.from(content))))
    const { data, messages, isRefused } = unframed(piecesOf(wire, lengths))
    assert.not(isRefused)
    const contents = frames.map(([code, content]) => ({ code, text: bytesOfArray(content) }))
    const isData = ({ code }: { code: number }) => code === Code.data
    same(
      data,
      contents
        .filter(isData)
        .map(({ text }) => text)
        .join(''),
    )
    const others = contents.filter((one) => !isData(one))
    same(
      messages,
      others.map(({ code, text }) => `${code} ${text}`),
    )
  },
  4,
)

property(
  'frames of any bytes are refused or taken alike, however they are cut',
  fc.tuple(
    fc.oneof(
      bytes(200),
      fc
        .array(fc.tuple(fc.nat(255), fc.nat(9000), bytes(40)), { maxLength: 5 })
        .map((heads) =>
          joined(
            ...heads.map(([code, length, content]) =>
              joined(Uint8Array.of(length & 255, length >> 8, 0, code), content),
            ),
          ),
        ),
    ),
    cuts,
  ),
  ([given, lengths]) => {
    const whole = unframed([given])
    const cut = unframed(piecesOf(given, lengths))
    same(cut.isRefused, whole.isRefused)
    same(cut.messages, whole.messages)
    same(cut.data, whole.data)
  },
  8,
)

const greetings = fc.tuple(fc.integer({ min: 0, max: 99 }), fc.nat(9)).map(([protocol, minor]) => {
  return `@RSYNCD: ${protocol}.${minor} sha512 sha256 sha1 md5 md4`
})

property(
  'a greeting is refused, or names a protocol that we speak',
  fc.oneof(byteString(100), alteredText(greetings)),
  (line) => {
    const greeting = decoded(() => parseGreeting(line, 32), PeerError)
    if (!greeting) return
    assert.ok(greeting.protocol >= 30 && greeting.protocol <= 32)
    assert.ok(greeting.digests.every((name) => name !== '' && line.includes(name)))
  },
)

property('our own greeting is one', fc.integer({ min: 30, max: 99 }), (protocol) => {
  const greeting = parseGreeting(greetingLine(protocol).trimEnd(), 32)
  same(greeting, {
    protocol: Math.min(protocol, 32),
    digests: ['sha512', 'sha256', 'sha1', 'md5'],
  })
})

property(
  'a password goes out as a digest that is strong enough, or not at all',
  fc.tuple(
    byteString(80),
    fc.array(fc.oneof(fc.constantFrom('sha512', 'sha256', 'sha1', 'md5', 'md4'), byteString(8))),
  ),
  ([challenge, digests]) => {
    const address = { host: 'a', port: 873, module: 'xo', user: 'school', password: 'secret' }
    const answer = decoded(
      () => passwordAnswer(signing.checksums, address, challenge, digests),
      PeerError,
    )
    const isStrong = digests.includes('sha512') || digests.includes('sha256')
    same(answer !== undefined, isStrong)
    if (answer) assert.match(answer, /^school [A-Za-z0-9+/]{43,86}\n$/)
  },
)

property.run()
