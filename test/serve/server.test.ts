/** The server around its sessions: how many, when, how they end, and what is told of them. */
import * as assert from 'uvu/assert'
import { type GoneClient, Server, type ServerOptions } from '../../src/serve/server.ts'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const host = nodeHost()
const { sockets } = host
const ADDRESS = { family: 4, address: '127.0.0.1' } as const
type Socket = import('native:sockets').Socket

interface Running {
  server: Server
  ended: Promise<string>
  port: number
  told: GoneClient[]
  counts: number[]
  /** The clients' sockets, as the sessions have them. */
  sessions: Socket[]
}

/** Sessions that last until the client goes, and count what it says as a file each. */
function start(change: Partial<ServerOptions> = {}): Running {
  const listener = sockets.listen({ host: '127.0.0.1', port: 0 }, 8)
  const told: GoneClient[] = []
  const counts: number[] = []
  const sessions: Socket[] = []
  const server = new Server(host, {
    listeners: [listener],
    clientsMax: 3,
    bytesPerSecond: 0,
    async session(socket) {
      sessions.push(socket)
      let files = 0
      try {
        const buffer = new Uint8Array(16)
        while ((await sockets.read(socket, buffer, 0, 16, 60_000)) > 0) files++
        return { module: 'xo', files, received: files, sent: 7, fault: undefined }
      } catch (error) {
        return { module: 'xo', files, received: files, sent: 7, fault: error as Error }
      }
    },
    objection: () => undefined,
    next: () => 'serve',
    told: (client) => told.push(client),
    count: (clients) => counts.push(clients),
    ...change,
  })
  const port = sockets.localPort(listener)
  return { server, ended: server.run(), port, told, counts, sessions }
}

const connect = (port: number) => sockets.connect({ ...ADDRESS, port }, 10_000)

async function say(socket: Socket, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text)
  await sockets.write(socket, bytes, 0, bytes.length, 10_000)
}

/** All that comes until the other side says no more. */
async function hear(socket: Socket): Promise<string> {
  const buffer = new Uint8Array(4096)
  let text = ''
  for (;;) {
    const count = await sockets.read(socket, buffer, 0, buffer.length, 10_000)
    if (count === 0) return text
    text += new TextDecoder().decode(buffer.subarray(0, count))
  }
}

async function askedAs(port: number): Promise<string> {
  const socket = await connect(port)
  try {
    await say(socket, '@RSYNCD: 32.0 sha512 md5\nxo\n')
    return await hear(socket)
  } finally {
    sockets.close(socket)
  }
}

async function stop({ server, ended }: Running): Promise<void> {
  server.end()
  assert.is(await deadline(ended), 'ended')
}

test('a client is told of in one record once it has gone', async () => {
  const running = start()
  const socket = await connect(running.port)
  await say(socket, 'one')
  await until(() => running.sessions.length === 1, 'a session')
  sockets.close(socket)
  await until(() => running.told.length === 1, 'the record')
  const [client] = running.told
  assert.is(client?.peer, '127.0.0.1')
  assert.equal([client?.module, client?.files, client?.sent], ['xo', 1, 7])
  assert.is(client?.fault, undefined)
  assert.equal(running.counts, [1, 0])
  await stop(running)
})

test('the fourth client is told to come later, in the words of a stock daemon, and comes in once one has gone', async () => {
  const running = start()
  const three = await Promise.all([1, 2, 3].map(() => connect(running.port)))
  await until(() => running.sessions.length === 3, 'three sessions')
  const said = await deadline(askedAs(running.port))
  assert.match(said, /^@RSYNCD: 31\.0\n@ERROR: max connections \(3\) reached -- try again later\n$/)
  sockets.close(three[0] as Socket)
  await until(() => running.told.length === 1, 'one has gone')
  const next = await connect(running.port)
  await until(() => running.sessions.length === 4, 'the next session')
  await stop(running)
  for (const socket of [...three, next]) sockets.close(socket)
})

test('while something speaks against it nobody is let in, and whoever was is dropped with the reason', async () => {
  let reason: string | undefined
  const running = start({ objection: () => reason })
  const socket = await connect(running.port)
  await until(() => running.sessions.length === 1, 'a session')
  reason = 'it runs on its battery'
  await until(() => running.told.length === 1, 'the client is dropped')
  assert.is(running.told[0]?.fault, reason)
  sockets.close(socket)
  const said = await deadline(askedAs(running.port))
  assert.match(said, /max connections \(0\) reached -- try again later: it runs on its battery\n$/)
  reason = undefined
  const again = await connect(running.port)
  await until(() => running.sessions.length === 2, 'served again')
  await stop(running)
  sockets.close(again)
})

test('a client that never says what it wants keeps nobody from being turned away', async () => {
  const running = start({ objection: () => 'not now' })
  const mute = await Promise.all([1, 2, 3, 4, 5].map(() => connect(running.port)))
  assert.match(await deadline(askedAs(running.port)), /not now/)
  await stop(running)
  for (const socket of mute) sockets.close(socket)
})

test('a line without end is no question', async () => {
  const running = start({ objection: () => 'not now' })
  const socket = await connect(running.port)
  await say(socket, 'x'.repeat(1024))
  assert.is(await deadline(hear(socket)), '@RSYNCD: 31.0\n')
  sockets.close(socket)
  await stop(running)
})

test('a session that breaks costs its own client, and says so', async () => {
  const running = start({
    async session() {
      throw new TypeError('nobody thought of that')
    },
  })
  const socket = await connect(running.port)
  await until(() => running.told.length === 1, 'the record')
  assert.match(running.told[0]?.fault ?? '', /internal error: .*nobody thought of that/)
  assert.is(await deadline(hear(socket)), '')
  sockets.close(socket)
  await stop(running)
})

test('it begins again once what it offers has changed, and whoever is there is dropped', async () => {
  let next: 'serve' | 'begin again' = 'serve'
  const running = start({ next: () => next })
  const socket = await connect(running.port)
  await until(() => running.sessions.length === 1, 'a session')
  next = 'begin again'
  assert.is(await deadline(running.ended), 'begin again')
  await until(() => running.told.length === 1, 'the record')
  assert.match(running.told[0]?.fault ?? '', /has changed/)
  sockets.close(socket)
})

test('where it can wait it begins again when the last one has gone, and takes nobody until then', async () => {
  let leaves = false
  let told = false
  const running = start({
    next() {
      told = leaves
      return leaves ? 'begin again when idle' : 'serve'
    },
  })
  const socket = await connect(running.port)
  await until(() => running.sessions.length === 1, 'a session')
  leaves = true
  await until(() => told, 'a look')
  assert.match(await deadline(askedAs(running.port)), /later: it is about to begin again/)
  assert.is(running.told.length, 0)
  sockets.close(socket)
  assert.is(await deadline(running.ended), 'begin again')
  assert.is(running.told[0]?.fault, undefined)
})

test('told to end, it drops everybody and closes its door', async () => {
  const running = start()
  const socket = await connect(running.port)
  await until(() => running.sessions.length === 1, 'a session')
  await stop(running)
  await until(() => running.told.length === 1, 'the record')
  sockets.close(socket)
  let code = ''
  try {
    sockets.close(await connect(running.port))
  } catch (error) {
    code = (error as { code?: string }).code ?? ''
  }
  assert.is(code, 'ECONNREFUSED')
})

test.run()
