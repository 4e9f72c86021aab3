/**
 * What native:sockets promises, for any host; peers.ts has the other ends. Runs in Node and in
 * QuickJS.
 */
import type { Socket } from 'native:sockets'
import * as assert from 'uvu/assert'
import type { Host } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { rejects } from '../support/rejects.ts'
import { suite } from '../support/suite.ts'
import { checkSystemError } from './kit.ts'

/** Ports on loopback. */
export interface Peers {
  /** Sends back what it gets, and ends when the other side does. */
  echo: number
  /** The same on ::1; 0 where there is no IPv6. */
  echo6: number
  /** Neither reads nor writes. */
  silent: number
  /** Says so and ends. */
  goodbye: number
  /** Resets the connection on the first byte. */
  reset: number
  /** Where nobody listens. */
  nobody: number
}

const TIMEOUT_MS = 10_000

export function socketsContract(name: string, host: Host, peers: Peers): void {
  connectContract(name, host, peers)
  streamContract(name, host, peers)
}

const opener = (host: Host) => (port: number) =>
  host.sockets.connect({ family: 4, address: '127.0.0.1', port }, TIMEOUT_MS)

async function fails(code: string, run: () => Promise<unknown>, path?: string): Promise<void> {
  checkSystemError(await rejects(run()), code, path)
}

function connectContract(name: string, host: Host, peers: Peers): void {
  const test = suite(`${name}: connect`)
  const { sockets } = host

  test('resolves literal addresses', async () => {
    const four = { family: 4, address: '127.0.0.1', port: 873 }
    assert.equal(await sockets.resolve('127.0.0.1', 873), [four])
    assert.equal(await sockets.resolve('::1', 8873), [{ family: 6, address: '::1', port: 8873 }])
  })

  test('resolves the names of this machine', async () => {
    const found = await sockets.resolve('localhost', 873)
    assert.ok(found.some(({ address }) => address === '127.0.0.1' || address === '::1'))
    assert.ok(found.every(({ port }) => port === 873))
  })

  test('a name that nobody has is ENOTFOUND, or EAGAIN where nobody can be asked', async () => {
    const error = await rejects(sockets.resolve('no-such-host.invalid', 873))
    const { code } = error as { code?: string }
    assert.ok(code === 'ENOTFOUND' || code === 'EAGAIN', code)
    checkSystemError(error, code ?? '', 'no-such-host.invalid')
    assert.is((error as { call?: string }).call, 'resolve')
  })

  test('a port where nobody listens refuses', async () => {
    await fails('ECONNREFUSED', () => opener(host)(peers.nobody), `127.0.0.1:${peers.nobody}`)
  })

  test('an address that is none', async () => {
    const address = { family: 4, address: 'localhost', port: 1 } as const
    await fails('EINVAL', async () => sockets.connect(address, TIMEOUT_MS), 'localhost:1')
  })

  test('speaks IPv6', async () => {
    if (peers.echo6 === 0) return
    const address = { family: 6, address: '::1', port: peers.echo6 } as const
    const socket = await sockets.connect(address, TIMEOUT_MS)
    await sockets.write(socket, arrayOfBytes('six'), 0, 3, TIMEOUT_MS)
    const buffer = new Uint8Array(8)
    assert.is(await sockets.read(socket, buffer, 0, 8, TIMEOUT_MS), 3)
    sockets.close(socket)
  })

  test.run()
}

