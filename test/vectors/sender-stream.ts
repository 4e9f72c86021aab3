/**
 * What a sender said in a session whose client's words are known: frames taken apart, the file list, and the
 * content of each file that was sent. It is written from the protocol's description (docs/PROTOCOL.md),
 * shares no code with the sender, and believes what it reads: it is for recordings.
 */
import { inflateRawSync } from 'node:zlib'
import { Decompress } from 'fzstd'
import { IndexReader } from '../../src/rsync/integers.ts'
import { Cursor } from './cursor.ts'
import { Asked, keyOf, type ListedEntry, ListReader } from './sender-list.ts'

interface SentFile {
  index: number
  flags: number
  head: number[]
  content: Buffer
  trailer: string
  /** Whether any of it came from the client's own blocks. */
  matched: boolean
}

export interface SenderStream {
  lines: string[]
  flags: number
  checksum: string
  compression: string
  seed: number
  entries: ListedEntry[]
  names: string[]
  files: SentFile[]
  dones: number
  messages: { code: number; text: string }[]
}

const DIGEST_LENGTHS: Record<string, number> = { md5: 16, xxh128: 16, xxh3: 8, xxh64: 8, sha1: 20 }

export function decodeSender(
  client: Buffer,
  server: Buffer,
  basisOf: (name: string) => Buffer | undefined,
): SenderStream {
  const asked = new Asked(client)
  const cursor = new Cursor(server)
  const lines: string[] = []
  do lines.push(cursor.line())
  while (lines.at(-1) !== '@RSYNCD: OK')
  const flags = cursor.varint()
  const negotiates = (flags & 0x80) !== 0
  let checksum = asked.choice('checksum-choice') ?? 'md5'
  let compression = asked.choice('compress-choice') ?? 'none'
  if (asked.words.includes('--new-compress')) compression = 'zlibx'
  const offers = client.toString('latin1')
  // Whoever has the names in stock order agrees on the first of the client's that the server has.
  const first = (theirs: string, known: string[]) =>
    known.find((name) => theirs.split(' ').includes(name) && offers.includes(name)) ?? 'none'
  if (negotiates && asked.choice('checksum-choice') === undefined) {
    checksum = first(cursor.vstring(), Object.keys(DIGEST_LENGTHS).sort(inStockOrder))
  }
  if (negotiates && asked.has('z') && asked.choice('compress-choice') === undefined) {
    compression = first(cursor.vstring(), ['zstd', 'zlibx'])
  }
  const seed = cursor.int()
  const { data, messages } = unframed(cursor)
  const body = new Cursor(data)
  const list = new ListReader(body, asked, flags, DIGEST_LENGTHS[checksum] ?? 16)
  const entries = list.read()
  const names = list.readIds()
  const sorted = [...entries].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const contents = { checksum, compression, basisOf: (i: number) => basisOf(sorted[i]?.name ?? '') }
  const { files, dones } = readAnswers(body, contents)
  return {
    lines,
    flags,
    checksum,
    compression,
    seed,
    entries: sorted,
    names,
    files,
    dones,
    messages,
  }
}

const STOCK_ORDER = ['xxh128', 'xxh3', 'xxh64', 'md5', 'md4', 'sha1']
const inStockOrder = (a: string, b: string) => STOCK_ORDER.indexOf(a) - STOCK_ORDER.indexOf(b)

function unframed(cursor: Cursor): Pick<SenderStream, 'messages'> & { data: Buffer } {
  const data: Buffer[] = []
  const messages: SenderStream['messages'] = []
  while (cursor.rest > 0) {
    const header = cursor.int() >>> 0
    const code = (header >>> 24) - 7
    const payload = cursor.take(header & 0xffffff)
    if (code === 0) data.push(payload)
    else messages.push({ code, text: payload.toString('latin1') })
  }
  return { data: Buffer.concat(data), messages }
}

interface Contents {
  checksum: string
  compression: string
  basisOf: (index: number) => Buffer | undefined
}

