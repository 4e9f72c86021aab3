/** What native:sockets promises of listeners, unix streams and UDP, for any host that has them. */
import type { Datagram, Listener, Socket } from 'native:sockets'
import * as assert from 'uvu/assert'
import type { Host, Path } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { rejects } from '../support/rejects.ts'
import { suite } from '../support/suite.ts'
import { checkSystemError, Kit } from './kit.ts'

const TIMEOUT_MS = 10_000

async function fails(code: string, run: () => Promise<unknown>, path?: string): Promise<void> {
  checkSystemError(await rejects(run()), code, path)
}

function throws(code: string, run: () => unknown): void {
  let thrown: unknown
  try {
    run()
  } catch (error) {
    thrown = error
  }
  checkSystemError(thrown, code)
}

export function listenersContract(name: string, host: Host, scratch: Path): void {
  tcpContract(name, host)
  unixContract(name, host, scratch)
  datagramContract(name, host)
}

const hasIpv6 = ({ sockets }: Host) =>
  sockets.interfaces().some(({ addresses }) => addresses.some(({ family }) => family === 6))

async function exchange(host: Host, near: Socket, far: Socket): Promise<void> {
  const { sockets } = host
  const buffer = new Uint8Array(16)
  await sockets.write(near, arrayOfBytes('ping'), 0, 4, TIMEOUT_MS)
  assert.is(await sockets.read(far, buffer, 0, 16, TIMEOUT_MS), 4)
  assert.is(bytesOfArray(buffer.subarray(0, 4)), 'ping')
  await sockets.write(far, arrayOfBytes('pong!'), 0, 5, TIMEOUT_MS)
  assert.is(await sockets.read(near, buffer, 0, 16, TIMEOUT_MS), 5)
  sockets.close(near)
  assert.is(await sockets.read(far, buffer, 0, 16, TIMEOUT_MS), 0)
  sockets.close(far)
}

function tcpContract(name: string, host: Host): void {
  const test = suite(`${name}: listening`)
  const { sockets, clock } = host
  const open = (family: 4 | 6, address: string, listener: Listener) =>
    sockets.connect({ family, address, port: sockets.localPort(listener) }, TIMEOUT_MS)

  for (const [family, literal] of [
    [4, '127.0.0.1'],
    [6, '::1'],
  ] as const) {
    test(`a connection over IPv${family}`, async () => {
      if (family === 6 && !hasIpv6(host)) return
      const listener = sockets.listen({ host: literal, port: 0 }, 8)
      const near = await open(family, literal, listener)
      const { socket, peer } = await sockets.accept(listener)
      assert.is(peer?.family, family)
      assert.is(peer?.address, literal)
      assert.ok((peer?.port ?? 0) > 0)
      await exchange(host, near, socket)
      sockets.closeListener(listener)
    })
  }

  test('who listens on all of IPv6 hears IPv4', async () => {
    if (!hasIpv6(host)) return
    const listener = sockets.listen({ host: '::', port: 0 }, 8)
    const near = await open(4, '127.0.0.1', listener)
    const { socket, peer } = await sockets.accept(listener)
    assert.is(peer?.address, '::ffff:127.0.0.1')
    await exchange(host, near, socket)
    sockets.closeListener(listener)
  })

  test('an accept waits for who comes, and many may wait for an accept', async () => {
    const listener = sockets.listen({ host: '127.0.0.1', port: 0 }, 64)
    const accepting = sockets.accept(listener)
    await clock.sleep(20)
    const first = await open(4, '127.0.0.1', listener)
    await exchange(host, first, (await accepting).socket)
    const near = await Promise.all(Array.from({ length: 30 }, () => open(4, '127.0.0.1', listener)))
    for (let i = 0; i < near.length; i++) {
      const { socket } = await sockets.accept(listener)
      sockets.close(socket)
    }
    for (const socket of near) sockets.close(socket)
    sockets.closeListener(listener)
  })

  test('a port that is taken, and addresses that are none or not here', () => {
    const listener = sockets.listen({ host: '127.0.0.1', port: 0 }, 1)
    const port = sockets.localPort(listener)
    throws('EADDRINUSE', () => sockets.listen({ host: '127.0.0.1', port }, 1))
    sockets.closeListener(listener)
    // Its port is free again at once.
    sockets.closeListener(sockets.listen({ host: '127.0.0.1', port }, 1))
    throws('EINVAL', () => sockets.listen({ host: 'localhost', port: 0 }, 1))
    throws('EADDRNOTAVAIL', () => sockets.listen({ host: '192.0.2.1', port: 0 }, 1))
    assert.throws(() => sockets.listen({ host: '127.0.0.1', port: 65536 }, 1))
  })

  test('a close ends the accept that waits', async () => {
    const listener = sockets.listen({ host: '127.0.0.1', port: 0 }, 1)
    const accepting = rejects(sockets.accept(listener))
    await clock.sleep(20)
    sockets.closeListener(listener)
    checkSystemError(await accepting, 'ECANCELED')
    await fails('ECANCELED', async () => sockets.accept(listener))
    sockets.closeListener(listener)
  })

  test.run()
}

