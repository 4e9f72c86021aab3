/** What a listener believes of a push, and what changes nothing: replays, old ones, foreign keys, floods. */

import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Host } from '../../src/host.ts'
import { type PushHint, PushListener } from '../../src/push/listen.ts'
import { named, sendPush } from '../../src/push/send.ts'
import { signUpgradeNow, type UpgradeNow } from '../../src/push/upgrade-now.ts'
import { makeKeyPair, readPublicKey, readSecretKey, sign } from '../../src/release/signify.ts'
import { encodeStatement } from '../../src/release/statement.ts'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { signing } from '../support/signing.ts'
import { test } from '../support/suite.ts'

const SEEN = 1_800_000_000
let verified = 0
const counting: Host['signatures'] = {
  ...signing.signatures,
  verify: (...words) => {
    verified++
    return signing.signatures.verify(...words)
  },
}
const pair = makeKeyPair(signing, 'push')
const key = readSecretKey(signing, pair.secretFile)
const foreign = readSecretKey(signing, makeKeyPair(signing, 'foreign').secretFile)
const keys = [readPublicKey({ signatures: counting }, pair.publicFile)]
const host = nodeHost()

const push = (change: Partial<UpgradeNow> = {}, by = key) =>
  signUpgradeNow({ version: 43, deployment: 'any', issued: SEEN + 60, ...change }, by)

/**
 * Another letter of base64 in the middle of the signature: what is malformed costs no signature check.
 */
function forge(signed: Uint8Array): void {
  signed[70] = signed[70] === 0x41 ? 0x42 : 0x41
}

/** What a listener hears with: who sends to it, and whether it has looked at everything. */
class Air {
  readonly #sent: Uint8Array[] = []
  readonly #hearing: ((datagram: Uint8Array) => void)[] = []
  #open = 0

  readonly sockets: Host['sockets'] = {
    ...host.sockets,
    interfaces: () => [],
    openDatagram: () => ({ number: this.#open++ }),
    closeDatagram: () => {},
    receiveDatagram: (_, buffer) =>
      new Promise((resolve) => {
        this.#hearing.push((datagram) => {
          buffer.set(datagram.subarray(0, buffer.length))
          resolve({ from: { family: 4, address: '192.0.2.1', port: 1 }, length: datagram.length })
        })
        this.#deliver()
      }),
  }

  send(datagrams: Uint8Array[]): void {
    this.#sent.push(...datagrams)
    this.#deliver()
  }

  /** It waits for more on each of its sockets. */
  get isQuiet(): boolean {
    return this.#sent.length === 0 && this.#hearing.length === this.#open
  }

  #deliver(): void {
    while (this.#sent.length > 0 && this.#hearing.length > 0) {
      this.#hearing.shift()?.(this.#sent.shift() as Uint8Array)
    }
  }
}

/** A listener in a time of its own; `send` comes back when it has looked at everything. */
function listening() {
  const air = new Air()
  const clock = new VirtualClock()
  const listener = new PushListener(
    { sockets: air.sockets, clock: clock.asHost },
    {
      port: 8766,
      keys,
      situation: () => ({ running: 42, deployment: 'peru', trustedSeconds: SEEN, pushSeconds: 0 }),
      spreadSeconds: 60,
    },
  )
  const send = async (...datagrams: Uint8Array[]) => {
    air.send(datagrams)
    assert.ok(await deadline(clock.pass(() => air.isQuiet)))
  }
  const rest = async (seconds: number) => {
    const atMs = clock.nowMs() + seconds * 1000
    clock.after(seconds * 1000, () => {})
    await clock.pass(() => clock.nowMs() >= atMs)
  }
  return { send, rest, clock, listener }
}

/** What a listener hears. */
function hintsOf(listener: PushListener): PushHint[] {
  const heard: PushHint[] = []
  const hear = async () => {
    for (;;) heard.push(await listener.next())
  }
  void hear()
  return heard
}

test('a push that holds is a hint, however often it comes', async () => {
  const { send, listener } = listening()
  const heard = hintsOf(listener)
  await send(push(), push(), push())
  assert.equal(
    heard.map(({ reason, withinSeconds }) => [reason, withinSeconds]),
    [['a push for version 43', 60]],
  )
  await send(push({ version: 44, issued: SEEN + 61, deployment: 'peru' }))
  assert.is(heard.length, 2)
  assert.is(heard[1]?.push.version, 44)
})

