/** What can go wrong between our rsync client and stock daemons, and what is said about it. */
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { DeadlineError, PeerError } from '../../src/errors.ts'
import { Session, type SessionOptions } from '../../src/rsync/session.ts'
import { deadline } from '../support/deadline.ts'
import { type ProxyOptions, startProxy } from '../support/proxy.ts'
import { rejects } from '../support/rejects.ts'
import { Fetched, fetchAll, host, optionsFor } from '../support/rsync-client.ts'
import { type Daemon, freePort } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { everyRsync } from './every-rsync.ts'

const digest = (content: Buffer) => createHash('sha256').update(content).digest('hex')
const folder = scratch('module')
const content = randomBytes(3_000_000)
writeFileSync(join(folder, 'latest'), 'kind=release\n')
writeFileSync(join(folder, 'big'), content)
const secrets = join(scratch('secrets'), 'secrets')
writeFileSync(secrets, 'xo:correct horse\n')
chmodSync(secrets, 0o600)

const each = everyRsync(() => [
  { name: 'xo', path: folder },
  { name: 'locked', path: folder, settings: { 'auth users': 'xo', 'secrets file': secrets } },
  {
    name: 'busy',
    path: folder,
    settings: { 'max connections': '1', 'lock file': join(scratch('lock'), 'lock') },
  },
  { name: 'plain', path: folder, settings: { 'refuse options': 'compress' } },
  { name: 'closed', path: folder, settings: { 'hosts deny': '127.0.0.1' } },
  { name: 'hurried', path: folder, settings: { timeout: '2' } },
  { name: 'lost', path: join(folder, 'not-there') },
])

const LATEST = { kind: 'paths', paths: ['latest'] } as const
const BIG = { kind: 'paths', paths: ['big', 'latest'] } as const

/** Runs a session that must end in a PeerError of this kind. */
async function refused(options: SessionOptions, kind: PeerError['kind'], expected: RegExp) {
  const error = await rejects(fetchAll(options, ['latest']), expected)
  assert.instance(error, PeerError, error.stack ?? '')
  assert.is((error as PeerError).kind, kind)
  assert.not.match(error.message, /correct horse|wrong horse/)
  assert.match(error.message, `rsync://127.0.0.1:${options.address.port}/${options.address.module}`)
}

each('the right password opens a module, and no other', async ({ port }) => {
  const address = { module: 'locked', user: 'xo', password: 'correct horse' }
  const { files } = await fetchAll(optionsFor(port, LATEST, { address }), ['latest'])
  assert.is(files[0]?.content().toString(), 'kind=release\n')
  for (const wrong of [{ password: 'wrong horse' }, { user: 'ox' }]) {
    const options = optionsFor(port, LATEST, { address: { ...address, ...wrong } })
    await refused(options, 'refused', /auth failed on module locked/)
  }
  const none = optionsFor(port, LATEST, { address: { module: 'locked' } })
  await refused(none, 'refused', /asks for a password/)
  // A module that asks for no password never sees it.
  await fetchAll(optionsFor(port, LATEST, { address: { ...address, module: 'xo' } }), ['latest'])
})

each('names from a list go with a password too', async ({ port }) => {
  const address = { module: 'locked', user: 'xo', password: 'correct horse' }
  const selection = { kind: 'files-from', under: '', names: ['latest'] } as const
  const { files } = await fetchAll(optionsFor(port, selection, { address }), ['latest'])
  assert.is(files[0]?.content().toString(), 'kind=release\n')
})

