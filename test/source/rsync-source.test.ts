/** A stock rsync daemon as a source: one session for statement and manifest, one for content. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { DeadlineError, PeerError, TrustError } from '../../src/errors.ts'
import { openSource } from '../../src/source/open-source.ts'
import type { Source } from '../../src/source/source.ts'
import { Store } from '../../src/store/store.ts'
import type { FileOutcome, WantedFile } from '../../src/wanted-file.ts'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath, sourceOptions } from '../support/node-device.ts'
import { type Proxy as Relay, startProxy } from '../support/proxy.ts'
import { rejects } from '../support/rejects.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()
const store = Store.open(host, newStorePath(), true)
const module = scratch('module')
let daemon: Daemon
let proxy: Relay
const traffic = { received: 0, sent: 0 }
const notes: string[] = []

const put = (name: string, content: string) => {
  mkdirSync(join(module, name, '..'), { recursive: true })
  writeFileSync(join(module, name), content)
}

test.before(async () => {
  put('latest', 'newest')
  for (const version of [41, 42]) {
    put(`${version}/release`, `release ${version}`)
    put(`${version}/manifest`, `manifest ${version}`)
    for (const name of ['a', 'b c', 'deep/er']) put(`${version}/root/${name}`, `${version} ${name}`)
  }
  daemon = await startDaemon('rsync', [{ name: 'xo', path: module }])
  proxy = await startProxy(daemon.port)
})

test.after(async () => {
  proxy.close()
  await daemon.stop()
})

function open(name = 'xo', port = proxy.port): Source {
  return openSource(host, `rsync://127.0.0.1:${port}/${name}`, {
    ...sourceOptions(host, store),
    progress: {
      begin() {},
      advance() {},
      traffic: (received, sent) => Object.assign(traffic, { received, sent }),
      note: (text) => notes.push(text),
    },
  })
}

interface Answer {
  outcome: FileOutcome | undefined
  content: string
}

/** Fetches by `use`, and gives what came. */
async function fetched(names: string[], use: (wanted: WantedFile[]) => Promise<void>) {
  const answers = new Map<string, Answer>()
  const wanted = names.map((name): WantedFile => {
    const fd = options().scratch()
    return {
      name,
      sizeMax: 1000,
      target: () => fd,
      done(outcome) {
        const buffer = new Uint8Array(1000)
        const size = host.files.read(fd, buffer, 0, 1000, 0)
        answers.set(name, { outcome, content: Buffer.from(buffer.subarray(0, size)).toString() })
      },
    }
  })
  await deadline(use(wanted))
  return answers
}

const options = () => sourceOptions(host, store)

const contentFrom = (source: Source, version: number, names: string[], whole: boolean) =>
  fetched(names, (wanted) =>
    source.content(version, {
      names: () => names,
      wanted: () => wanted,
      ...(whole ? { whole: { entries: 6, pathsLength: 60 } } : {}),
    }),
  )

const text = async (promise: Promise<Uint8Array>) => Buffer.from(await deadline(promise)).toString()

test('statement and manifest share one session, content has its own', async () => {
  const source = open()
  const before = proxy.connections
  assert.is(await text(source.statement(undefined)), 'newest')
  const manifest = await fetched(['x'], ([wanted]) => source.manifest(42, wanted as WantedFile))
  assert.is(manifest.get('x')?.content, 'manifest 42')
  assert.is(proxy.connections - before, 1)
  const content = await contentFrom(source, 42, ['a', 'b c', 'deep/er'], false)
  assert.is(proxy.connections - before, 2)
  for (const [name, answer] of content) assert.is(answer.content, `42 ${name}`)
  assert.is(content.size, 3)
  source.close()
})

test('a version that is named is asked for alone', async () => {
  const source = open()
  const before = proxy.connections
  assert.is(await text(source.statement(41)), 'release 41')
  const manifest = await fetched(['x'], ([wanted]) => source.manifest(41, wanted as WantedFile))
  assert.is(manifest.get('x')?.content, 'manifest 41')
  assert.is(proxy.connections - before, 1)
  source.close()
})

