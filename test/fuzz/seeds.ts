/**
 * The inputs that fuzzing begins with: what each target is given when all goes well. They are made by our
 * own codecs, and of the recorded sessions with stock daemons, by listening to what C was fed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../../src/host.ts'
import { comparePaths, type Entry, formatManifestLine } from '../../src/release/manifest-line.ts'
import { host } from '../support/rsync-client.ts'
import { parseWire, Recording, replayed } from '../vectors/recording.ts'
import { play, SCENARIOS } from '../vectors/scenarios.ts'
import { packSeeds, predictSeeds } from './pack-seeds.ts'

/** By the name of the target. */
type Seeds = Record<string, Uint8Array[]>

const VECTORS = 'test/vectors'
const bytes = (...values: number[]) => Buffer.from(values)
const short = (value: number) => bytes(value & 0xff, value >> 8)
const latin = (text: string) => Buffer.from(text, 'latin1')

/** What native:delta was fed in a session, in the form that the targets take. */
class Listener {
  readonly lists = new Map<object, Buffer>()
  readonly streams = new Map<object, { name: string; stream: Buffer }>()

  /** The functions of the real module, listened to. */
  delta(): Host['delta'] {
    const real = host.delta
    const { lists, streams } = this
    const add = (one: Buffer, buffer: Uint8Array, offset: number, length: number) =>
      Buffer.concat([one, buffer.subarray(offset, offset + length)])
    return {
      ...real,
      openFileList(options) {
        const list = real.openFileList(options)
        const { protocol, varintFlags, relative } = options
        const choice = (protocol < 31 ? 1 : 0) | (varintFlags ? 2 : 0) | (relative ? 4 : 0)
        lists.set(list, bytes(choice, 40))
        return list
      },
      feedList(list, buffer, offset, length) {
        const used = real.feedList(list, buffer, offset, length)
        lists.set(list, add(lists.get(list) ?? bytes(), buffer, offset, used))
        return used
      },
      openRebuilder(compression, algorithm) {
        const rebuilder = real.openRebuilder(compression, algorithm)
        const name = `rebuild-${compression === 'none' ? 'plain' : compression}`
        // MD5, pieces of some hundred bytes; a basis of 50 blocks of 700; files of up to 6,000,000 bytes.
        const plan = [bytes(4, 9, 7), short(700), bytes(50), short(0), short(60_000)]
        streams.set(rebuilder, { name, stream: Buffer.concat(plan) })
        return rebuilder
      },
      feed(rebuilder, buffer, offset, length) {
        const used = real.feed(rebuilder, buffer, offset, length)
        const of = streams.get(rebuilder)
        if (of) of.stream = add(of.stream, buffer, offset, used)
        return used
      },
    }
  }
}

async function ofSessions(seeds: Seeds): Promise<void> {
  for (const file of readdirSync(VECTORS).filter((name) => name.endsWith('.wire'))) {
    const scenario = SCENARIOS.find(({ name }) => file.endsWith(`-${name}.wire`))
    if (!scenario) throw new Error(`${file} has no scenario`)
    const listener = new Listener()
    const recorded = parseWire(readFileSync(join(VECTORS, file), 'utf8'))
    const whole = () => Number.MAX_SAFE_INTEGER
    const sockets = replayed(recorded.map((pieces) => new Recording(pieces, whole)))
    await play({ ...host, sockets, delta: listener.delta() }, 873, scenario)
    for (const list of listener.lists.values()) add(seeds, 'file-list', list)
    for (const { name, stream } of listener.streams.values()) add(seeds, name, stream)
  }
}

function add(seeds: Seeds, name: string, ...inputs: Uint8Array[]): void {
  seeds[name] = [...(seeds[name] ?? []), ...inputs]
}

const PLAIN: Entry = {
  path: '.',
  type: 'dir',
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  modified: { seconds: 1_700_000_000, nanoseconds: 5 },
  link: '',
  major: 0,
  minor: 0,
  digest: '',
  links: 1,
  hardLinkTo: undefined,
  xattrs: [],
}

/** One of each type, a hard link, attributes, and names that have to be escaped. */
function entries(word: string): Entry[] {
  const file = { ...PLAIN, type: 'file' as const, mode: 0o4755, size: 3, digest: word.repeat(32) }
  const attribute = { name: 'security.capability', value: bytes(1, 0, 0, 2, 0, 32) }
  return [
    PLAIN,
    { ...PLAIN, path: 'dev' },
    { ...PLAIN, path: 'dev/console', type: 'char', major: 5, minor: 1 },
    { ...PLAIN, path: 'dev/sda', type: 'block', major: 8, minor: 0, gid: 6 },
    { ...PLAIN, path: 'etc' },
    { ...PLAIN, path: 'etc/link', type: 'link', link: '../no where\n\xff' },
    { ...file, path: 'etc/passwd', modified: { seconds: -5, nanoseconds: 999_999_999 } },
    { ...file, path: 'etc/ping', xattrs: [attribute, { name: 'user.x', value: bytes() }] },
    { ...file, path: 'etc/two', links: 2 },
    { ...file, path: 'etc/two names', links: 2, hardLinkTo: 'etc/two' },
    { ...PLAIN, path: 'run', type: 'fifo' },
    { ...PLAIN, path: 'run=#\\\xe4\x01', type: 'socket' },
  ]
}

