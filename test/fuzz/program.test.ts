/**
 * The program under the sanitizers and what reaches it by other ways than a source: an altered store,
 * configuration, lease, status of a daemon, reply of a home server; and requests and packets to a server
 * and a daemon, which stay up.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { encodeQuestion } from '../../src/call-home/question.ts'
import { encodeReply } from '../../src/call-home/reply.ts'
import { signUpgradeNow } from '../../src/push/upgrade-now.ts'
import { makeKeyPair, readSecretKey, sign } from '../../src/release/signify.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { deadline } from '../support/deadline.ts'
import { HomeServer, replyTo } from '../support/home-server.ts'
import { CHECKED_PROGRAM } from '../support/program.ts'
import { freePort } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { signing } from '../support/signing.ts'
import { until } from '../support/until.ts'
import { altered, alteredText, type Change, change, changed, joined, place } from './arbitraries.ts'
import { Laptop, SANITIZERS } from './laptop.ts'
import { properties } from './property.ts'

const property = properties('program')
/** A run of the program and a copy of a store; a question to one that is up. */
const COST = 40
const QUESTION_COST = 4

const home = makeKeyPair(signing, 'home')
const secret = readSecretKey(signing, home.secretFile)
const push = makeKeyPair(signing, 'push')
const pushSecret = readSecretKey(signing, push.secretFile)
const SERIAL = 'SHC1'
const question = (nonce: string) =>
  encodeQuestion({
    ...{
      serial: SERIAL,
      nonce,
      hardware: 'any',
      deployment: 'any',
      installed: 1,
      trial: undefined,
    },
    ...{ bad: [], outcome: 'done', code: undefined },
  })

let laptop: Laptop
let homeServer: HomeServer
const children: ChildProcess[] = []

property.before(async () => {
  laptop = await Laptop.set()
  homeServer = await HomeServer.start(() => {})
  writeFileSync(join(laptop.keys, 'home.pub'), home.publicFile)
  writeFileSync(join(laptop.keys, 'push.pub'), push.publicFile)
})
property.after(async () => {
  homeServer?.stop()
  for (const child of children.filter(({ exitCode }) => exitCode === null)) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

const good = () => [`file://${laptop.publisher.module}`]

const RECORDS = [
  'state',
  'keys',
  'daemon',
  'set-aside',
  'upstream-newest',
  'fakeroot/release',
  'fakeroot/manifest',
]
const LINES = [
  ...[
    'floor=1',
    'floor=999999999',
    'intent=swap 1 2',
    'intent=roll-back 9 9',
    'trial=1',
    'boots=999999999999',
  ],
  ...[
    'bad=1 2 3',
    'home-stolen=yes',
    'wait=1 2027-01-01T00:00:00Z 2026-01-01T00:00:00Z 1',
    'unlocks= ',
  ],
]

property(
  'a store with altered records',
  fc.tuple(
    fc.constantFrom(...RECORDS),
    fc.array(change, { minLength: 1, maxLength: 3 }),
    fc.subarray(LINES),
  ),
  async ([name, changes, lines]) => {
    laptop.begin(good())
    const path = join(laptop.device.store, name)
    const content = existsSync(path) ? readFileSync(path) : arrayOfBytes('')
    const text = name === 'state' ? joined(content, arrayOfBytes(`${lines.join('\n')}\n`)) : content
    writeFileSync(
      path,
      changes.reduce((result, one) => changed(result, one, content), text),
    )
    await laptop.ends([0, 64, 65, 74], 'status')
    await laptop.ends([0], 'recover')
    await laptop.ends([0, 64, 75], 'confirm')
    await laptop.recovers('by hand')
  },
  COST,
)

const CONFIGURATION = [
  '[store]',
  '[store.path]',
  'path = /nowhere',
  '[policy]',
  'hours = 1',
  '[boot]',
  'a[] = "b',
]

property(
  'an altered configuration',
  fc.tuple(fc.array(change, { minLength: 1, maxLength: 3 }), fc.subarray(CONFIGURATION)),
  async ([changes, lines]) => {
    laptop.begin(good())
    const path = laptop.device.configurationFile
    const whole = joined(readFileSync(path), arrayOfBytes(`${lines.join('\n')}\n`))
    writeFileSync(
      path,
      changes.reduce((result, one) => changed(result, one, whole), whole),
    )
    await laptop.ends([0, 64, 65, 74], 'status')
    laptop.isAsBefore()
  },
  COST,
)

property(
  'an altered lease',
  alteredText(
    fc.constantFrom(
      'source=rsync://127.0.0.1:9/xo\n',
      'opt224=7273796e633a2f2f612f62\n',
      'serverid=127.0.0.1\n',
    ),
  ),
  async (text) => {
    const lease = join(scratch('lease'), 'dhcp.eth0')
    writeFileSync(lease, arrayOfBytes(text))
    laptop.begin(good(), { sources: { 'dhcp-lease': lease } })
    await laptop.ends([0], 'upgrade')
    laptop.isAsBefore()
    await laptop.recovers()
  },
  COST,
)

const status = JSON.stringify({
  ...{ activity: 'waiting', because: 'it is due', nextSeconds: 1_800_000_000 },
  ...{ rounds: 1, failures: 0, outcome: 'done' },
})

property(
  'whatever answers as the daemon',
  altered(fc.constantFrom(status, 'null', '[]', '{"nextSeconds":1e300}').map(arrayOfBytes)),
  async (answer) => {
    const control = join(scratch('control'), 'socket')
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(answer)
    })
    server.listen(control)
    await once(server, 'listening')
    laptop.begin(good(), { daemon: { control } })
    try {
      await laptop.ends([0], 'status')
    } finally {
      server.close()
    }
  },
  COST,
)

