/** What a listener believes of a push, and what changes nothing: replays, old ones, foreign keys, floods. */

import * as assert from 'uvu/assert'
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

/** More than any test sends at once, but the flood. */
const TURNS = 12

const push = (change: Partial<UpgradeNow> = {}, by = key) =>
  signUpgradeNow({ version: 43, deployment: 'any', issued: SEEN + 60, ...change }, by)

/** Another letter of base64 in the midst of the signature: what has no form costs no signature to check. */
function forge(signed: Uint8Array): void {
  signed[70] = signed[70] === 0x41 ? 0x42 : 0x41
}

/** A listener on a port of its own, what it has heard, and how to send to it. */
function listening(trustedSeconds = SEEN) {
  const probe = { family: 4, host: '127.0.0.1', port: 0, broadcast: false, groups: [] } as const
  const free = host.sockets.openDatagram({ ...probe, groups: [] })
  const port = host.sockets.localPort(free)
  host.sockets.closeDatagram(free)
  const listener = new PushListener(host, {
    port,
    keys,
    situation: () => ({ installed: 42, deployment: 'peru', trustedSeconds, pushSeconds: 0 }),
    spreadSeconds: 60,
  })
  const heard: PushHint[] = []
  const hear = async () => {
    for (;;) heard.push(await listener.next())
  }
  void hear()
  const sender = host.sockets.openDatagram({ ...probe, groups: [] })
  const send = async (...datagrams: Uint8Array[]) => {
    const to = { family: 4, address: '127.0.0.1', port } as const
    for (const one of datagrams) {
      await host.sockets.sendDatagram(sender, to, one, 0, one.length)
    }
    // Each wait is a turn of the loop, in which one is heard at the least, however busy the machine is.
    for (let turn = 0; turn < TURNS; turn++) await host.clock.sleep(5)
  }
  const close = () => {
    listener.close()
    host.sockets.closeDatagram(sender)
  }
  return { heard, send, close, port, listener }
}

test('a push that holds is a hint, however often it comes', async () => {
  const { heard, send, close } = listening()
  await send(push(), push(), push())
  assert.equal(
    heard.map(({ reason, withinSeconds }) => [reason, withinSeconds]),
    [['a push for version 43', 60]],
  )
  await send(push({ version: 44, issued: SEEN + 61, deployment: 'peru' }))
  assert.is(heard.length, 2)
  assert.is(heard[1]?.push.version, 44)
  close()
})

test('replays, old ones and what is no news change nothing, and cost no signature', async () => {
  const { heard, send, close } = listening()
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
  close()
})

test('one altered byte, and it does not hold', async () => {
  const { heard, send, close } = listening()
  const altered = push()
  altered[altered.length - 3] = 0x31
  await send(altered)
  const other = push()
  forge(other)
  await send(other)
  assert.is(heard.length, 0)
  close()
})

test('a flood of forged pushes costs a bounded number of signatures, and a push still comes through', async () => {
  const { heard, send, close } = listening()
  verified = 0
  const forged = push({ issued: SEEN + 1_000_000 })
  forge(forged)
  const started = performance.now()
  const during = Array.from({ length: 200 }, () => forged)
  await send(...during)
  await send(...during)
  const seconds = (performance.now() - started) / 1000
  assert.ok(verified >= 1 && verified <= 4 + 2 * (seconds + 1), `${verified} in ${seconds} s`)
  // The sender says it several times; once the flood is over, one of them is heard.
  const until = performance.now() + 8000
  while (heard.length === 0 && performance.now() < until) await send(push({ issued: SEEN + 5 }))
  assert.is(heard[0]?.push.version, 43)
  close()
})

test('a hint that nobody waits for is kept: the newest', async () => {
  const probe = { family: 4, host: '127.0.0.1', port: 0, broadcast: false, groups: [] } as const
  const { close, port, listener } = listening()
  close()
  void listener
  const quiet = new PushListener(host, {
    port,
    keys,
    situation: () => ({ installed: 42, deployment: 'any', trustedSeconds: 0, pushSeconds: 0 }),
    spreadSeconds: 1,
  })
  const sender = host.sockets.openDatagram({ ...probe, groups: [] })
  for (const issued of [SEEN, SEEN + 1]) {
    const one = push({ issued, version: 100 + issued - SEEN })
    const to = { family: 4, address: '127.0.0.1', port } as const
    await host.sockets.sendDatagram(sender, to, one, 0, one.length)
    await host.clock.sleep(60)
  }
  assert.is((await deadline(quiet.next())).push.version, 101)
  quiet.close()
  host.sockets.closeDatagram(sender)
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

test('what can not be sent is told, and keeps nothing from the others', async () => {
  const { heard, close, port } = listening()
  const [here] = await named(host, ['127.0.0.1'], port)
  assert.ok(here)
  const targets = [{ ...here, card: 'no-such-card' }, here]
  const { count, failures } = await deadline(sendPush(host, targets, push()))
  assert.is(count, 1)
  assert.match(failures[0]?.message ?? '', /ENODEV/)
  assert.is(heard.length, 1)
  close()
})

test('the longest name of a deployment leaves room', () => {
  assert.ok(push({ version: 999_999_999, deployment: '\u4e00'.repeat(100) }).length < 600)
})

test.run()