function ofManifests(seeds: Seeds): void {
  const [lines, others] = ['a5', '00'].map((word) => entries(word).map(formatManifestLine))
  const text = (of: string[] = []) =>
    latin(`#mtree v2.0\n${of.map((line) => `${line}\n`).join('')}`)
  add(seeds, 'manifest-line', ...(lines ?? []).map(latin))
  add(seeds, 'manifest-line', latin('./x type=char mode=600 uid=1 gid=1 time=1 device=0x801'))
  add(seeds, 'manifest-words', ...(lines ?? []).map((line) => latin(` \x20${line}`)))
  add(seeds, 'manifest-words', latin(',\x08\\040\\M-a\\M^A\\^?\\s,0755,YWJj,YWI=,c0ffee'))
  for (const live of [lines, others, others?.slice(0, 5), []]) {
    add(seeds, 'manifest', Buffer.concat([text(lines), bytes(0), text(live)]))
  }
}

/** The live tree of the target has `etc/passwd`, with the content "abc", under two names. */
function ofTrees(seeds: Seeds): void {
  const modified = { seconds: 5, nanoseconds: 0 }
  const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  const file = { ...PLAIN, type: 'file' as const, mode: 0o644, size: 3, digest, modified, links: 2 }
  const live = [
    PLAIN,
    { ...PLAIN, path: 'etc' },
    { ...file, path: 'etc/passwd' },
    { ...file, path: 'etc/two', hardLinkTo: 'etc/passwd' },
    { ...PLAIN, path: 'out', type: 'link' as const, link: '/etc' },
  ]
  const text = (of: Entry[]) => latin(of.map((entry) => `${formatManifestLine(entry)}\n`).join(''))
  const moved = live.map((entry) => ({ ...entry, uid: 7, path: entry.path.replace('etc', 'new') }))
  for (const wanted of [live, moved, entries('a5')]) {
    const sorted = wanted.sort((one, other) => comparePaths(one.path, other.path))
    add(seeds, 'tree', Buffer.concat([text(sorted), bytes(0), text(live)]))
  }
  add(seeds, 'paths', latin('\0a/b/c'), latin('\x01a/up/a'), latin('\0in/file'), latin('\0../a'))
}

/** A message to the outer process, as `struct request` lays it out, after how many descriptors go along. */
function request(
  kind: number,
  numbers: number[],
  words: string[],
  descriptors: number,
): Uint8Array {
  const head = Buffer.alloc(28)
  for (const [at, value] of [kind, ...numbers].entries()) head.writeInt32LE(value, at * 4)
  const message = Buffer.concat([head, latin(words.map((word) => `${word}\0`).join(''))])
  return Buffer.concat([bytes(1, descriptors), short(message.length), message])
}

function ofProcesses(seeds: Seeds): void {
  const ssh = ['/usr/bin/ssh', '-p', '22', '--', 'school.example', 'HOME=/run/xo']
  const start = request(0, [0, 0, 5, 1, 1, 1], ssh, 3)
  const hook = request(0, [0, 0, 1, 0, 0, 0], ['/etc/hook'], 1)
  const end = request(1, [0x10000000, 15, 0, 0, 0, 0], [], 0)
  const again = request(2, [0, 0, 0, 0, 0, 0], [], 0)
  add(seeds, 'outside', start, hook, Buffer.concat([start, end, hook, again]))
  add(
    seeds,
    'mount-lines',
    latin('36 35 98:0 /mnt1 /media/a\\040stick rw,noatime master:1 - ext3 /dev/root rw'),
    latin('22 1 0:20 / / rw shared:1 - proc\\134 proc rw\n'),
  )
}

function ofOthers(seeds: Seeds): void {
  add(seeds, 'block-sums', Buffer.concat([bytes(4, 1, 0, 0), short(100), short(4), bytes(16)]))
  const basis = Buffer.alloc(350, 'text of a basis ')
  const head = [bytes(0, 7, 0, 0), short(100), short(4), bytes(8), short(50)]
  add(seeds, 'block-sums', Buffer.concat([...head, basis]))
  for (const compression of [0, 1, 2]) {
    // In each way: sums of the basis, which is most of the file, and sums of nothing.
    const choice = compression << 4
    add(seeds, 'sending', Buffer.concat([bytes(choice | 4, 99, 31), short(350), basis, basis]))
    const strange = [bytes(choice, 9, 49, 8), short(100), basis.subarray(0, 100)]
    add(seeds, 'sending', Buffer.concat([...strange, Buffer.alloc(24, 1), basis]))
  }
  add(seeds, 'hashes', Buffer.concat([short(63), short(1000), basis]))
  add(seeds, 'signatures', Buffer.concat([short(777), Buffer.alloc(32, 9), basis.subarray(0, 90)]))
  add(seeds, 'byte-strings', latin('etc/\xe4\xff'), Buffer.from('ä€😀'))
  for (const word of ['127.0.0.1', 'fe80::1', '::ffff:10.0.0.1', '0x7f.1', 'fe80::1%lo']) {
    add(seeds, 'addresses', Buffer.concat([bytes(3), latin(word)]))
  }
  const socket = Buffer.alloc(28)
  socket.writeUInt16LE(10)
  socket.set([3, 105, 0, 0, 0, 0, 0xfe, 0x80], 2)
  add(seeds, 'addresses', Buffer.concat([bytes(5), socket]))
}

export async function makeSeeds(): Promise<Seeds> {
  const seeds: Seeds = {}
  await ofSessions(seeds)
  ofManifests(seeds)
  ofTrees(seeds)
  ofProcesses(seeds)
  add(seeds, 'predict', ...predictSeeds())
  add(seeds, 'pack', ...packSeeds())
  ofOthers(seeds)
  return seeds
}