interface AlteredReply {
  statement: Change[]
  http: Change[]
  stays: boolean
}

const replies: fc.Arbitrary<AlteredReply> = fc.record({
  statement: fc.array(change, { maxLength: 2 }),
  http: fc.array(change, { maxLength: 2 }),
  stays: fc.nat(9).map((number) => number === 0),
})

property(
  'a home server whose replies are altered, before they are signed and after',
  replies,
  async ({ statement, http, stays }) => {
    homeServer.script = (socket, asked) => {
      const reply = encodeReply(
        replyTo(asked, { version: 2, message: 'Hello', sources: ['rsync://a/xo'] }),
      )
      const body = sign(
        statement.reduce((all, one) => changed(all, one, reply), reply),
        secret,
        '',
      )
      const head = arrayOfBytes(
        `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nVia: x\r\n\r\n`,
      )
      const whole = joined(head, body)
      socket.write(http.reduce((all, one) => changed(all, one, whole), whole))
      if (!stays) socket.end()
    }
    laptop.begin(good(), {
      device: { serial: SERIAL },
      home: { url: homeServer.url, 'timeout-seconds': '2' },
      policy: { 'on-battery': 'yes' },
    })
    await laptop.ends([0, 65, 69, 75], 'check')
    laptop.isAsBefore()
    await laptop.recovers()
  },
  COST,
)

/** The program as a server: whatever it is sent, it stays up and complains of nothing. */
function serve(words: string[]): { said(): string; isUp(): void } {
  const child = spawn(CHECKED_PROGRAM, words, { env: { PATH: process.env.PATH, ...SANITIZERS } })
  children.push(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
  const isUp = () => {
    const isFine = child.exitCode === null && child.signalCode === null
    if (!isFine || /Sanitizer|runtime error:/.test(said)) throw new Error(`it is down: ${said}`)
  }
  return { said: () => said, isUp }
}

async function asked(port: number, pieces: readonly Uint8Array[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('error', () => {})
  socket.on('data', (bytes) => (answer += bytes.toString('latin1')))
  for (const piece of pieces) if (!socket.destroyed) socket.write(piece)
  socket.end()
  await deadline(new Promise((resolve) => socket.once('close', resolve)))
  return answer
}

let served: { port: number; server: ReturnType<typeof serve> } | undefined

async function aHomeServer() {
  if (served) return served
  const [folder, port] = [scratch('home'), await freePort()]
  writeFileSync(join(folder, 'latest'), '2\n')
  const key = join(scratch('secret'), 'home.sec')
  writeFileSync(key, home.secretFile, { mode: 0o600 })
  const server = serve(['home', '--folder', folder, '--key', key, '--listen', `127.0.0.1:${port}`])
  served = { port, server }
  await until(async () => {
    server.isUp()
    return (await asked(port, [arrayOfBytes('GET / HTTP/1.1\r\n\r\n')])) !== ''
  })
  return served
}

const requestOf = (body: Uint8Array) =>
  joined(
    arrayOfBytes(`POST /call-home HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  )
const QUESTION = question('0'.repeat(32))

property(
  'requests to a home server',
  fc.tuple(
    fc.array(change, { maxLength: 2 }),
    fc.array(change, { minLength: 1, maxLength: 3 }),
    place,
  ),
  async ([inside, outside, cut]) => {
    const { port, server } = await aHomeServer()
    const whole = requestOf(inside.reduce((all, one) => changed(all, one, QUESTION), QUESTION))
    const sent = outside.reduce((all, one) => changed(all, one, whole), whole)
    const at = Math.floor(cut * sent.length)
    const answer = await asked(port, [sent.subarray(0, at), sent.subarray(at)])
    assert.ok(answer === '' || /^HTTP\/1\.1 (200|4\d\d|501) /.test(answer), answer)
    server.isUp()
    assert.match(await asked(port, [requestOf(QUESTION)]), /^HTTP\/1\.1 200 OK/)
  },
  QUESTION_COST,
)

let listening: { port: number; server: ReturnType<typeof serve> } | undefined

async function aDaemon() {
  if (listening) return listening
  const [folder, port] = [scratch('pushed'), await freePort()]
  mkdirSync(join(folder, 'store'))
  const lines = [
    `[store]\npath=${folder}/store`,
    `[trust]\nkeys=${laptop.keys}`,
    '[sources]\npeers=off',
    `[push]\nport=${port}\nspread-seconds=0`,
    `[daemon]\ncontrol=${folder}/control`,
    `[device]\nserial=${SERIAL}\n`,
  ]
  writeFileSync(join(folder, 'conf'), lines.join('\n'))
  const server = serve(['daemon', '--config', join(folder, 'conf')])
  listening = { port, server }
  await until(() => {
    server.isUp()
    return existsSync(join(folder, 'control'))
  })
  return listening
}

const PUSH = { version: 43, deployment: 'any', issued: 1_800_000_000 }

property(
  'packets to a daemon',
  fc.array(
    fc.oneof(
      altered(fc.constant(signUpgradeNow(PUSH, pushSecret))),
      fc.uint8Array({ maxLength: 1400 }),
    ),
    { minLength: 1, maxLength: 5 },
  ),
  async (packets) => {
    const { port, server } = await aDaemon()
    const socket = createSocket('udp4')
    for (const packet of packets) {
      await new Promise((resolve) => socket.send(packet, port, '127.0.0.1', resolve))
    }
    socket.close()
    server.isUp()
  },
  QUESTION_COST,
)

property.run()
