/**
 * rsync over ssh with fixed keys: both clients against both servers; another host key, a client key that is
 * no longer let in, a connection that breaks, and servers that are no servers.
 */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { image41, image42 } from '../support/image.ts'
import { startProxy } from '../support/proxy.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { makeClientKey, runTool, type SshServer, startSshServer } from '../support/ssh-server.ts'
import { test } from '../support/suite.ts'
import { linesOfTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
let installed: Device
const client = makeClientKey()
const other = makeClientKey('other')
const servers: Record<string, SshServer> = {}

test.before(async () => {
  publisher.publish(41, image41())
  installed = new Device({
    sources: [`file://${publisher.module}`],
    keys: publisher.keys.publicFile,
  })
  await installed.succeed('install')
  publisher.publish(42, image42())
  for (const kind of ['sshd', 'dropbear'] as const) {
    servers[kind] = await startSshServer(kind, publisher.module)
    servers[kind].authorize(client.public)
  }
})

test.after(async () => {
  for (const server of Object.values(servers)) await server.stop()
})

function device(port: number, ssh: Record<string, string>, transfer: Record<string, string> = {}) {
  return installed.copy({
    sources: [`ssh://root@127.0.0.1:${port}/xo`],
    configuration: { ssh, transfer: { 'timeout-seconds': '20', ...transfer } },
  })
}

const plain = (root: string) => linesOfTree(host, root, { inodes: false })
const isWhole = (one: Device) =>
  assert.equal(plain(one.root('upgraded-root')), plain(join(publisher.module, '42', 'root')))

for (const format of ['openssh', 'dropbear'] as const) {
  for (const kind of ['sshd', 'dropbear'] as const) {
    const name = `${format === 'openssh' ? 'ssh' : 'dbclient'} to ${kind}`
    const settings = (key = client[format]) => ({
      key,
      'host-key[]': (servers[kind] as SshServer).hostKey,
    })

    test(`${name}: an upgrade`, async () => {
      const { port } = servers[kind] as SshServer
      const one = device(port, settings())
      assert.is((await one.succeed('upgrade')).outcome, 'staged')
      isWhole(one)
      assert.is(readFileSync(join(one.store, 'ssh/.ssh/known_hosts'), 'utf8').split('\n').length, 3)
    })

    test(`${name}: another host key is a TrustError, and nobody logs in`, async () => {
      const server = servers[kind] as SshServer
      const before = server.log().length
      const one = device(server.port, { ...settings(), 'host-key[]': other.public })
      const { message } = await one.fail('upgrade', 65, 'TrustError')
      assert.match(message, /ssh:\/\/root@127\.0\.0\.1:\d+\/xo: its host key is none of those/)
      assert.not.match(server.log().slice(before), /Accepted|auth succeeded|Pubkey auth/)
    })

    test(`${name}: a client key that is not let in is told, with the cure`, async () => {
      const server = servers[kind] as SshServer
      const one = device(server.port, settings(other[format]))
      const { message, cure } = await one.fail('upgrade', 69, 'PeerError')
      assert.match(message, /refuses the key .*key/)
      assert.match(cure, /authorized_keys/)
      server.authorize(undefined)
      try {
        await device(server.port, settings()).fail('upgrade', 69, 'PeerError')
      } finally {
        server.authorize(client.public)
      }
    })

    test(`${name}: cut in the middle, and the next run goes on`, async () => {
      const server = servers[kind] as SshServer
      const proxy = await startProxy(server.port, { cutAfter: 900_000 })
      const one = device(proxy.port, settings())
      await one.fail('upgrade', 69, 'PeerError')
      proxy.close()
      one.options.sources.splice(0, 1, `ssh://root@127.0.0.1:${server.port}/xo`)
      one.configure({ ssh: settings() })
      const run = await one.run('upgrade')
      assert.is(run.status, 0, run.stdout)
      const received = Math.max(...run.events.map((event) => event.received ?? 0))
      // All of it is some 1,090,000; what was in buffers at the cut depends on the machine.
      assert.ok(received < 950_000, `${received} bytes came again`)
      isWhole(one)
    })
  }
}

/** A server that says this to whoever connects. */
async function fake(speak: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    speak(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as { port: number }).port, server }
}

const SPEECHES: [string, (socket: Socket) => void][] = [
  ['a web server', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  [
    'a flood of banner lines',
    (socket) => {
      const flood = () => {
        while (!socket.destroyed && socket.write(`${'x'.repeat(1000)}\r\n`));
      }
      socket.on('drain', flood)
      flood()
    },
  ],
  ['noise', (socket) => socket.end(Buffer.alloc(100_000, 0xff))],
  ['a banner and then silence', (socket) => socket.write('SSH-2.0-silence\r\n')],
  [
    'a slow drip',
    (socket) => {
      const timer = setInterval(() => socket.write('x'), 100)
      socket.on('close', () => clearInterval(timer))
    },
  ],
]

for (const [what, speak] of SPEECHES) {
  test(`${what} is given up in time, with either client`, async () => {
    const { port, server } = await fake(speak)
    try {
      for (const format of ['openssh', 'dropbear'] as const) {
        const ssh = { key: client[format], 'host-key[]': other.public }
        const one = device(port, ssh, { 'timeout-seconds': '2' })
        const { status, error } = await one.run('upgrade')
        assert.ok(status === 69 || status === 75, `${format}: ${status} ${error.message}`)
        assert.ok(error.message.length < 1000, error.message)
      }
    } finally {
      server.close()
    }
  })
}

test('nobody listens: away, with either client', async () => {
  for (const format of ['openssh', 'dropbear'] as const) {
    const one = device(1, { key: client[format], 'host-key[]': other.public })
    const { message } = await one.fail('upgrade', 69, 'PeerError')
    assert.match(message, /no connection .*refused/i)
  }
})

test('keys that can’t be used are a ConfigError with the cure', async () => {
  const folder = scratch('keys')
  const pinned = (servers.sshd as SshServer).hostKey
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, { mode: 0o600 })
    return join(folder, name)
  }
  const open = file('open', readFileSync(client.openssh, 'utf8'))
  chmodSync(open, 0o644)
  const locked = join(folder, 'locked')
  runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret words', '-f', locked])
  const cases: [Record<string, string>, RegExp][] = [
    [{ 'host-key[]': pinned }, /names no key/],
    [{ key: client.openssh }, /names no host-key/],
    [{ key: open, 'host-key[]': pinned }, /open to others/],
    [{ key: locked, 'host-key[]': pinned }, /has a passphrase/],
    [{ key: `${client.openssh}.pub`, 'host-key[]': pinned }, /open to others|is a public key/],
    [{ key: file('junk', '\0\0\0\x0bnonsense'), 'host-key[]': pinned }, /is not a private key/],
    [{ key: file('empty', ''), 'host-key[]': pinned }, /is not a private key/],
    [{ key: client.openssh, 'host-key[]': pinned, program: '/no/such/ssh' }, /can't be started/],
    [{ key: client.openssh, 'host-key[]': 'nonsense' }, /host-key is "nonsense"/],
  ]
  for (const [ssh, message] of cases) {
    const one = device((servers.sshd as SshServer).port, ssh)
    const error = await one.fail('upgrade', 64, 'ConfigError')
    assert.match(error.message, message)
    assert.not.match(`${error.message}${error.cure}`, /PRIVATE|secret words/)
    assert.not.ok(existsSync(join(one.store, 'staging')))
  }
})

test.run()
