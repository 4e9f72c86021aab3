/**
 * Our own client served by our own daemon, over a connection in memory: whole trees, deltas, names, cuts at every
 * byte; and clients that are silent, drip, or don't read, over a clock that jumps.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { DeadlineError, isExpected } from '../../src/errors.ts'
import { Session, type SessionOptions } from '../../src/rsync/session.ts'
import type { OfferedModule } from '../../src/serve/offering.ts'
import { type ServedClient, type ServeOptions, serveConnection } from '../../src/serve/serve.ts'
import { deadline } from '../support/deadline.ts'
import { MemoryLine } from '../support/memory-line.ts'
import { latin } from '../support/peer-bytes.ts'
import { Fetched, host, optionsFor } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { suite } from '../support/suite.ts'

const test = suite('a served session')
const TEXT = Array.from({ length: 3000 }, (_, i) => `line ${i * 7919}\n`).join('')

function makeFolder(): string {
  const folder = scratch('served')
  mkdirSync(join(folder, '42/root/bin'), { recursive: true })
  writeFileSync(join(folder, 'latest'), 'kind=release\n')
  writeFileSync(join(folder, '42/root/bin/sh'), TEXT)
  writeFileSync(join(folder, '42/root/empty'), '')
  symlinkSync('sh', join(folder, '42/root/bin/bash'))
  return folder
}

const FOLDER = makeFolder()

/** A module whose handles are counted. */
function makeModule(more: Partial<OfferedModule> = {}) {
  const counts = { open: 0 }
  const module: OfferedModule = {
    name: 'xo',
    comment: '',
    open() {
      counts.open++
      const directory = host.files.openRoot(FOLDER)
      return {
        places: [{ at: '.', directory, path: '.' }],
        close() {
          counts.open--
          host.files.close(directory)
        },
      }
    },
    ...more,
  }
  return { module, counts }
}

interface Line {
  line: MemoryLine
  served: Promise<ServedClient>
  counts: { open: number }
  /** Somebody else needs the time to go on. */
  waits: { count: number }
}

function startServer(
  more: Partial<ServeOptions> = {},
  lineOptions: MemoryLine['options'] = {},
  module: Partial<OfferedModule> = {},
): Line {
  const line = new MemoryLine(new VirtualClock(), lineOptions)
  const { sockets } = line
  const made = makeModule(module)
  const served = serveConnection(
    { ...host, sockets, clock: line.time.asHost },
    line.server,
    { modules: () => [made.module] },
    { client: 'a client', timeoutMs: 60_000, handshakeMs: 30_000, ...more },
  )
  let ended = false
  void served.finally(() => {
    ended = true
  })
  const waits = { count: 0 }
  void line.time.pass(() => ended && waits.count === 0)
  return { line, served, counts: made.counts, waits }
}

async function fetched(
  { line, waits }: Line,
  options: SessionOptions,
  names: string[],
  basis?: string,
) {
  waits.count++
  try {
    return await fetchedOver(line, options, names, basis)
  } finally {
    waits.count--
  }
}

async function fetchedOver(
  line: MemoryLine,
  options: SessionOptions,
  names: string[],
  basis?: string,
) {
  const modules = { ...host, sockets: line.sockets, clock: line.time.asHost }
  const folder = scratch('fetched')
  const files = names.map((name) => new Fetched(name, folder, basis))
  const session = await Session.open(modules, options)
  try {
    await session.fetch(files.map((file) => file.wanted()))
    await session.finish()
    return { files, entries: session.entries, traffic: session.traffic }
  } finally {
    session.close()
    for (const file of files) file.close()
  }
}

const SMALL = { kind: 'paths', paths: ['latest'] } as const
const TREE = { kind: 'tree', under: '42/root' } as const