test('one session has the statement, the keys, the list of packs and the packs', async () => {
  put('keys', 'a chain')
  put('42/packs', 'the packs of 42')
  put('deltas/41-42', 'a pack')
  put('deltas/40-41', 'an earlier pack')
  const source = open()
  notes.length = 0
  const before = proxy.connections
  try {
    assert.is(await text(source.statement(undefined)), 'newest')
    assert.is(Buffer.from((await source.keys?.()) ?? []).toString(), 'a chain')
    assert.is(Buffer.from((await source.packList?.(42)) ?? []).toString(), 'the packs of 42')
    assert.is(await source.hasPack?.('41-42', 6), true)
    assert.is(await source.hasPack?.('41-42', 7), false)
    assert.is(await source.hasPack?.('39-42', 6), false)
    const packs = await fetched(['40-41', '41-42'], async (wanted) => source.packs?.(wanted))
    assert.is(packs.get('41-42')?.content, 'a pack')
    assert.is(packs.get('40-41')?.content, 'an earlier pack')
    assert.is(proxy.connections - before, 1)
    assert.equal(notes, [])
  } finally {
    source.close()
    for (const name of ['keys', '42/packs', 'deltas'])
      rmSync(join(module, name), { recursive: true })
  }
})

test('a server without packs or keys is not asked for them, and says nothing', async () => {
  for (const version of [undefined, 42]) {
    const source = open()
    notes.length = 0
    const before = proxy.connections
    await text(source.statement(version))
    assert.is(await source.packList?.(42), undefined)
    assert.is(await source.keys?.(), undefined)
    assert.is(await source.hasPack?.('41-42', 6), false)
    const manifest = await fetched(['x'], ([wanted]) => source.manifest(42, wanted as WantedFile))
    assert.is(manifest.get('x')?.content, 'manifest 42')
    assert.is(proxy.connections - before, 1)
    assert.equal(notes, [])
    source.close()
  }
})

test('a list of packs that is too long costs this session, and not the source', async () => {
  put('42/packs', 'x'.repeat(8 * 1024 + 1))
  const source = open()
  try {
    await text(source.statement(undefined))
    const list = source.packList?.(42) ?? Promise.resolve()
    assert.instance(await deadline(rejects(list, /endless data: .*42\/packs/)), TrustError)
    const manifest = await fetched(['x'], ([wanted]) => source.manifest(42, wanted as WantedFile))
    assert.is(manifest.get('x')?.content, 'manifest 42')
  } finally {
    source.close()
    rmSync(join(module, '42/packs'))
  }
})

test('the whole tree is listed by the server', async () => {
  const source = open()
  const content = await contentFrom(source, 41, ['a', 'b c', 'deep/er'], true)
  for (const [name, answer] of content) assert.is(answer.content, `41 ${name}`)
  assert.is(content.size, 3)
  source.close()
})

for (const whole of [false, true]) {
  test(`a file that is gone is absent, the others come (whole: ${whole})`, async () => {
    put('43/root/a', 'first')
    put('43/root/c', 'last')
    const source = open()
    const content = await contentFrom(source, 43, ['a', 'b', 'c'], whole)
    assert.equal(content.get('b')?.outcome, { failed: 'absent' })
    assert.is(content.get('a')?.content, 'first')
    assert.is(content.get('c')?.content, 'last')
    source.close()
    rmSync(join(module, '43'), { recursive: true })
  })
}

test('a file that outgrew what is allowed is not fetched, and the others are', async () => {
  put('44/root/a', 'first')
  put('44/root/b', 'x'.repeat(1001))
  put('44/root/c', 'last')
  const source = open()
  const content = await contentFrom(source, 44, ['a', 'b', 'c'], false)
  assert.equal(content.get('b')?.outcome, { failed: 'too-large' })
  assert.is(content.get('a')?.content, 'first')
  assert.is(content.get('c')?.content, 'last')
  source.close()
  rmSync(join(module, '44'), { recursive: true })
})

