// deadline: 20 minutes
/** Our client against the stock daemons of the field: versions, checksums, compressions, bases. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { CHECKSUMS } from '../../src/rsync/negotiation.ts'
import { Session } from '../../src/rsync/session.ts'
import { startProxy } from '../support/proxy.ts'
import { rejects } from '../support/rejects.ts'
import { fetchAll, host, optionsFor } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { OURS } from '../support/servers.ts'
import { stockRsyncs } from '../support/stock-rsync.ts'
import { test } from '../support/suite.ts'
import { everyServer } from './every-rsync.ts'

const digest = (content: Buffer) => createHash('sha256').update(content).digest('hex')

/** Text that compresses, so that all compressions have something to do. */
function words(length: number, seed: number): Buffer {
  const content = Buffer.alloc(length)
  let random = seed
  for (let at = 0; at < length; at++) {
    random = (random * 48_271) % 0x7fffffff
    content[at] = 97 + (random % 7)
  }
  return content
}

const folder = scratch('module')
const local = scratch('local')
const text = words(300_000, 7)
const noise = randomBytes(120_000)
const STRANGE = ['a b', 'n\nl', '#x', ';y', '-z', 'ü', '\xff\xfe', 'back\\slash', 'st*r', '[b]']

for (const under of ['42/root/etc', '42/root/usr/lib']) {
  mkdirSync(join(folder, under), { recursive: true })
}
writeFileSync(join(folder, 'latest'), 'kind=release\n')
writeFileSync(join(folder, '42/manifest'), text)
writeFileSync(join(folder, '42/root/etc/noise'), noise)
writeFileSync(join(folder, '42/root/etc/empty'), '')
writeFileSync(join(folder, '42/root/usr/lib/text'), text)
for (const name of STRANGE) {
  writeFileSync(Buffer.from(join(folder, '42/root/usr/lib', name), 'latin1'), `I am ${name}`)
}
const changed = Buffer.concat([
  text.subarray(0, 100_001),
  Buffer.from('changed'),
  text.subarray(99_000),
])
writeFileSync(join(local, 'changed'), changed)
writeFileSync(join(local, 'half'), text.subarray(0, 150_000))
writeFileSync(join(local, 'none'), '')
writeFileSync(join(local, 'same'), text)

/** By protocol 30, ours takes no names from a list: see `must-fail.ts`. */
const each = everyServer(() => [{ name: 'xo', path: folder }])

test('what is tested against: at least two different releases', async () => {
  const versions = (await stockRsyncs()).map(({ version }) => version)
  console.log(`met rsync ${versions.join(', ')}`)
  assert.ok(new Set(versions).size >= 2, `only rsync ${versions.join(', ')}`)
})

each('lists by path arguments with wildcards, and fetches from the list', async ({ port }) => {
  const texts: string[] = []
  const options = optionsFor(port, { kind: 'paths', paths: ['latest', '*/manifest', 'missing'] })
  options.onServerText = (level, words) => texts.push(`${level}: ${words}`)
  const { session, files } = await fetchAll(options, ['latest', '42/manifest'])
  assert.is(session.find, Session.prototype.find)
  assert.equal(files[0]?.content().toString(), 'kind=release\n')
  assert.equal(files[1]?.result, { size: text.length, digest: digest(text) })
  assert.is(texts.length, 1)
  assert.match(texts[0] ?? '', /^error: .*link_stat "\/?missing".*No such file/)
})

each('every checksum, compression and protocol', async ({ port }) => {
  for (const protocol of [30, 31, 32] as const) {
    for (const compression of ['none', 'zlibx', 'zstd', 'auto'] as const) {
      for (const checksum of CHECKSUMS) {
        const options = optionsFor(port, { kind: 'tree', under: '42/root' }, { compression })
        const names = ['etc/noise', 'etc/empty', 'usr/lib/text']
        const { session, files } = await fetchAll(
          { ...options, protocol, checksums: [checksum] },
          names,
          { 'usr/lib/text': join(local, 'changed') },
        )
        const what = `protocol ${protocol}, ${compression}, ${checksum}`
        assert.is(session.agreement.protocol, protocol)
        assert.is(session.agreement.checksum, checksum, what)
        assert.is(session.agreement.compression, compression === 'auto' ? 'zstd' : compression)
        const digests = files.map(({ result }) => result && 'digest' in result && result.digest)
        assert.equal(digests, [digest(noise), digest(Buffer.alloc(0)), digest(text)], what)
        assert.ok(session.traffic.matched > 250_000, `${what}: ${session.traffic.matched} matched`)
        assert.is(session.traffic.matched + session.traffic.literal, 420_000)
      }
    }
  }
})

each('any basis gives the same file, and a good one saves bytes', async ({ port }) => {
  const received: Record<string, number> = {}
  for (const basis of ['none', 'half', 'changed', 'same']) {
    const { session, files } = await fetchAll(
      optionsFor(port, { kind: 'paths', paths: ['42/manifest'] }),
      ['42/manifest'],
      { '42/manifest': join(local, basis) },
    )
    assert.equal(files[0]?.result, { size: text.length, digest: digest(text) })
    assert.ok(files[0]?.content().equals(text))
    received[basis] = session.traffic.received
  }
  const { none = 0, half = 0, same = 0 } = received
  assert.ok(
    none > 300_000 && half > 149_000 && half < 160_000 && same < 3000,
    JSON.stringify(received),
  )
  assert.ok((received.changed ?? 0) < 10_000, JSON.stringify(received))
})