each('modules that are not there, not for us, or broken', async ({ port }) => {
  const at = (module: string) => optionsFor(port, LATEST, { address: { module } })
  await refused(at('nowhere'), 'absent', /refuses: Unknown module 'nowhere'/)
  await refused(at('closed'), 'absent', /Unknown module 'closed'|access denied/).catch(() =>
    refused(at('closed'), 'refused', /access denied/),
  )
  await refused(at('lost'), 'refused', /refuses: .*ch(dir|root) failed/)
  await rejects(Session.open(host, at('a\nb')), /"a\\012b" can't be the name/)
})

each('one connection too many', async ({ port }) => {
  const options = optionsFor(port, LATEST, { address: { module: 'busy' } })
  const session = await Session.open(host, options)
  try {
    await refused(options, 'busy', /max connections \(1\) reached/)
  } finally {
    session.close()
  }
})

each('a server that refuses to compress serves plainly', async ({ port }) => {
  const address = { module: 'plain' }
  const auto = optionsFor(port, LATEST, { address, compression: 'auto' })
  const { session } = await fetchAll(auto, ['latest'])
  assert.is(session.agreement.compression, 'none')
  const zstd = optionsFor(port, LATEST, { address, compression: 'zstd' })
  await refused(zstd, 'refused', /zstd compression, which the daemon does not offer/)
})

each('a file that vanished after the list', async ({ port }) => {
  const gone = join(folder, 'gone')
  for (const protocol of [30, 32] as const) {
    writeFileSync(gone, 'for now')
    const options = { ...optionsFor(port, { kind: 'paths', paths: ['gone', 'latest'] }), protocol }
    const texts: string[] = []
    options.onServerText = (level, text) => texts.push(`${level} ${text}`)
    const session = await Session.open(host, options)
    rmSync(gone)
    const files = ['gone', 'latest'].map((name) => new Fetched(name, scratch('vanished')))
    await session.fetch(files.map((file) => file.wanted()))
    await session.finish()
    assert.equal(files[0]?.result, { failed: 'absent' })
    assert.is(files[1]?.content().toString(), 'kind=release\n')
    assert.match(texts.join(), /file has vanished/)
  }
})

each('a folder is not a file that could be asked for', async ({ port }) => {
  const session = await Session.open(host, optionsFor(port, { kind: 'tree', under: '' }))
  assert.is(session.find('.'), undefined)
  assert.is(session.find('latest')?.size, 13)
  await session.finish()
})

each('a file that is listed as longer than it may be is not asked for', async ({ port }) => {
  const session = await Session.open(host, optionsFor(port, BIG))
  const file = new Fetched('big', scratch('long'))
  await session.fetch([file.wanted(1_000_000)])
  await session.finish()
  assert.equal(file.result, { failed: 'too-large' })
  assert.is(file.tries, 0)
  assert.ok(session.traffic.received < 1000, `${session.traffic.received} bytes`)
})

each('a file that is longer than it may be, after the list', async ({ port }) => {
  const growing = join(folder, 'growing')
  writeFileSync(growing, content.subarray(0, 1_000_000))
  const paths = ['growing']
  const session = await Session.open(host, optionsFor(port, { kind: 'paths', paths }))
  writeFileSync(growing, content)
  const file = new Fetched('growing', scratch('long'))
  const error = await rejects(session.fetch([file.wanted(1_000_000)]))
  assert.instance(error, PeerError, error.stack ?? '')
  assert.match(error.message, /receiving "growing"/)
  assert.ok(statSync(file.path).size <= 1_000_000)
})

/** A session through a proxy, against a list that has one big file. */
async function through(daemon: Daemon, proxyOptions: ProxyOptions, more: Partial<SessionOptions>) {
  const proxy = await startProxy(daemon.port, proxyOptions)
  try {
    await fetchAll(optionsFor(proxy.port, BIG, more), ['big', 'latest'])
  } finally {
    proxy.close()
  }
}

each('a connection cut at any byte is an error that says where', async (daemon) => {
  const cuts = [0, 1, 40, 60, 70, 110, 130, 200, 300, 1000, 100_000, 2_999_000]
  for (const cutAfter of cuts) {
    const error = await rejects(through(daemon, { cutAfter }, {}))
    assert.instance(error, PeerError, `${cutAfter}: ${error.stack}`)
    assert.is((error as PeerError).kind, 'cut')
    assert.match(error.message, /connection was cut.* while (waiting|asking|negot|reading|receiv)/)
  }
})

each('what a cut left is the basis of the next try', async (daemon) => {
  const proxy = await startProxy(daemon.port, { cutAfter: 2_000_000 })
  const partial = scratch('partial')
  const [file, behind] = [new Fetched('big', partial), new Fetched('latest', partial)]
  const session = await Session.open(host, optionsFor(proxy.port, BIG))
  let drawnToEnd = false
  function* wanted() {
    try {
      yield file.wanted()
      yield behind.wanted()
    } finally {
      drawnToEnd = true
    }
  }
  await rejects(session.fetch(wanted()), /receiving "big"/)
  assert.ok(drawnToEnd && file.abandoned && behind.abandoned)
  assert.is(file.result, undefined)
  proxy.close()
  const kept = statSync(file.path).size
  assert.ok(kept > 1_500_000 && kept < 2_000_000, `${kept} bytes kept`)
  const next = await fetchAll(optionsFor(daemon.port, BIG), ['big'], { big: file.path })
  assert.equal(next.files[0]?.result, { size: content.length, digest: digest(content) })
  assert.ok(next.session.traffic.received < 1_600_000, `${next.session.traffic.received} bytes`)
})

each('a daemon that falls silent at any byte', async (daemon) => {
  for (const stallAfter of [0, 60, 100, 200, 1_000_000]) {
    const error = await rejects(through(daemon, { stallAfter }, { timeoutMs: 300 }))
    assert.instance(error, DeadlineError, `${stallAfter}: ${error.stack}`)
    assert.match(error.message, /no byte for|not done in time/)
  }
})

each('a line that is too slow', async (daemon) => {
  const rateMin = { bytesPerSecond: 1_000_000, windowMs: 300 }
  const error = await rejects(through(daemon, { bytesPerSecond: 300_000 }, { rateMin }))
  assert.instance(error, DeadlineError, error.stack ?? '')
  assert.match(error.message, /: slow: .* useful bytes .*\(at least 1000000 wanted\)/)
  await through(daemon, {}, { rateMin })
})

each('a daemon with a short time-out waits while we are busy elsewhere', async ({ port }) => {
  const options = optionsFor(port, LATEST, { address: { module: 'hurried' }, timeoutMs: 60_000 })
  const session = await Session.open(host, options)
  const file = new Fetched('latest', scratch('late'))
  await sleep(3000)
  await session.fetch([file.wanted()])
  await session.finish()
  assert.is(file.content().toString(), 'kind=release\n')
})

test('nobody listens, or nobody answers', async () => {
  const port = await freePort()
  await refused(optionsFor(port, LATEST), 'away', /no connection \(ECONNREFUSED\)/)
  const unknown = optionsFor(port, LATEST, { address: { host: 'no.such.host.invalid' } })
  const error = await deadline(rejects(Session.open(host, unknown), /the name has no address/))
  assert.instance(error, PeerError)
})

/** A server that says one thing and then listens. */
async function says(words: string, check: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.write(words)
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  try {
    await deadline(check(port))
  } finally {
    server.close()
  }
}

test('a daemon that is too old is refused by its protocol', async () => {
  await says('@RSYNCD: 29\n', (port) =>
    refused(optionsFor(port, LATEST), 'refused', /speaks protocol 29, but at least 30/),
  )
})

test('what is not an rsync daemon', async () => {
  await says('SSH-2.0-OpenSSH_9.2\r\n', (port) =>
    refused(optionsFor(port, LATEST), 'broken', /"SSH-2.0-OpenSSH_9.2" is not a greeting/),
  )
  await says('x'.repeat(6000), (port) =>
    refused(optionsFor(port, LATEST), 'broken', /a line of more than 5120 bytes/),
  )
  const flood = `@RSYNCD: 31.0\n${'welcome\n'.repeat(10_000)}`
  await says(flood, (port) =>
    refused(optionsFor(port, LATEST), 'broken', /more than 65536 bytes of greeting text/),
  )
})

test('a handshake that drips has a deadline of its own', async () => {
  const server = createServer((socket) => {
    const timer = setInterval(() => socket.write('x'), 50)
    socket.on('error', () => {})
    socket.on('close', () => clearInterval(timer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const options = optionsFor(port, LATEST, { timeoutMs: 400 })
  const error = await deadline(rejects(Session.open(host, options), /not done in time/))
  assert.instance(error, DeadlineError)
  server.close()
})

test.run()
