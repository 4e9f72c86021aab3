/**
 * What native:sending promises about the list that is sent, for any host: what a client reads from it, the order, and
 * what lies behind an index. Runs in Node and in QuickJS: no Node types here.
 */
import type { AddedAs } from 'native:sending'
import * as assert from 'uvu/assert'
import type { Fd, Host, Path, Sending } from '../../src/host.ts'
import { suite } from '../support/suite.ts'
import { fails, Kit } from './kit.ts'
import { join, toHex } from './sample-bytes.ts'

type Options = Parameters<Sending['openSentList']>[0]
type End = Parameters<Sending['endSentList']>[1]

const plain: Options = {
  protocol: 31,
  varintFlags: true,
  links: false,
  owners: false,
  groups: false,
  devices: false,
  specials: false,
  hardLinks: false,
  checksum: undefined,
  entriesMax: 100_000,
}
const noIds: End = {
  ioError: 0,
  errorEnd: true,
  users: undefined,
  groups: undefined,
  rootName: false,
}
const tree: AddedAs = { top: true, content: 'tree' }
const none: AddedAs = { top: false, content: 'none' }

const isTokenError = (error: unknown) =>
  error instanceof Error && error.name === 'TokenError' && error.message.length > 10

export function sentListContract(name: string, host: Host, scratch: Path): void {
  const { sending, delta, files } = host
  const kit = new Kit(host, scratch)
  const test = suite(name)

  /** All names below a directory, in a list that is ready to be ended. */
  function listed(directory: Fd, options: Options = plain) {
    const list = sending.openSentList(options)
    const place = sending.addPlace(list, { directory, path: '.', at: '.' })
    sending.addEntry(list, place, '.', tree)
    let walk = sending.walkList(list, 3)
    while (!walk.done) walk = sending.walkList(list, 3)
    assert.equal(walk.refused, [])
    return list
  }

  function drain(list: object, end: End = noIds, pieceLength = 1000): Uint8Array {
    sending.endSentList(list, end)
    const parts: Uint8Array[] = []
    const buffer = new Uint8Array(pieceLength)
    while (!sending.listDrained(list)) {
      parts.push(buffer.slice(0, sending.drainList(list, buffer, 0, buffer.length)))
    }
    return join(...parts)
  }

  const namesOf = (list: object) => {
    const { entries } = sending.sentSummary(list)
    return Array.from({ length: entries }, (_, i) => sending.sentAt(list, i)?.name)
  }

  function sample(): Fd {
    const directory = kit.fresh()
    for (const path of ['b', 'b/sub', 'a.d', 'empty']) files.makeDirectory(directory, path, 0o755)
    for (const path of ['b/1', 'b/sub/deep', 'b/sub/2', 'a.d/x', 'a', 'c', `${'n'.repeat(250)}`]) {
      kit.put(directory, path)
    }
    return directory
  }

  for (const varintFlags of [true, false]) {
    for (const protocol of [30, 31, 32]) {
      const how = `${protocol}, ${varintFlags ? 'varint' : 'byte'} flags`
      test(`${how}: a client of ours reads the same names in the same order`, () => {
        const sent = listed(sample(), { ...plain, protocol, varintFlags })
        const bytes = drain(sent)
        const read = delta.openFileList({ protocol, varintFlags, relative: false, entriesMax: 100 })
        assert.is(delta.feedList(read, bytes, 0, bytes.length), bytes.length)
        assert.ok(delta.listEnded(read))
        const { entries } = sending.sentSummary(sent)
        assert.is(entries, 12)
        for (let i = 0; i < entries; i++) {
          const { name, size, mode, modifiedSeconds } = sending.sentAt(sent, i) ?? {}
          assert.equal(delta.listedAt(read, i), { name, size, mode, modifiedSeconds })
        }
        assert.is(sending.sentAt(sent, entries), undefined)
        delta.closeFileList(read)
        sending.closeSentList(sent)
      })
    }
  }

  test('files first, then directories with what is in them', () => {
    const list = listed(sample())
    drain(list)
    const long = 'n'.repeat(250)
    assert.equal(namesOf(list), [
      '.',
      'a',
      'c',
      long,
      'a.d',
      'a.d/x',
      'b',
      'b/1',
      'b/sub',
      'b/sub/2',
      'b/sub/deep',
      'empty',
    ])
    assert.equal(sending.sentAt(list, 9)?.place, { number: 0, path: 'b/sub/2' })
    sending.closeSentList(list)
  })

  test('pieces of any length', () => {
    const directory = sample()
    const whole = toHex(drain(listed(directory)))
    for (const length of [1, 2, 7, 100]) {
      assert.is(toHex(drain(listed(directory), noIds, length)), whole)
    }
  })

  test('a place has another name on the wire', () => {
    const directory = sample()
    const list = sending.openSentList(plain)
    const place = sending.addPlace(list, { directory, path: 'b', at: '42/root' })
    assert.is(sending.addPlace(list, { directory, path: 'b', at: '42/root' }), place)
    const made = { mode: 0o040755, size: 0, modifiedSeconds: 7, key: 5 }
    sending.addMade(list, '42', made, { top: true, content: 'none' })
    assert.is(sending.addEntry(list, place, '42/root', tree) & 0o170000, 0o040000)
    const kept = (path: Path) => path !== '42/root/sub/2'
    assert.equal(sending.walkList(list, 1000, kept), { done: true, refused: [] })
    drain(list)
    assert.equal(namesOf(list), ['42', '42/root', '42/root/1', '42/root/sub', '42/root/sub/deep'])
    assert.equal(sending.sentAt(list, 0), {
      name: '42',
      size: 0,
      mode: 0o040755,
      modifiedSeconds: 7,
      place: undefined,
      key: 5,
    })
    assert.is(sending.sentAt(list, 1)?.place?.path, 'b')
    assert.is(sending.sentAt(list, 4)?.place?.path, 'b/sub/deep')
    sending.closeSentList(list)
  })

  test('the names in a directory, without what is below', () => {
    const list = sending.openSentList(plain)
    const place = sending.addPlace(list, { directory: sample(), path: '.', at: '.' })
    sending.addEntry(list, place, '.', { top: true, content: 'names' })
    assert.ok(sending.walkList(list, 1000).done)
    drain(list)
    assert.is(sending.sentSummary(list).entries, 7)
    sending.closeSentList(list)
  })

  test('what is not there, is not below its place, or is too much', () => {
    const directory = sample()
    const list = sending.openSentList({ ...plain, entriesMax: 5 })
    const place = sending.addPlace(list, { directory, path: '.', at: '.' })
    fails('ENOENT', () => sending.addEntry(list, place, 'missing', none), 'missing')
    fails('EXDEV', () => sending.addEntry(list, place, '../x', none), '../x')
    const below = sending.addPlace(list, { directory, path: '.', at: 'x' })
    assert.throws(() => sending.addEntry(list, below, 'y', none), '"y" is not below "x"')
    assert.throws(() => sending.addEntry(list, 7, 'y', none), 'there is no place 7')
    sending.addEntry(list, place, '.', tree)
    assert.throws(() => sending.walkList(list, 1000), isTokenError)
    sending.closeSentList(list)
    assert.throws(() => sending.listDrained(list), 'no open list to be sent')
  })

  test.run()
}