function readAnswers(cursor: Cursor, contents: Contents): Pick<SenderStream, 'files' | 'dones'> {
  const files: SentFile[] = []
  const indexes = new IndexReader()
  const inflater = contents.compression === 'zstd' ? new ZstdStream() : undefined
  let dones = 0
  while (cursor.rest > 0) {
    cursor.at = indexes.read(cursor.bytes, cursor.at, cursor.bytes.length)
    if (indexes.value < 0) {
      // After the third the statistics follow: five numbers.
      if (++dones === 3) for (let i = 0; i < 5; i++) cursor.varlong(3)
      continue
    }
    const flags = cursor.short()
    if (flags & 0x800) cursor.byte()
    if (flags & 0x1000) cursor.vstring()
    if (!(flags & 0x8000)) continue
    const head = [cursor.int(), cursor.int(), cursor.int(), cursor.int()]
    const basis = contents.basisOf(indexes.value)
    const { content, matched } =
      contents.compression === 'none'
        ? plainTokens(cursor, head, basis)
        : packedTokens(cursor, head, basis, inflater)
    const trailer = cursor.take(DIGEST_LENGTHS[contents.checksum] ?? 16).toString('hex')
    files.push({ index: indexes.value, flags, head, content, trailer, matched })
  }
  return { files, dones }
}

/** A block of the client's, by its number. */
function blockOf(number: number, head: number[], basis: Buffer | undefined): Buffer {
  const [count = 0, length = 0] = head
  if (number >= count || !basis) throw new Error(`block ${number} of ${count}`)
  return basis.subarray(number * length, (number + 1) * length)
}

interface Rebuilt {
  content: Buffer
  matched: boolean
}

function plainTokens(cursor: Cursor, head: number[], basis: Buffer | undefined): Rebuilt {
  const pieces: Buffer[] = []
  let matched = false
  for (;;) {
    const token = cursor.int()
    if (token === 0) return { content: Buffer.concat(pieces), matched }
    if (token > 0) pieces.push(cursor.take(token))
    else {
      pieces.push(blockOf(-(token + 1), head, basis))
      matched = true
    }
  }
}

/** One stream of zstd for a whole connection. */
class ZstdStream {
  #out: Buffer[] = []
  readonly #stream = new Decompress((bytes) => void this.#out.push(Buffer.from(bytes)))

  take(bytes: Buffer): Buffer {
    this.#stream.push(new Uint8Array(bytes))
    const all = Buffer.concat(this.#out)
    this.#out = []
    return all
  }
}

/** The tokens of zlibx and zstd, whose outer form is the same (10.8). */
function packedTokens(
  cursor: Cursor,
  head: number[],
  basis: Buffer | undefined,
  zstd: ZstdStream | undefined,
): Rebuilt {
  const pieces: Buffer[] = []
  const deflated: { bytes: Buffer[]; at: number }[] = []
  let run: Buffer[] = []
  let last = 0
  let matched = false
  const flush = () => {
    if (run.length === 0) return
    if (zstd) pieces.push(zstd.take(Buffer.concat(run)))
    else {
      // The stream goes on over a whole file: placed when all of it is known.
      deflated.push({ bytes: [...run, Buffer.from([0, 0, 0xff, 0xff])], at: pieces.length })
      pieces.push(Buffer.alloc(0))
    }
    run = []
  }
  const blocks = (first: number, count: number) => {
    matched = true
    for (let i = 0; i < count; i++) pieces.push(blockOf(first + i, head, basis))
    last = first + count - 1
  }
  for (;;) {
    const flag = cursor.byte()
    if ((flag & 0xc0) === 0x40) {
      run.push(cursor.take(((flag & 0x3f) << 8) | cursor.byte()))
      continue
    }
    flush()
    if (flag === 0) break
    const more = flag & 0xc0 ? (flag & 0xc0) === 0xc0 : flag === 0x21
    const first = flag & 0x80 ? last + (flag & 0x3f) : cursor.int()
    blocks(first, more ? cursor.short() + 1 : 1)
  }
  let before = 0
  for (const [i, { at }] of deflated.entries()) {
    const bytes = Buffer.concat(deflated.slice(0, i + 1).flatMap((one) => one.bytes))
    const all = inflateRawSync(bytes, { finishFlush: 2 })
    pieces[at] = all.subarray(before)
    before = all.length
  }
  return { content: Buffer.concat(pieces), matched }
}