function streamContract(name: string, host: Host, peers: Peers): void {
  const test = suite(`${name}: streams`)
  const { sockets, clock } = host
  const open = opener(host)

  const readAll = async (socket: Socket, length: number): Promise<Uint8Array> => {
    const all = new Uint8Array(length)
    let count = 0
    while (count < length) {
      const got = await sockets.read(socket, all, count, length - count, TIMEOUT_MS)
      if (got === 0) break
      count += got
    }
    return all.subarray(0, count)
  }

  test('what is written comes back, both ways at once', async () => {
    const socket = await open(peers.echo)
    // More than the kernel's buffers hold, so that reading has to make room for writing.
    const bytes = new Uint8Array(12_000_000)
    for (let i = 0; i < bytes.length; i += 4096) bytes[i] = i / 4096
    const reading = readAll(socket, bytes.length)
    await sockets.write(socket, bytes, 0, bytes.length, TIMEOUT_MS)
    sockets.shutdown(socket)
    const back = await reading
    assert.is(back.length, bytes.length)
    let differences = 0
    for (let i = 0; i < bytes.length; i += 4096) if (back[i] !== bytes[i]) differences++
    assert.is(differences, 0)
    const rest = new Uint8Array(1)
    assert.is(await sockets.read(socket, rest, 0, 1, TIMEOUT_MS), 0)
    sockets.close(socket)
  })

  test('a read takes what is there, and keeps to its window', async () => {
    const socket = await open(peers.echo)
    const buffer = new Uint8Array(10)
    await sockets.write(socket, arrayOfBytes('xhellox'), 1, 5, TIMEOUT_MS)
    let count = 0
    while (count < 4) count += await sockets.read(socket, buffer, 2 + count, 4 - count, TIMEOUT_MS)
    assert.is(bytesOfArray(buffer), '\0\0hell\0\0\0\0')
    assert.is(await sockets.read(socket, buffer, 0, 10, TIMEOUT_MS), 1)
    assert.is(bytesOfArray(buffer.subarray(0, 3)), 'o\0h')
    await sockets.write(socket, buffer, 10, 0, TIMEOUT_MS)
    for (const [offset, length] of [
      [0, 11],
      [11, 0],
      [-1, 2],
      [0, -1],
      [1, 2 ** 32],
    ] as const) {
      const read = async () => sockets.read(socket, buffer, offset, length, TIMEOUT_MS)
      assert.instance(await rejects(read()), RangeError)
      const write = async () => sockets.write(socket, buffer, offset, length, TIMEOUT_MS)
      assert.instance(await rejects(write()), RangeError)
    }
    sockets.close(socket)
  })

  test('the end of a stream is 0, as often as it is asked for', async () => {
    const socket = await open(peers.goodbye)
    assert.is(bytesOfArray(await readAll(socket, 100)), 'goodbye')
    const buffer = new Uint8Array(10)
    for (let i = 0; i < 3; i++) assert.is(await sockets.read(socket, buffer, 0, 10, TIMEOUT_MS), 0)
    sockets.close(socket)
  })

  test('half a stream can end before the other half', async () => {
    const socket = await open(peers.echo)
    await sockets.write(socket, arrayOfBytes('last words'), 0, 10, TIMEOUT_MS)
    sockets.shutdown(socket)
    assert.is(bytesOfArray(await readAll(socket, 100)), 'last words')
    sockets.close(socket)
  })

  test('a read from a silent peer ends in time', async () => {
    const socket = await open(peers.silent)
    const before = clock.monotonicMs()
    await fails('ETIMEDOUT', () => sockets.read(socket, new Uint8Array(1), 0, 1, 150))
    const passed = clock.monotonicMs() - before
    assert.ok(passed > 140, `${passed} ms`)
    sockets.close(socket)
  })

  test('a write to a peer that does not read ends in time', async () => {
    const socket = await open(peers.silent)
    const bytes = new Uint8Array(32_000_000)
    await fails('ETIMEDOUT', () => sockets.write(socket, bytes, 0, bytes.length, 200))
    sockets.close(socket)
  })

  test('a close ends what waits', async () => {
    const socket = await open(peers.silent)
    const reading = rejects(sockets.read(socket, new Uint8Array(1), 0, 1, TIMEOUT_MS))
    const bytes = new Uint8Array(32_000_000)
    const writing = rejects(sockets.write(socket, bytes, 0, bytes.length, TIMEOUT_MS))
    await clock.sleep(50)
    sockets.close(socket)
    checkSystemError(await reading, 'ECANCELED')
    checkSystemError(await writing, 'ECANCELED')
    sockets.close(socket)
    sockets.shutdown(socket)
    const buffer = new Uint8Array(1)
    await fails('ECANCELED', async () => sockets.read(socket, buffer, 0, 1, TIMEOUT_MS))
    await fails('ECANCELED', async () => sockets.write(socket, buffer, 0, 1, TIMEOUT_MS))
  })

  test('a reset is an error, and a write into it ends nothing but itself', async () => {
    const socket = await open(peers.reset)
    const buffer = new Uint8Array(100_000)
    await sockets.write(socket, buffer, 0, 1, TIMEOUT_MS)
    await fails('ECONNRESET', () => sockets.read(socket, buffer, 0, 1, TIMEOUT_MS))
    const error = await rejects(sockets.write(socket, buffer, 0, buffer.length, TIMEOUT_MS))
    const { code } = error as { code?: string }
    assert.ok(code === 'EPIPE' || code === 'ECONNRESET', code)
    sockets.close(socket)
  })

  test('many connections at once', async () => {
    const talk = async (i: number) => {
      const socket = await open(peers.echo)
      const text = arrayOfBytes(`number ${i}`)
      await sockets.write(socket, text, 0, text.length, TIMEOUT_MS)
      const back = bytesOfArray(await readAll(socket, text.length))
      sockets.close(socket)
      return back
    }
    const numbers = Array.from({ length: 40 }, (_, i) => i)
    const back = await Promise.all(numbers.map(talk))
    assert.equal(
      back,
      numbers.map((i) => `number ${i}`),
    )
  })

  test.run()
}
