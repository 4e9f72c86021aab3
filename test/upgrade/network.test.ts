/**
 * Servers that are away, lack the version, want a password, fall silent or are cut off; and more than
 * one source. Whatever happened, the same command finishes the work later.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device, type DeviceOptions, type Run } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { BIG, FRESH_SIZE, image41, image42 } from '../support/image.ts'
import { startProxy } from '../support/proxy.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, freePort, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { copyTree, digestOfTree, linesOfTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
const only41 = join(scratch('module'), 'xo')
let installed: Device
let daemon: Daemon
let deadPort: number

const url = (name: string, port = daemon.port, user = '') =>
  `rsync://${user}127.0.0.1:${port}/${name}`

test.before(async () => {
  publisher.publish(41, image41())
  copyTree(publisher.module, only41)
  publisher.publish(42, image42())
  const secrets = join(scratch('secrets'), 'secrets')
  writeFileSync(secrets, 'anna:open sesame\n', { mode: 0o600 })
  const settings = { 'auth users': 'anna', 'secrets file': secrets }
  daemon = await startDaemon('rsync', [
    { name: 'xo', path: publisher.module },
    { name: 'behind', path: only41 },
    { name: 'locked', path: publisher.module, settings },
  ])
  deadPort = await freePort()
  installed = new Device({ sources: [url('behind')], keys: publisher.keys.publicFile })
  await installed.succeed('install')
})

const proxies = new Set<{ close(): void }>()

/** A bad line to the daemon; it ends with the test at the latest, or the process would stay for it. */
async function badLine(options: Parameters<typeof startProxy>[1]) {
  const proxy = await startProxy(daemon.port, options)
  proxies.add(proxy)
  return proxy
}

test.after.each(() => {
  for (const proxy of proxies) proxy.close()
  proxies.clear()
})

test.after(async () => {
  await daemon.stop()
})

function deviceOn41(sources: string[], options: Partial<DeviceOptions> = {}): Device {
  return installed.copy({ sources, ...options })
}

const plain = (root: string) => linesOfTree(host, root, { inodes: false })
const published42 = () => plain(join(publisher.module, '42', 'root'))
const whole42 = (device: Device) => assert.equal(plain(device.root('upgraded-root')), published42())
const notes = ({ events }: Run) => events.flatMap((e) => (e.event === 'note' ? [e.text] : []))
const received = ({ events }: Run): number =>
  Math.max(...events.map((event) => (event.event === 'progress' ? event.received : 0)))

test('no server there: 69, and the address is named', async () => {
  const device = deviceOn41([url('xo', deadPort)])
  const { message } = await device.fail('upgrade', 69, 'PeerError')
  assert.match(message, `127.0.0.1:${deadPort}`)
  assert.match(message, /ECONNREFUSED|refused/)
  assert.not.ok(existsSync(join(device.store, 'staging')))
})

test('a name that nobody knows: 69, and the name is said', async () => {
  const device = deviceOn41(['rsync://no-such-host.invalid/xo'])
  const { status, error } = await device.run('upgrade')
  assert.is(status, 69)
  assert.match(error.message, /no-such-host\.invalid/)
})

test('a server without the module, and one without the version: 69', async () => {
  const unknown = await deviceOn41([url('nothing')]).fail('upgrade', 69, 'PeerError')
  assert.match(unknown.message, /nothing/)
  const device = deviceOn41([url('behind')])
  const lacking = await device.fail('upgrade', 69, 'PeerError', ['--version', '42'])
  assert.match(lacking.message, /has no 42\/release/)
  assert.not.ok(existsSync(join(device.store, 'staging')))
})

test('a server that is not an rsync daemon: 69', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = (server.address() as { port: number }).port
  await deviceOn41([url('xo', port)]).fail('upgrade', 69, 'PeerError')
  server.close()
})

test('the first source is down, the second serves', async () => {
  const device = deviceOn41([url('xo', deadPort), url('nothing'), url('xo')])
  const run = await device.run('upgrade')
  assert.is(run.status, 0, run.stdout)
  assert.is(notes(run).filter((text) => /trying the next source/.test(text)).length, 2)
  whole42(device)
})

test('the first source lacks the version that is asked for, the second has it', async () => {
  const device = deviceOn41([url('behind'), url('xo')])
  assert.is((await device.succeed('upgrade', ['--version', '42'])).outcome, 'staged')
  whole42(device)
})

test('a stick is a source, and a stick that is not there gives way to the next', async () => {
  const stick = deviceOn41([`file://${publisher.module}`])
  assert.is((await stick.succeed('upgrade')).fetchedFiles, 8)
  whole42(stick)
  const device = deviceOn41(['file:///no/such/stick', url('xo')])
  await device.succeed('upgrade')
  whole42(device)
})

test('a password is needed, wrong, and right: from the variable and from a file', async () => {
  const file = join(scratch('password'), 'password')
  writeFileSync(file, 'open sesame\nsecond line\n', { mode: 0o600 })
  const device = deviceOn41([url('locked', daemon.port, 'anna@')])
  const none = await device.fail('upgrade', 69, 'PeerError')
  const wrong = await device.fail('upgrade', 69, 'PeerError', [], {
    environment: { RSYNC_PASSWORD: 'open barley' },
  })
  for (const { message } of [none, wrong]) {
    assert.match(message, /password|auth/i)
    assert.not.match(message, /barley|sesame/)
  }
  const right = { environment: { RSYNC_PASSWORD: 'open sesame' } }
  assert.is((await device.succeed('upgrade', [], right)).outcome, 'staged')
  const other = deviceOn41([url('locked', daemon.port, 'anna@')])
  await other.succeed('upgrade', ['--password-file', file])
  whole42(other)
})

