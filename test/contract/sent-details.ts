/**
 * What native:sending lists of an entry when a client asks for more than names, for any host: read by a decoder that is
 * written from the protocol's description. Runs in Node and in QuickJS: no Node types here.
 */
import type { Algorithm } from 'native:checksums'
import * as assert from 'uvu/assert'
import type { Fd, Host, Path, Sending } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { suite } from '../support/suite.ts'
import { fails, Kit } from './kit.ts'
import { join, toHex } from './sample-bytes.ts'

type Options = Parameters<Sending['openSentList']>[0]
type End = Parameters<Sending['endSentList']>[1]

interface Read {
  name: Path
  flags: number
  /** Of a later name of an inode: the number of the first. */
  first: number | undefined
  size?: number
  mode?: number
  uid?: number
  gid?: number
  text?: Path
  sum?: string
  device?: [number, number]
}

const everything: Options = {
  protocol: 31,
  varintFlags: true,
  links: true,
  owners: true,
  groups: true,
  devices: true,
  specials: true,
  hardLinks: true,
  checksum: undefined,
  entriesMax: 1000,
}
const users = [
  { id: 0, name: 'root' },
  { id: 7, name: 'seven' },
  { id: 8, name: 'nobody has it' },
]

/** Reads a list as a client does that asked for all this; what is behind the entries is left over. */
class Reader {
  private at = 0
  private previous = { name: '', mode: 0, uid: 0, gid: 0, major: 0 }
  readonly entries: Read[] = []

  constructor(
    private readonly bytes: Uint8Array,
    private readonly options: Options,
    private readonly sumLength: number,
  ) {
    while (this.entry());
  }

  get rest(): string {
    return toHex(this.bytes.subarray(this.at))
  }

  private byte(): number {
    const byte = this.bytes[this.at++]
    if (byte === undefined) throw new Error('the list ends too early')
    return byte
  }

  private take(length: number): Uint8Array {
    this.at += length
    assert.ok(this.at <= this.bytes.length)
    return this.bytes.subarray(this.at - length, this.at)
  }

  private number(lengthMin: number): number {
    const lead = this.byte()
    let extra = 0
    while (extra < 6 && (lead & (0x80 >> extra)) !== 0) extra++
    const low = this.take(lengthMin - 1 + extra)
    const top = lead & (extra < 6 ? 0x7f >> extra : 3)
    return low.reduce((sum, byte, i) => sum + byte * 256 ** i, 0) + top * 256 ** low.length
  }

  private entry(): boolean {
    const { options, previous } = this
    let flags = options.varintFlags ? this.number(1) : this.byte()
    if (!options.varintFlags && (flags & 4) !== 0) flags |= this.byte() << 8
    if (flags === 0 || (!options.varintFlags && flags === 0x1004)) return false
    const shared = (flags & 0x20) !== 0 ? this.byte() : 0
    const length = (flags & 0x40) !== 0 ? this.number(1) : this.byte()
    previous.name = previous.name.slice(0, shared) + bytesOfArray(this.take(length))
    const isLater = (flags & 0x1200) === 0x200
    const read: Read = { name: previous.name, flags, first: isLater ? this.number(1) : undefined }
    this.entries.push(read)
    if (read.first !== undefined) {
      const { mode = 0, uid = 0, gid = 0 } = this.entries[read.first] as Read
      Object.assign(previous, { mode, uid, gid })
      return true
    }
    read.size = this.number(3)
    if ((flags & 0x80) === 0) this.number(4)
    if ((flags & 0x2000) !== 0) this.number(1)
    if ((flags & 2) === 0) previous.mode = this.byte() | (this.byte() << 8) | (this.take(2)[0] ?? 0)
    read.mode = previous.mode
    if (options.owners && (flags & 8) === 0) previous.uid = this.number(1)
    if (options.groups && (flags & 0x10) === 0) previous.gid = this.number(1)
    Object.assign(read, { uid: previous.uid, gid: previous.gid })
    this.more(read, flags)
    return true
  }