test('a tree, in every protocol, compression and checksum', async () => {
  for (const protocol of [30, 31, 32] as const) {
    for (const compression of ['none', 'zlibx', 'zstd'] as const) {
      for (const checksum of ['xxh128', 'md5'] as const) {
        const server = startServer()
        const options = optionsFor(873, TREE, { protocol, compression, checksums: [checksum] })
        const { files } = await deadline(fetched(server, options, ['bin/sh', 'empty']))
        assert.equal(
          files.map((file) => file.content().toString()),
          [TEXT, ''],
        )
        const { fault, files: sent, entries } = await server.served
        assert.is(fault, undefined)
        assert.is(sent, 2)
        assert.is(entries, 5)
        assert.is(server.counts.open, 0)
      }
    }
  }
})

test('names and paths; what is missing is told, and the rest comes', async () => {
  for (const selection of [
    { kind: 'files-from', under: '42/root', names: ['bin/sh', 'no-such'] },
    { kind: 'paths', paths: ['42/*/bin/sh', 'no-such'] },
  ] as const) {
    const server = startServer()
    const texts: string[] = []
    const options = optionsFor(873, selection)
    options.onServerText = (_, text) => texts.push(text)
    const name = selection.kind === 'paths' ? '42/root/bin/sh' : 'bin/sh'
    const { files } = await deadline(fetched(server, options, [name]))
    assert.is(files[0]?.content().toString(), TEXT)
    assert.match(texts.join(''), /link_stat "\/.*no-such".* failed: No such file or directory/)
    assert.is((await server.served).fault, undefined)
  }
})

test('a basis saves what it has', async () => {
  const basis = join(scratch('basis'), 'sh')
  writeFileSync(basis, `${TEXT.slice(0, 20_000)}changed${TEXT.slice(20_000)}`)
  const server = startServer()
  const { traffic } = await deadline(fetched(server, optionsFor(873, TREE), ['bin/sh'], basis))
  assert.ok(traffic.literal < 3000, `${traffic.literal} bytes came literally`)
  const { literal, matched } = await server.served
  assert.is(literal + matched, TEXT.length)
})

test('a password', async () => {
  const secrets = new Map([['xo', 'secret']])
  for (const [password, right] of [
    ['secret', true],
    ['Secret', false],
  ] as const) {
    const server = startServer({}, {}, { secrets })
    const options = optionsFor(873, TREE, { address: { user: 'xo', password } })
    const result = await deadline(
      fetched(server, options, ['empty']).then(
        () => 'served',
        (error: Error) => error.message,
      ),
    )
    if (right) assert.is(result, 'served')
    else assert.match(result, /auth failed on module xo/)
    assert.is((await server.served).module, right ? 'xo' : undefined)
  }
})

test('a cut anywhere ends the session, and nothing stays open', async () => {
  const whole = startServer()
  await fetched(whole, optionsFor(873, SMALL), ['latest'])
  const { carried } = whole.line
  for (let cutAfter = 1; cutAfter < carried; cutAfter++) {
    const server = startServer({}, { cutAfter })
    const outcome = await deadline(
      fetched(server, optionsFor(873, SMALL), ['latest']).then(
        () => undefined,
        (error: unknown) => error,
      ),
    )
    assert.ok(outcome === undefined || isExpected(outcome), `after ${cutAfter} bytes: ${outcome}`)
    const { fault } = await deadline(server.served)
    assert.ok(fault === undefined || isExpected(fault), `after ${cutAfter} bytes: ${fault}`)
    assert.is(server.counts.open, 0)
    assert.ok(server.line.server.closed)
  }
})

/** What a client says on the line before it asks for files, as stock does. */
const GREETING =
  '@RSYNCD: 32.0 sha512 sha256\nxo\n--server\0--sender\0-re.LsfxCIvu\0.\0xo/\0\0\x03md5'
const FILTERS = '\x04\0\0\x07\0\0\0\0'

async function says(line: MemoryLine, words: string): Promise<void> {
  const bytes = latin(words)
  await line.sockets.write(line.client, bytes, 0, bytes.length, 1000)
}

