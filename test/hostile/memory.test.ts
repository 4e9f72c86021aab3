/**
 * Whatever a peer sends, the program as it ships takes at most 32 MiB, ends by itself and names the
 * peer: endless lists, the longest names, windows and bombs of compression, files without end.
 */
import { cpSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { Device } from '../support/device.ts'
import { frame } from '../support/peer-bytes.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { entry, madeRelease, within } from './made-release.ts'
import {
  type Answer,
  Answers,
  agreed,
  END_OF_LIST,
  framed,
  HostileDaemon,
  listed,
} from './rsync-daemon.ts'

/** A system as large as those in the field. */
const ENTRIES = 46_000
const BIG = 'a-big'
const BIG_SIZE = 20_000_000
const DIRECTORY = 0o040755

/** Of the names of the image. */
const LONG = 200
const nameOf = (index: number, length: number) => `f${String(index).padStart(length - 1, '0')}`

const publisher = new Publisher()
const plain = Array.from({ length: ENTRIES - 2 }, (_, index) => entry(nameOf(index, LONG), 100))
/** A stick with a signed release of many entries, and none of its content. */
const stick = madeRelease(publisher, [entry('.', 0), entry(BIG, BIG_SIZE), ...plain])

/** Installs from the sources, which must fail as given, within the memory. */
async function attacked(urls: string[], status: number, message: RegExp): Promise<void> {
  const device = new Device({ sources: urls, keys: publisher.keys.publicFile })
  // File by file, since the list of the whole tree is what is attacked.
  await within(['install', '--no-packs', '--json', ...device.words], status, message)
}

async function daemonAttack(answer: Answer, message: RegExp, first: string[] = []): Promise<void> {
  const daemon = await HostileDaemon.start(answer)
  try {
    await attacked([...first, daemon.url], 69, message)
    assert.ok(daemon.sessions.length > 0, 'it was never asked')
  } finally {
    daemon.stop()
  }
}

/** The list of a whole tree: the wanted file, and as many names of a length as the image has entries. */
function* tree(nameLength: number, count = ENTRIES - 2): Generator<Buffer> {
  yield listed('.', 4096, DIRECTORY)
  yield listed(BIG, BIG_SIZE)
  for (let i = 0; i < count; i++) yield listed(nameOf(i, nameLength), 100)
  yield END_OF_LIST
}

const HONEST_LENGTH = 40
const LONGEST = 4095
const file = `file://${stick}`

test('names-of-4095-bytes, where a statement and manifests were asked for', async () => {
  function* names(): Generator<Buffer> {
    for (let i = 0; ; i++) yield listed(nameOf(i, LONGEST), 1)
  }
  await daemonAttack(function* () {
    yield agreed('zstd')
    yield* framed(names())
  }, /more than the \d+ bytes of names that were asked for/)
})

test('names-of-4095-bytes, where a whole tree was asked for', async () => {
  await daemonAttack(
    function* () {
      yield agreed('zstd')
      yield* framed(tree(LONGEST))
    },
    /more than the \d+ bytes of names that were asked for/,
    [file],
  )
})

test('list-without-end, where a whole tree was asked for', async () => {
  await daemonAttack(
    function* () {
      yield agreed('zstd')
      yield* framed(tree(HONEST_LENGTH, Number.POSITIVE_INFINITY))
    },
    /more than [0-9]+ entries/,
    [file],
  )
})

/** A zstd frame that says a window of 2^log bytes, and then blocks that each repeat one byte 128 Ki times. */
function* zstdBomb(log: number): Generator<Buffer> {
  const block = ((2 ** 17) << 3) | 2
  yield Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3])
  for (;;) yield Buffer.from([block & 255, (block >> 8) & 255, block >> 16, 0x61])
}

/** Compressed bytes as the tokens of one file. */
function* tokens(bytes: Iterable<Buffer>): Generator<Buffer> {
  for (const piece of bytes) {
    yield Buffer.concat([Buffer.from([0x40 | (piece.length >> 8), piece.length & 255]), piece])
  }
}

for (const [log, message] of [
  [23, /grows past the 20000000 bytes|would take more than the [0-9]+ MiB/],
  [27, /broken zstd stream: Frame requires too much memory/],
] as const) {
  test(`zstd-window-of-2-to-the-${log}, beside the largest list that passes`, async () => {
    await daemonAttack(
      function* () {
        yield agreed('zstd')
        yield* framed(tree(LONG))
        yield* framed([new Answers().head(1)])
        yield* framed(tokens(zstdBomb(log)))
      },
      message,
      [file],
    )
  })
}

test('deflate-bomb', async () => {
  const zeros = deflateRawSync(Buffer.alloc(8_000_000), { finishFlush: 2 })
  function* bomb(): Generator<Buffer> {
    for (;;) for (let at = 0; at < zeros.length; at += 10_000) yield zeros.subarray(at, at + 10_000)
  }
  await daemonAttack(
    function* () {
      yield agreed('zlibx')
      yield* framed(tree(HONEST_LENGTH))
      yield* framed([new Answers().head(1)])
      yield* framed(tokens(bomb()))
    },
    /grows past the 20000000 bytes/,
    [file],
  )
})

test('nothing-of-what-was-asked-for', async () => {
  await daemonAttack(
    function* () {
      yield agreed('zlibx')
      yield* framed([listed('.', 4096, DIRECTORY), listed('other', 1), END_OF_LIST])
    },
    /lacks 45999 files of this version/,
    [file],
  )
})

test('words-without-end', async () => {
  await daemonAttack(function* () {
    yield agreed('zlibx')
    for (let i = 0; i < 3000; i++) yield frame(3, Buffer.alloc(8000, 'x'))
  }, /says more, which is not shown/)
})

for (const name of ['latest', 'keys', '42/manifest', '42/release']) {
  test(`stick-with-a-${name.replace('/', '-')}-of-a-gigabyte`, async () => {
    const huge = scratch('huge')
    cpSync(stick, huge, { recursive: true })
    rmSync(join(huge, name), { force: true })
    writeFileSync(join(huge, name), '')
    truncateSync(join(huge, name), 2 ** 30)
    const status = name === '42/release' || name === 'keys' ? 69 : 65
    await attacked([`file://${huge}`], status, /"error"/)
  })
}

test.run()
