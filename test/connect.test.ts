/** Which address of a name is tried when: the families in turn, staggered, and the first one wins. */

import * as assert from 'uvu/assert'
import { connect, inTurns } from '../src/connect.ts'
import { DeadlineError, PeerError } from '../src/errors.ts'
import type { Host } from '../src/host.ts'
import { deadline } from './support/deadline.ts'
import { nodeHost } from './support/host.ts'
import { rejects } from './support/rejects.ts'
import { test } from './support/suite.ts'

type Address = import('native:sockets').Address

const v6 = (n: number): Address => ({ family: 6, address: `2001:db8::${n}`, port: 873 })
const v4 = (n: number): Address => ({ family: 4, address: `192.0.2.${n}`, port: 873 })

/** How an address behaves: connects or fails after so many milliseconds; Infinity is silence. */
type Behaviour = { afterMs: number; code?: string }

function network(addresses: Address[], behaviour: Record<string, Behaviour>) {
  const host = nodeHost()
  const begun: string[] = []
  const startMs = performance.now()
  const times: number[] = []
  const closed: unknown[] = []
  const refuse = (call: string, code: string) =>
    Object.assign(new Error(`${call}: ${code}`), { name: 'SystemError', call, code, errno: 1 })
  const sockets = {
    ...host.sockets,
    resolve: async () => addresses,
    connect: ({ address }: Address, timeoutMs: number) =>
      new Promise<object>((resolve, reject) => {
        begun.push(address)
        times.push(performance.now() - startMs)
        const { afterMs, code } = behaviour[address] ?? { afterMs: Number.POSITIVE_INFINITY }
        if (afterMs > timeoutMs) setTimeout(() => reject(refuse('connect', 'ETIMEDOUT')), timeoutMs)
        else if (code) setTimeout(() => reject(refuse('connect', code)), afterMs)
        else setTimeout(() => resolve({ address }), afterMs)
      }),
    close: (socket: object) => {
      closed.push((socket as Address).address)
    },
  }
  const modules: Pick<Host, 'sockets' | 'clock'> = { sockets, clock: host.clock }
  const go = (timeoutMs = 5_000) =>
    deadline(connect(modules, { peer: 'rsync://school', host: 'school', port: 873, timeoutMs }))
  return { go, begun, times, closed }
}

test('the families take turns, beginning with the resolver’s choice', () => {
  const all = [v6(1), v6(2), v6(3), v4(1), v4(2)]
  assert.equal(inTurns(all), [v6(1), v4(1), v6(2), v4(2), v6(3)])
  assert.equal(inTurns([v4(1), v4(2), v6(1)]), [v4(1), v6(1), v4(2)])
  assert.equal(inTurns([]), [])
  assert.is(inTurns(Array.from({ length: 500 }, (_, n) => v4(n))).length, 16)
})

test('a silent first address costs a quarter of a second', async () => {
  const net = network([v6(1), v4(1)], { '192.0.2.1': { afterMs: 5 } })
  const socket = (await net.go()) as Address
  assert.is(socket.address, '192.0.2.1')
  assert.ok((net.times[1] ?? 0) >= 240, `${net.times}`)
})

test('one that refuses makes room for the next at once, and each is tried once', async () => {
  const net = network([v6(1), v6(2), v4(1)], {
    '2001:db8::1': { afterMs: 1, code: 'ENETUNREACH' },
    '192.0.2.1': { afterMs: 1, code: 'ECONNREFUSED' },
    '2001:db8::2': { afterMs: 300 },
  })
  await net.go()
  assert.equal(net.begun, ['2001:db8::1', '192.0.2.1', '2001:db8::2'])
  assert.ok((net.times[2] ?? 999) < 200, `${net.times}`)
})

test('the loser’s connection is closed when it comes after all', async () => {
  const net = network([v6(1), v4(1)], {
    '2001:db8::1': { afterMs: 330 },
    '192.0.2.1': { afterMs: 10 },
  })
  assert.is(((await net.go()) as Address).address, '192.0.2.1')
  await new Promise((resolve) => setTimeout(resolve, 150))
  assert.equal(net.closed, ['2001:db8::1'])
})

test('all refuse: away, with the reason; all silent: a deadline; no address: away', async () => {
  const refusing = { afterMs: 1, code: 'ECONNREFUSED' }
  const net = network([v6(1), v4(1)], { '192.0.2.1': refusing, '2001:db8::1': refusing })
  const refused = await rejects(net.go(), /rsync:\/\/school: no connection \(ECONNREFUSED\)/)
  assert.is((refused as PeerError).kind, 'away')
  const mixed = network([v6(1), v4(1)], { '192.0.2.1': refusing })
  assert.instance(await rejects(mixed.go(400), /ECONNREFUSED/), PeerError)
  const silence = network([v6(1), v4(1)], {})
  assert.instance(await rejects(silence.go(300), /within 300 ms/), DeadlineError)
  assert.instance(await rejects(network([], {}).go(), /no address/), PeerError)
})

test.run()