each('exactly the named files, whatever their names', async ({ port }, server) => {
  const names = ['etc/noise', ...STRANGE.map((name) => `usr/lib/${name}`)]
  const selection = { kind: 'files-from', under: '42/root', names: [...names, 'gone'] } as const
  for (const protocol of [30, 31, 32] as const) {
    if (protocol === 30 && server === OURS) continue
    const { session, files } = await fetchAll({ ...optionsFor(port, selection), protocol }, names)
    assert.is(session.agreement.protocol, protocol)
    for (const file of files.slice(1)) {
      const expected = `I am ${file.name.slice('usr/lib/'.length)}`
      assert.is(file.content().toString(), expected)
    }
  }
})

each('names are asked for as they are sent, and answers while they come', async ({ port }) => {
  function* names() {
    for (let i = 0; i < 20_000; i++) yield `nothing/with/a/long/name/${i}`
    yield 'etc/noise'
  }
  const selection = { kind: 'files-from', under: '42/root', names: names() } as const
  const { files } = await fetchAll(optionsFor(port, selection), ['etc/noise'])
  assert.equal(files[0]?.result, { size: noise.length, digest: digest(noise) })
})

each(
  'a server that negotiates nothing is asked again in its own words',
  async ({ port }, server) => {
    for (const [protocol, compression, agreed] of [
      [31, 'auto', 'none'],
      [30, 'auto', 'none'],
      [32, 'none', 'none'],
    ] as const) {
      if (protocol === 30 && server === OURS) continue
      const selection = { kind: 'files-from', under: '42/root', names: ['usr/lib/text'] } as const
      const options = optionsFor(port, selection, { compression, protocol, capabilities: 'LsfxC' })
      const { session, files } = await fetchAll(options, ['usr/lib/text'], {
        'usr/lib/text': join(local, 'changed'),
      })
      assert.is(session.agreement.checksum, 'md5')
      assert.is(session.agreement.compression, agreed)
      assert.equal(files[0]?.result, { size: text.length, digest: digest(text) })
      assert.ok(session.traffic.matched > 250_000)
    }
  },
)

each('without the proper order of seeds no sums are sent', async ({ port }) => {
  const options = optionsFor(port, { kind: 'paths', paths: ['42/manifest'] })
  const { session, files } = await fetchAll({ ...options, capabilities: 'Lsfx' }, ['42/manifest'], {
    '42/manifest': join(local, 'same'),
  })
  assert.is(session.traffic.matched, 0)
  assert.equal(files[0]?.result, { size: text.length, digest: digest(text) })
})

each('five round trips at most from the first byte to the last', async ({ port }) => {
  const proxy = await startProxy(port, { delayMs: 30 })
  try {
    const selection = { kind: 'files-from', under: '42/root', names: ['etc/noise'] } as const
    await fetchAll(optionsFor(proxy.port, selection), ['etc/noise'])
    // Handshake and list; the file; the goodbye.
    assert.ok(proxy.turns <= 3, `${proxy.turns} turns`)
    assert.is(proxy.connections, 1)
  } finally {
    proxy.close()
  }
})

each('a file that came broken is asked for again, once', async ({ port }) => {
  for (const broken of [1, 2]) {
    let times = 0
    const proxy = await startProxy(port, {
      change(chunk) {
        // The second block of literal text in an answer: deep inside the content.
        const at = chunk.indexOf(text.subarray(200_000, 200_040))
        if (at < 0 || times >= broken) return
        times++
        chunk[at] = 0
      },
    })
    try {
      const options = optionsFor(proxy.port, { kind: 'paths', paths: ['42/manifest', 'latest'] })
      const { files } = await fetchAll(options, ['42/manifest', 'latest'])
      assert.is(times, broken)
      assert.is(files[0]?.tries, 2)
      const expected =
        broken === 1 ? { size: text.length, digest: digest(text) } : { failed: 'damaged' }
      assert.equal(files[0]?.result, expected)
      assert.is(files[1]?.content().toString(), 'kind=release\n')
    } finally {
      proxy.close()
    }
  }
})

each('an empty list ends the session well', async ({ port }) => {
  const { session, files } = await fetchAll(
    optionsFor(port, { kind: 'paths', paths: ['nope'] }),
    [],
  )
  assert.is(session.entries, 0)
  assert.is(files.length, 0)
})

each('several fetches share a session', async ({ port }) => {
  const session = await Session.open(
    host,
    optionsFor(port, { kind: 'tree', under: '42/root' }, { compression: 'zstd' }),
  )
  const { Fetched } = await import('../support/rsync-client.ts')
  const results = scratch('several')
  for (const name of ['usr/lib/text', 'etc/empty', 'etc/noise']) {
    const file = new Fetched(name, results)
    await session.fetch([file.wanted()])
    assert.ok(file.result && 'digest' in file.result)
  }
  await session.finish()
  await rejects(session.fetch([]), /fetch after finish/)
})

test.run()