test('replays, old ones and what is no news change nothing, and cost no signature', async () => {
  const { send, listener } = listening()
  const heard = hintsOf(listener)
  verified = 0
  await send(
    push({ issued: SEEN }),
    push({ issued: SEEN - 86_400 }),
    push({ issued: SEEN + 20 * 366 * 86_400 }),
    push({ version: 42 }),
    push({ version: 41 }),
    push({ deployment: 'uruguay' }),
  )
  await send(new Uint8Array(0), new Uint8Array(601), new Uint8Array(300).fill(0x41))
  const replies = encodeStatement('call-home-reply', [['version', '43']])
  await send(sign(replies, key, 'of another kind'))
  await send(push({}, foreign))
  assert.is(heard.length, 0)
  assert.is(verified, 0)
  await send(push({ issued: SEEN + 100 }))
  await send(push({ issued: SEEN + 99 }))
  assert.is(heard.length, 1)
  assert.is(verified, 1)
})

test('one altered byte, and it does not hold', async () => {
  const { send, listener } = listening()
  const heard = hintsOf(listener)
  const altered = push()
  altered[altered.length - 3] = 0x31
  await send(altered)
  const other = push()
  forge(other)
  await send(other)
  assert.is(heard.length, 0)
})

test('a flood of forged pushes costs a bounded number of signatures, and a push still comes through', async () => {
  const { send, rest, clock, listener } = listening()
  const heard = hintsOf(listener)
  verified = 0
  const forged = push({ issued: SEEN + 1_000_000 })
  forge(forged)
  await send(...Array.from({ length: 400 }, () => forged))
  const seconds = clock.nowMs() / 1000
  assert.ok(seconds > 5, `400 looks in ${seconds} s`)
  assert.ok(verified > 4 && verified <= 4 + 2 * seconds, `${verified} in ${seconds} s`)
  assert.is(heard.length, 0)
  await rest(1)
  await send(push({ issued: SEEN + 5 }))
  assert.is(heard[0]?.push.version, 43)
})

test('a hint that nobody waits for is kept: the newest', async () => {
  const { send, listener } = listening()
  for (const issued of [SEEN + 1, SEEN + 2]) {
    await send(push({ issued, version: 100 + issued - SEEN }))
  }
  assert.is((await deadline(listener.next())).push.version, 102)
})

test('addresses: names, ports, IPv6; and what is none', async () => {
  const found = async (word: string) =>
    (await named(host, [word], 8766)).map(({ address }) => `${address.address} ${address.port}`)
  assert.equal(await found('127.0.0.1'), ['127.0.0.1 8766'])
  assert.equal(await found('127.0.0.1:99'), ['127.0.0.1 99'])
  assert.equal(await found('[::1]:99'), ['::1 99'])
  assert.equal(await found('::1'), ['::1 8766'])
  for (const word of ['', '127.0.0.1:0', '127.0.0.1:65536', '[::1']) {
    let thrown: unknown
    await found(word).catch((error) => {
      thrown = error
    })
    assert.instance(thrown, ConfigError, word)
  }
})

function freeUdpPort(): number {
  const place = { family: 4, host: '127.0.0.1', port: 0, broadcast: false } as const
  const free = host.sockets.openDatagram({ ...place, groups: [] })
  const port = host.sockets.localPort(free)
  host.sockets.closeDatagram(free)
  return port
}

test('what can not be sent is told, and keeps nothing from the others', async () => {
  const port = freeUdpPort()
  const listener = new PushListener(host, {
    port,
    keys,
    situation: () => ({ running: 42, deployment: 'any', trustedSeconds: SEEN, pushSeconds: 0 }),
    spreadSeconds: 60,
  })
  const [here] = await named(host, ['127.0.0.1'], port)
  assert.ok(here)
  const targets = [{ ...here, card: 'no-such-card' }, here]
  const { count, failures } = await deadline(sendPush(host, targets, push()))
  assert.is(count, 1)
  assert.match(failures[0]?.message ?? '', /ENODEV/)
  assert.is((await deadline(listener.next())).push.version, 43)
  listener.close()
})

test('who was reached once is no failure, though what is said again does not get there', async () => {
  let sent = 0
  const gone = () => {
    throw systemError('send', undefined, 'ENETUNREACH')
  }
  const sendDatagram = async () => (sent++ === 0 ? undefined : gone())
  const sockets = { ...host.sockets, sendDatagram } as unknown as Host['sockets']
  const targets = await named(host, ['127.0.0.1'], 8766)
  assert.equal(await deadline(sendPush({ ...host, sockets }, targets, push())), {
    count: 1,
    failures: [],
  })
  assert.ok(sent > 1, 'it is said more than once')
})

test('the longest name of a deployment leaves room', () => {
  assert.ok(push({ version: 999_999_999, deployment: '\u4e00'.repeat(100) }).length < 600)
})

test.run()