/** Reads all that comes, until the server hangs up. */
async function hears(line: MemoryLine): Promise<string> {
  const buffer = new Uint8Array(64 * 1024)
  let heard = ''
  for (;;) {
    const count = await line.sockets.read(line.client, buffer, 0, buffer.length, 1e9)
    if (count === 0) return heard
    heard += Buffer.from(buffer.slice(0, count)).toString('latin1')
  }
}

test('attack: a client that says nothing, or a byte now and then, does not get past the handshake', async () => {
  for (const drip of [false, true]) {
    const server = startServer()
    const { line } = server
    const beganMs = line.time.nowMs()
    void hears(line)
    const dripping = async () => {
      for (const letter of '@RSYNCD: 32.0 '.repeat(100)) {
        await says(line, letter)
        await line.time.asHost.sleep(2000)
      }
    }
    if (drip) dripping().catch(() => {})
    const { fault } = await deadline(server.served)
    assert.instance(fault, DeadlineError)
    assert.ok(line.time.nowMs() - beganMs < 45_000)
  }
})

test('attack: a client that does not read is dropped', async () => {
  const server = startServer({}, { capacity: 100 })
  await says(server.line, GREETING.slice(0, 40)).catch(() => {})
  server.line.options.capacity = 1e6
  await says(server.line, GREETING.slice(40) + FILTERS)
  server.line.options.capacity = 200
  const { fault } = await deadline(server.served)
  assert.instance(fault, DeadlineError)
  assert.is(server.counts.open, 0)
})

test('a client that thinks for minutes about a long list is waited for, and one that is gone is not', async () => {
  const server = startServer()
  const { line } = server
  const heard = hears(line)
  await says(line, GREETING + FILTERS)
  await line.time.asHost.sleep(59_000)
  // The first phase, the second, and the goodbye.
  await says(line, '\x01\0\0\x07\0')
  assert.ok(!line.server.closed)
  const { fault } = await deadline(server.served)
  assert.instance(fault, DeadlineError)
  assert.match(fault?.message ?? '', /in the time that its list allows/)
  assert.match(await heard, /latest/)
})

test('attack: requests for what is no file, past the list, and after the end', async () => {
  for (const [request, why] of [
    ['\x06\0\0\x07\xfe\x80\x10\0\0\0', /which the list has not/],
    [`\x13\0\0\x07\x01\0\x80${'\0'.repeat(16)}`, /which is no file/],
    ['\x04\0\0\x07\xff\x09\0\0', /which the list has not/],
    [`\x15\0\0\x07\0\0\x02\0\x80${'\0'.repeat(16)}`, /after the last phase/],
    [`\x13\0\0\x07\x02\0\x80${'\xff'.repeat(16)}`, /protocol error/],
    ['\x03\0\0\x07\x02\0\0'.concat('\x05\0\0\x07\xfe\0\0\0\0'.repeat(40)), /too many requests/],
  ] as const) {
    const server = startServer()
    const heard = hears(server.line)
    await says(server.line, GREETING + FILTERS + request)
    const { fault } = await deadline(server.served)
    assert.match(fault?.message ?? '', why)
    // It is told, and asked to go.
    assert.ok((await heard).endsWith('\x04\0\0\x5d\x02\0\0\0'))
  }
})

test('attack: lines, arguments and rules without an end', async () => {
  const long = 'x'.repeat(300_000)
  const many = 'x\0'.repeat(5000)
  const upToArguments = GREETING.slice(0, GREETING.indexOf('--server'))
  const upToFilters = GREETING
  for (const words of [
    long,
    `@RSYNCD: 32.0 sha256\n${long}`,
    upToArguments + long,
    upToArguments + many,
    `${upToFilters}\x04\0\0\x07\xff\xff\xff\x7f`,
  ]) {
    const server = startServer()
    void hears(server.line)
    await says(server.line, words).catch(() => {})
    const { fault } = await deadline(server.served)
    assert.ok(isExpected(fault), String(fault))
    assert.is(server.counts.open, 0)
  }
})

test('a folder is read, and nothing in it is changed', () => {
  assert.is(readFileSync(join(FOLDER, '42/root/bin/sh')).toString(), TEXT)
})

test.run()