test('a server that stays below the least rate is given up, though it never falls silent', async () => {
  const size = 200_000
  put('45/root/large', 'x'.repeat(size))
  const slow = await startProxy(daemon.port, { bytesPerSecond: 20_000 })
  try {
    const source = openSource(host, `rsync://127.0.0.1:${slow.port}/xo`, {
      ...options(),
      compression: 'none',
      rateMinBytesPerSecond: 1_000_000,
      rateWindowMs: 300,
    })
    const target = options().scratch()
    let isAbandoned = false
    const wanted: WantedFile = {
      name: 'large',
      sizeMax: size,
      target: () => target,
      done: () => assert.unreachable('it can not be whole by then'),
      abandoned: () => {
        isAbandoned = true
      },
    }
    const content = source.content(45, {
      names: () => ['large'],
      wanted: () => [wanted],
    })
    const error = await deadline(rejects(content, /: slow: .*bytes per second/))
    assert.instance(error, DeadlineError)
    assert.ok(isAbandoned)
    source.close()
  } finally {
    slow.close()
    rmSync(join(module, '45'), { recursive: true })
  }
})

test('a server that hides 300 files says why, and is quoted in a few lines', async () => {
  const hiding = await startDaemon('rsync', [
    { name: 'xo', path: module, settings: { exclude: '*.gz' } },
  ])
  const names = Array.from({ length: 300 }, (_, index) => `${index}.gz`)
  for (const name of names) put(`46/root/${name}`, name)
  notes.length = 0
  try {
    const source = open('xo', hiding.port)
    const content = await contentFrom(source, 46, names, false)
    assert.equal([...content.values()].at(-1)?.outcome, { failed: 'absent' })
    assert.is(content.size, 300)
    assert.ok(notes.length <= 12, `${notes.length} notes`)
    assert.match(source.said ?? '', /0.gz/)
    source.close()
  } finally {
    await hiding.stop()
    rmSync(join(module, '46'), { recursive: true })
  }
})

test('a server that refuses an option is asked once, and its words are told', async () => {
  const refusing = await startDaemon('rsync', [
    { name: 'xo', path: module, settings: { 'refuse options': 'files-from' } },
  ])
  const relay = await startProxy(refusing.port)
  try {
    const source = open('xo', relay.port)
    const before = relay.connections
    const content = contentFrom(source, 42, ['a'], false)
    const error = (await rejects(content, /files-from/)) as PeerError
    assert.is(error.kind, 'refused', error.message)
    assert.ok(relay.connections - before <= 2)
    source.close()
  } finally {
    relay.close()
    await refusing.stop()
  }
})

test('a source can be asked again after it was closed', async () => {
  const source = open()
  await text(source.statement(undefined))
  source.close()
  assert.is(await text(source.statement(42)), 'release 42')
  source.close()
})

test('bytes of all sessions are summed', async () => {
  const source = open()
  Object.assign(traffic, { received: 0, sent: 0 })
  await text(source.statement(undefined))
  await fetched(['x'], ([wanted]) => source.manifest(42, wanted as WantedFile))
  const { received, sent } = traffic
  assert.ok(received > 0 && sent > 0)
  await contentFrom(source, 42, ['a'], false)
  assert.ok(traffic.received > received && traffic.sent > sent)
  source.close()
})

test('a server without the version, and one without the module, are told apart', async () => {
  const absent = await rejects(deadline(open().statement(7)), /7\/release/)
  assert.instance(absent, PeerError)
  assert.is((absent as PeerError).kind, 'absent')
  const refused = await rejects(deadline(open('other').statement(undefined)), /other/)
  assert.instance(refused, PeerError)
  assert.ok(!/undefined/.test(refused.message))
})

test('a port where nobody listens is named', async () => {
  const error = await rejects(deadline(open('xo', 1).statement(undefined)), /ECONNREFUSED/)
  assert.instance(error, PeerError)
  assert.match(error.message, '127.0.0.1:1')
})

test.run()
