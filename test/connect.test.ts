/** Which address of a name is tried when: the families in turn, staggered, and the first one wins. */

import * as assert from 'uvu/assert'
import { type Code, systemError } from '../runtime/emulator/disk/system-error.ts'
import { VirtualClock } from '../runtime/emulator/virtual-clock.ts'
import { connect } from '../src/connect.ts'
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
type Behaviour = { afterMs: number; code?: Code }

function network(addresses: Address[], behaviour: Record<string, Behaviour>) {
  const host = nodeHost()
  const clock = new VirtualClock()
  const begun: string[] = []
  const times: number[] = []
  const closed: unknown[] = []
  const sockets = {
    ...host.sockets,
    resolve: async () => addresses,
    connect: ({ address }: Address, timeoutMs: number) =>
      new Promise<object>((resolve, reject) => {
        begun.push(address)
        times.push(clock.nowMs())
        const { afterMs, code } = behaviour[address] ?? { afterMs: Number.POSITIVE_INFINITY }
        if (afterMs > timeoutMs)
          clock.after(timeoutMs, () => reject(systemError('connect', undefined, 'ETIMEDOUT')))
        else if (code) clock.after(afterMs, () => reject(systemError('connect', undefined, code)))
        else clock.after(afterMs, () => resolve({ address }))
      }),
    close: (socket: object) => {
      closed.push((socket as Address).address)
    },
  }
  const modules: Pick<Host, 'sockets' | 'clock'> = { sockets, clock: clock.asHost }
  const go = (timeoutMs = 5_000) => {
    let isOver = false
    const target = { peer: 'rsync://school', host: 'school', port: 873, timeoutMs }
    const going = connect(modules, target).finally(() => {
      isOver = true
    })
    void clock.pass(() => isOver)
    return deadline(going)
  }
  return { go, begun, times, closed, clock }
}

test('the families take turns, beginning with the resolver’s choice', async () => {
  const tried = async (resolved: Address[], expected: Address[]) => {
    const net = network(resolved, {})
    await rejects(net.go())
    assert.equal(
      net.begun,
      expected.map(({ address }) => address),
    )
  }
  await tried([v6(1), v6(2), v6(3), v4(1), v4(2)], [v6(1), v4(1), v6(2), v4(2), v6(3)])
  await tried([v4(1), v4(2), v6(1)], [v4(1), v6(1), v4(2)])
  await tried([], [])
  const many = Array.from({ length: 500 }, (_, n) => v4(n))
  await tried(many, many.slice(0, 16))
})

test('a silent first address costs a quarter of a second', async () => {
  const net = network([v6(1), v4(1)], { '192.0.2.1': { afterMs: 5 } })
  const socket = (await net.go()) as Address
  assert.is(socket.address, '192.0.2.1')
  assert.equal(net.times, [0, 250])
})

test('one that refuses makes room for the next at once, and each is tried once', async () => {
  const net = network([v6(1), v6(2), v4(1)], {
    '2001:db8::1': { afterMs: 1, code: 'ENETUNREACH' },
    '192.0.2.1': { afterMs: 1, code: 'ECONNREFUSED' },
    '2001:db8::2': { afterMs: 300 },
  })
  await net.go()
  assert.equal(net.begun, ['2001:db8::1', '192.0.2.1', '2001:db8::2'])
  assert.equal(net.times, [0, 1, 2])
})

test('the loser’s connection is closed when it comes after all', async () => {
  const net = network([v6(1), v4(1)], {
    '2001:db8::1': { afterMs: 330 },
    '192.0.2.1': { afterMs: 10 },
  })
  assert.is(((await net.go()) as Address).address, '192.0.2.1')
  await net.clock.pass(() => net.closed.length > 0)
  assert.equal(net.closed, ['2001:db8::1'])
})

test('all refuse: away, with the reason; all silent: a deadline; no address: away', async () => {
  const refusing: Behaviour = { afterMs: 1, code: 'ECONNREFUSED' }
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