function unixContract(name: string, host: Host, scratch: Path): void {
  const test = suite(`${name}: unix streams`)
  const { sockets, files } = host
  const kit = new Kit(host, scratch)
  const fresh = () => {
    const path = `sock-${Math.random().toString(36).slice(2)}`
    return { path, whole: `${scratch}/${path}` }
  }

  test('a connection by path, for the owner only', async () => {
    const { path, whole } = fresh()
    const listener = sockets.listen({ path: whole }, 8)
    assert.is(kit.stat(kit.root, path).type, 'socket')
    assert.is(kit.stat(kit.root, path).mode & 0o777, 0o600)
    assert.is(sockets.localPort(listener), 0)
    const near = await sockets.connectPath(whole, TIMEOUT_MS)
    const { socket, peer } = await sockets.accept(listener)
    assert.is(peer, undefined)
    await exchange(host, near, socket)
    throws('EADDRINUSE', () => sockets.listen({ path: whole }, 8))
    sockets.closeListener(listener)
    assert.is(files.stat(kit.root, path), undefined)
    await fails('ENOENT', () => sockets.connectPath(whole, TIMEOUT_MS), whole)
  })

  test('a file that is no socket is left alone', async () => {
    const { path, whole } = fresh()
    kit.put(kit.root, path, 'precious')
    throws('EADDRINUSE', () => sockets.listen({ path: whole }, 8))
    assert.is(kit.get(kit.root, path), 'precious')
    await fails('ECONNREFUSED', () => sockets.connectPath(whole, TIMEOUT_MS), whole)
  })

  test('a socket that nobody listens at any more is replaced', async () => {
    const { path, whole } = fresh()
    const dead = sockets.listen({ path: whole }, 8)
    // Another name for the same socket, which stays when the first one goes.
    files.hardLink(kit.root, path, kit.root, `${path}-dead`)
    sockets.closeListener(dead)
    await fails('ECONNREFUSED', () => sockets.connectPath(`${whole}-dead`, TIMEOUT_MS))
    const listener = sockets.listen({ path: `${whole}-dead` }, 8)
    const near = await sockets.connectPath(`${whole}-dead`, TIMEOUT_MS)
    await exchange(host, near, (await sockets.accept(listener)).socket)
    sockets.closeListener(listener)
  })

  test('a path that is too long', async () => {
    const path = `${scratch}/${'x'.repeat(120)}`
    throws('ENAMETOOLONG', () => sockets.listen({ path }, 1))
    await fails('ENAMETOOLONG', async () => sockets.connectPath(path, TIMEOUT_MS), path)
  })

  test('a folder that is not there', () => {
    throws('ENOENT', () => sockets.listen({ path: `${scratch}/none/socket` }, 1))
  })

  test('a listener whose file is gone is closed all the same', async () => {
    const { path, whole } = fresh()
    const listener = sockets.listen({ path: whole }, 8)
    files.removeFile(kit.root, path)
    sockets.closeListener(listener)
    await fails('ECANCELED', async () => sockets.accept(listener))
  })

  test.run()
}