  private more(read: Read, flags: number): void {
    const { options, previous } = this
    const kind = (read.mode ?? 0) & 0o170000
    const isDevice = kind === 0o020000 || kind === 0o060000
    const isSpecial = kind === 0o010000 || kind === 0o140000
    if ((options.devices && isDevice) || (options.specials && isSpecial && options.protocol < 31)) {
      if ((flags & 0x100) === 0) previous.major = this.number(1)
      read.device = [isDevice ? previous.major : 0, this.number(1)]
    }
    if (options.links && kind === 0o120000) read.text = bytesOfArray(this.take(this.number(1)))
    if (options.checksum && kind === 0o100000) read.sum = toHex(this.take(this.sumLength))
  }
}

export function sentDetailsContract(name: string, host: Host, scratch: Path): void {
  const { sending, checksums, files } = host
  const kit = new Kit(host, scratch)
  const test = suite(name)

  /** Lists all that is below a directory, and reads it. */
  function listed(directory: Fd, options: Options = everything, end: Partial<End> = {}) {
    const list = sending.openSentList(options)
    const place = sending.addPlace(list, { directory, path: '.', at: '.' })
    sending.addEntry(list, place, '.', { top: true, content: 'tree' })
    assert.equal(sending.walkList(list, 1000), { done: true, refused: [] })
    const without = { users: undefined, groups: undefined, rootName: false }
    sending.endSentList(list, { ioError: 0, errorEnd: true, ...without, ...end })
    const parts: Uint8Array[] = []
    const buffer = new Uint8Array(500)
    while (!sending.listDrained(list)) {
      parts.push(buffer.slice(0, sending.drainList(list, buffer, 0, buffer.length)))
    }
    sending.closeSentList(list)
    const { checksum } = options
    const sumLength = checksum ? checksums.hash(checksum, new Uint8Array(0)).length : 0
    return new Reader(join(...parts), options, sumLength)
  }

  const named = ({ entries }: Reader, wanted: Path) => {
    const found = entries.find((entry) => entry.name === wanted)
    if (!found) throw new Error(`${wanted} is not listed`)
    return found
  }

  function linked(): Fd {
    const directory = kit.fresh()
    files.makeDirectory(directory, 'd', 0o755)
    for (const path of ['one', 'two', 'single']) kit.put(directory, path)
    for (const path of ['d/one', 'other-one']) files.hardLink(directory, 'one', directory, path)
    files.hardLink(directory, 'two', directory, 'd/two')
    return directory
  }

  for (const varintFlags of [true, false]) {
    test(`hard links name the first of them, ${varintFlags ? 'varint' : 'byte'} flags`, () => {
      const options = { ...everything, varintFlags, checksum: 'md5' as const }
      const list = listed(linked(), options)
      assert.is(list.entries.length, 8)
      for (const names of [
        ['one', 'other-one', 'd/one'],
        ['two', 'd/two'],
      ]) {
        const numbers = names.map((path) => list.entries.indexOf(named(list, path)))
        const first = Math.min(...numbers)
        assert.is((list.entries[first]?.flags ?? 0) & 0x1200, 0x1200)
        for (const number of numbers.filter((it) => it !== first)) {
          assert.is(list.entries[number]?.first, first)
          assert.is((list.entries[number]?.flags ?? 0) & 0x1200, 0x200)
        }
      }
      assert.is(named(list, 'single').flags & 0x1200, 0)
      const plain = listed(linked(), { ...options, hardLinks: false })
      assert.ok(plain.entries.every(({ flags }) => (flags & 0x200) === 0))
    })
  }

  test('symlinks have their text, where links are asked for', () => {
    const directory = kit.fresh()
    files.makeLink('a text\xff', directory, 'link')
    const { text, size } = named(listed(directory), 'link')
    assert.is(text, 'a text\xff')
    assert.is(size, 7)
    const { text: none, size: same } = named(
      listed(directory, { ...everything, links: false }),
      'link',
    )
    assert.is(none, undefined)
    assert.is(same, 7)
  })

  for (const checksum of ['md5', 'xxh128', 'xxh64'] as Algorithm[]) {
    test(`files have their ${checksum}, where sums are asked for`, () => {
      const directory = kit.fresh()
      const large = new Uint8Array(1_500_000).fill(7)
      kit.put(directory, 'large', large)
      kit.put(directory, 'small', 'content')
      const list = listed(directory, { ...everything, checksum })
      assert.is(named(list, 'large').sum, toHex(checksums.hash(checksum, large)))
      const small = checksums.hash(checksum, arrayOfBytes('content'))
      assert.is(named(list, 'small').sum, toHex(small))
    })
  }

  test('owners, and the names of those that occur', () => {
    const directory = kit.fresh()
    kit.put(directory, 'file')
    const { uid, gid } = files.stat(directory, 'file') ?? { uid: -1, gid: -1 }
    const list = listed(directory, everything, { users, groups: [], rootName: true })
    assert.is(named(list, 'file').uid, uid)
    assert.is(named(list, 'file').gid, gid)
    // No error, then id 0 with its name, then id 0 without one.
    if (uid === 0) assert.is(list.rest, `00${'0004'}726f6f74${'0000'}`)
    if (kit.isRoot) {
      files.setMetadata(directory, 'file', kit.metadata({ uid: 7, gid: 70_000 }))
      const other = listed(directory, everything, { users, groups: users })
      assert.is(named(other, 'file').uid, 7)
      assert.is(named(other, 'file').gid, 70_000)
      assert.is(other.rest, `00${'0705'}736576656e${'00'}${'00'}`)
    }
  })

  test('fifos, sockets and devices', () => {
    const directory = kit.fresh()
    files.makeNode(directory, 'fifo', 'fifo', 0, 0)
    const nodes: [Path, 'char' | 'block', number, number][] = [
      ['one', 'char', 5, 1],
      ['two', 'char', 5, 300_000],
      ['three', 'block', 259, 3],
    ]
    if (kit.isRoot) for (const node of nodes) files.makeNode(directory, ...node)
    for (const protocol of [30, 31]) {
      const list = listed(directory, { ...everything, protocol })
      assert.equal(named(list, 'fifo').device, protocol < 31 ? [0, 0] : undefined)
      if (kit.isRoot) {
        for (const [path, , major, minor] of nodes) {
          assert.equal(named(list, path).device, [major, minor])
          assert.is(named(list, path).size, 0)
        }
      }
    }
  })

  test('an error is in the end of the list, as far as the protocol has a place for it', () => {
    const directory = kit.fresh()
    assert.is(listed(directory, everything, { ioError: 2 }).rest, '02')
    const bytes = { ...everything, varintFlags: false }
    assert.is(listed(directory, bytes, { ioError: 2 }).rest, '02')
    assert.is(listed(directory, bytes, { ioError: 2, errorEnd: false }).rest, '')
  })

  test('a path of more bytes than the system takes', () => {
    const path = Array.from({ length: 20 }, () => 'p'.repeat(200)).join('/')
    const list = sending.openSentList(everything)
    const place = sending.addPlace(list, { directory: kit.fresh(), path, at: 'x' })
    const name = `x/${'n'.repeat(200)}`
    const add = () => sending.addEntry(list, place, name, { top: false, content: 'none' })
    fails('ENAMETOOLONG', add)
    sending.closeSentList(list)
  })

  test('a list is not touched while its walk asks', () => {
    const directory = kit.fresh()
    kit.put(directory, 'file')
    const list = sending.openSentList(everything)
    const place = sending.addPlace(list, { directory, path: '.', at: '.' })
    sending.addEntry(list, place, '.', { top: true, content: 'tree' })
    const stop = new Error('enough')
    const keep = () => {
      const close = () => sending.closeSentList(list)
      assert.throws(close, 'the list is being walked')
      assert.throws(() => sending.sentSummary(list), 'the list is being walked')
      throw stop
    }
    assert.throws(
      () => sending.walkList(list, 10, keep),
      (error: unknown) => error === stop,
    )
    sending.closeSentList(list)
  })

  test.run()
}