test('a server that falls silent is given up in time: 75, and the next run finishes', async () => {
  for (const stallAfter of [0, 60, 20_000, 400_000]) {
    const proxy = await badLine({ stallAfter })
    const device = deviceOn41([url('xo', proxy.port)], {
      configuration: { transfer: { 'timeout-seconds': '1', 'connect-timeout-seconds': '1' } },
    })
    const began = performance.now()
    await device.fail('upgrade', 75, 'DeadlineError')
    const seconds = (performance.now() - began) / 1000
    assert.ok(seconds >= 0.9, `${seconds} s after ${stallAfter} bytes`)
    proxy.close()
    device.options.sources.splice(0, 1, url('xo'))
    device.configure({})
    await device.succeed('upgrade')
    whole42(device)
  }
})

test('a server that falls silent on the way is given up, and the next source goes on', async () => {
  const proxy = await badLine({ stallAfter: 300_000 })
  const device = deviceOn41([url('xo', proxy.port), url('xo')], {
    // For as long as the other source may be silent on a busy machine.
    configuration: { transfer: { 'timeout-seconds': '5' } },
  })
  const run = await device.run('upgrade')
  assert.is(run.status, 0, run.stdout)
  assert.ok(notes(run).some((text) => /trying the next source/.test(text)))
  whole42(device)
  proxy.close()
})

/** Judged over the two seconds of silence that are allowed, by what a line of 2 kB/s can't bring. */
const DEMANDING = { transfer: { 'timeout-seconds': '2', 'minimum-bytes-per-second': '20000' } }
const TOO_SLOW = /: slow: .* useful bytes per second over .* \(at least 20000 wanted\)/

test('a server below the least rate is given up though it is never silent: 75', async () => {
  const proxy = await badLine({ bytesPerSecond: 2000 })
  const device = deviceOn41([url('xo', proxy.port)], { configuration: DEMANDING })
  const { message } = await device.fail('upgrade', 75, 'DeadlineError')
  assert.match(message, TOO_SLOW)
  assert.is((await device.succeed('status')).attack?.name, 'slow')
})

test('a server below the least rate gives way to the next source', async () => {
  const proxy = await badLine({ bytesPerSecond: 2000 })
  const device = deviceOn41([url('xo', proxy.port), url('xo')], { configuration: DEMANDING })
  const run = await device.run('upgrade')
  assert.is(run.status, 0, run.stdout)
  const given = notes(run).find((text) => TOO_SLOW.test(text))
  assert.match(given ?? '', /trying the next source$/)
  whole42(device)
})

/** In thousandths of the bytes that a whole upgrade receives; the same ones each time. */
const CUTS = [1, 3, 10, 50, 150, 301, 487, 660, 813, 999]

test('cut off at any byte: the same command finishes, and what had come is not fetched again', async () => {
  const once = await deviceOn41([url('xo')]).run('upgrade')
  const all = received(once)
  assert.ok(all > FRESH_SIZE)
  for (const part of CUTS) {
    const cutAfter = Math.floor((all * part) / 1000)
    const proxy = await badLine({ cutAfter })
    const device = deviceOn41([url('xo', proxy.port)])
    const before = digestOfTree(host, device.root())
    const { status, error } = await device.run('upgrade')
    proxy.close()
    // The last byte may be one that nobody is waiting for.
    assert.ok(status === 69 || (part > 990 && status === 0), `${part}: ${status} ${error.message}`)
    device.options.sources.splice(0, 1, url('xo'))
    device.configure({})
    const run = await device.run('upgrade')
    assert.is(run.status, 0, run.stdout)
    whole42(device)
    assert.is(digestOfTree(host, device.root()), before)
    // What the kernels held at the cut is lost, and the second run pays for its own handshake.
    const saved = all - received(run)
    assert.ok(saved > cutAfter * 0.95 - 40_000, `${part}: ${saved} of ${cutAfter}`)
  }
})

test('the part of a file that had come is the basis of the rest', async () => {
  const all = received(await deviceOn41([url('xo')]).run('upgrade'))
  // In the middle of the one large new file.
  const proxy = await badLine({ cutAfter: 800_000 })
  const device = deviceOn41([url('xo', proxy.port)])
  await device.fail('upgrade', 69, 'PeerError')
  proxy.close()
  const partial = readdirSync(join(device.store, 'staging', 'partial'))
  assert.is(partial.length, 1)
  device.options.sources.splice(0, 1, url('xo'))
  device.configure({})
  const run = await device.run('upgrade')
  assert.is(run.status, 0)
  assert.ok(received(run) < all - 650_000, `${received(run)} of ${all}`)
  assert.not.ok(existsSync(join(device.store, 'upgraded-root', 'partial')))
  whole42(device)
})

test('an install that was cut off again and again finishes', async () => {
  const device = new Device({ sources: [], keys: publisher.keys.publicFile })
  let runs = 0
  for (let status: number | null = 69; status !== 0; runs++) {
    assert.ok(runs < 40, 'each run has to get further')
    const proxy = await badLine({ cutAfter: 250_000 })
    device.options.sources.splice(0, 1, url('xo', proxy.port))
    device.configure({})
    const run = await device.run('install')
    proxy.close()
    status = run.status
    assert.ok(status === 0 || status === 69, run.stdout)
    if (status !== 0) {
      const { running } = await device.succeed('status')
      assert.is(running, undefined)
    }
  }
  assert.ok(runs > 2, `${runs} runs`)
  assert.equal(plain(device.root()), published42())
  assert.ok(existsSync(join(device.root(), BIG)))
  rmSync(device.store, { recursive: true })
})

test.run()