function datagramContract(name: string, host: Host): void {
  const test = suite(`${name}: datagrams`)
  const { sockets, clock } = host
  const options = { host: '127.0.0.1', port: 0, family: 4, broadcast: false, groups: [] } as const
  const open = (change: object = {}): Datagram =>
    sockets.openDatagram({ ...options, groups: [], ...change })
  const receive = async (datagram: Datagram, size = 100) => {
    const buffer = new Uint8Array(size)
    const { length, from } = await sockets.receiveDatagram(datagram, buffer, TIMEOUT_MS)
    return { text: bytesOfArray(buffer.subarray(0, Math.min(length, size))), length, from }
  }

  test('there and back', async () => {
    const [here, there] = [open(), open()]
    const address = { family: 4, address: '127.0.0.1' } as const
    const to = { ...address, port: sockets.localPort(there) }
    await sockets.sendDatagram(here, to, arrayOfBytes('xhellox'), 1, 5)
    const { text, length, from } = await receive(there)
    assert.is(text, 'hello')
    assert.is(length, 5)
    assert.equal(from, { ...address, port: sockets.localPort(here) })
    await sockets.sendDatagram(there, from, arrayOfBytes(''), 0, 0)
    assert.is((await receive(here)).length, 0)
    for (const one of [here, there]) sockets.closeDatagram(one)
  })

  test('one that is longer than the buffer says how long it was', async () => {
    const [here, there] = [open(), open()]
    const to = { family: 4, address: '127.0.0.1', port: sockets.localPort(there) } as const
    await sockets.sendDatagram(here, to, arrayOfBytes('a longer one'), 0, 12)
    await sockets.sendDatagram(here, to, arrayOfBytes('next'), 0, 4)
    const { text, length } = await receive(there, 3)
    assert.is(text, 'a l')
    assert.is(length, 12)
    assert.is((await receive(there)).text, 'next')
    for (const one of [here, there]) sockets.closeDatagram(one)
  })

  test('a receive ends in time, and with a close', async () => {
    const datagram = open()
    const before = clock.monotonicMs()
    await fails('ETIMEDOUT', () => sockets.receiveDatagram(datagram, new Uint8Array(9), 100))
    assert.ok(clock.monotonicMs() - before > 90)
    const receiving = rejects(sockets.receiveDatagram(datagram, new Uint8Array(9), TIMEOUT_MS))
    await clock.sleep(20)
    sockets.closeDatagram(datagram)
    checkSystemError(await receiving, 'ECANCELED')
    sockets.closeDatagram(datagram)
    await fails('ECANCELED', async () =>
      sockets.receiveDatagram(datagram, new Uint8Array(9), TIMEOUT_MS),
    )
  })

  test('a group is heard by all who joined it on one port', async () => {
    const group = '239.255.73.1'
    const heard = { host: '0.0.0.0', groups: [group], interface: 'lo' }
    const first = open(heard)
    const port = sockets.localPort(first)
    const second = open({ ...heard, port })
    const sender = open({ interface: 'lo' })
    await sockets.sendDatagram(
      sender,
      { family: 4, address: group, port },
      arrayOfBytes('all'),
      0,
      3,
    )
    assert.is((await receive(first)).text, 'all')
    assert.is((await receive(second)).text, 'all')
    for (const one of [first, second, sender]) sockets.closeDatagram(one)
  })

  test('a group that is named twice is joined once', async () => {
    const group = '239.255.73.2'
    const heard = open({ host: '0.0.0.0', groups: [group, group], interface: 'lo' })
    const sender = open({ interface: 'lo' })
    const to = { family: 4, address: group, port: sockets.localPort(heard) } as const
    await sockets.sendDatagram(sender, to, arrayOfBytes('once'), 0, 4)
    assert.is((await receive(heard)).text, 'once')
    await fails('ETIMEDOUT', () => sockets.receiveDatagram(heard, new Uint8Array(9), 50))
    for (const one of [heard, sender]) sockets.closeDatagram(one)
  })

  test('IPv6, with a group beside it', async () => {
    if (!hasIpv6(host)) return
    const six = { family: 6, host: '::', interface: 'lo' }
    // Whether an IPv6 group can be reached through `lo` depends on the machine's routes.
    const [here, there] = [open(six), open({ ...six, groups: ['ff02::7373'] })]
    const to = { family: 6, address: '::1', port: sockets.localPort(there) } as const
    await sockets.sendDatagram(here, to, arrayOfBytes('six'), 0, 3)
    const { text, from } = await receive(there)
    assert.is(text, 'six')
    assert.equal(from, { family: 6, address: '::1', port: sockets.localPort(here) })
    for (const one of [here, there]) sockets.closeDatagram(one)
  })

  test('what can not be', async () => {
    throws('EINVAL', () => open({ host: 'localhost' }))
    throws('EAFNOSUPPORT', () => open({ host: '::1' }))
    throws('ENODEV', () => open({ interface: 'no-such-card' }))
    throws('EINVAL', () => open({ groups: ['127.0.0.1'], interface: 'lo' }))
    const datagram = open()
    throws('EADDRINUSE', () => open({ port: sockets.localPort(datagram) }))
    const to = { family: 4, address: '255.255.255.255', port: 9 } as const
    const buffer = new Uint8Array(1)
    await fails('EACCES', async () => sockets.sendDatagram(datagram, to, buffer, 0, 1))
    const window = async () => sockets.sendDatagram(datagram, to, buffer, 0, 2)
    assert.instance(await rejects(window()), RangeError)
    sockets.closeDatagram(datagram)
  })

  test('the interfaces that are up', () => {
    const loopback = sockets.interfaces().find((one) => one.loopback)
    assert.is(loopback?.name, 'lo')
    const four = loopback?.addresses.find(({ family }) => family === 4)
    const network = { prefixLength: 8, broadcast: undefined }
    assert.equal(four, { family: 4, address: '127.0.0.1', ...network })
  })

  test.run()
}
