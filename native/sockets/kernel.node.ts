/**
 * Socket calls that Node makes only after a name look-up, or not at all, by koffi: a descriptor that
 * is bound and set up, for Node's own streams to take over. It never waits.
 */

import type { DatagramOptions, Interface } from 'native:sockets'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { constants, networkInterfaces } from 'node:os'
import koffi from 'koffi'
import { cString } from '../files/glibc.node.ts'
import { systemError, systemErrorOf } from '../system-error.node.ts'

const library = koffi.load(null)
const native = {
  socket: library.func('socket', 'int', ['int', 'int', 'int']),
  bind: library.func('bind', 'int', ['int', 'void *', 'uint']),
  connect: library.func('connect', 'int', ['int', 'void *', 'uint']),
  listen: library.func('listen', 'int', ['int', 'int']),
  close: library.func('close', 'int', ['int']),
  setsockopt: library.func('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint']),
  inet_pton: library.func('inet_pton', 'int', ['int', 'void *', 'void *']),
  if_nametoindex: library.func('if_nametoindex', 'uint', ['void *']),
}

const AF_UNIX = 1
const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_FLAGS = 0o2000000 | 0o4000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_BROADCAST = 6
const IPPROTO_IP = 0
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const IP_MULTICAST_IF = 32
const IP_ADD_MEMBERSHIP = 35
const IPV6_MULTICAST_IF = 17
const IPV6_JOIN_GROUP = 20
const SUN_PATH_LENGTH = 108
const IFF_BROADCAST = 0x2
const IFF_MULTICAST = 0x1000

/** An address as the kernel takes it, and its name for messages. */
interface SocketAddress {
  family: number
  bytes: Buffer
  name: string
}

function check(status: number, call: string, name: string): number {
  if (status < 0) throw systemError(call, name, koffi.errno())
  return status
}

export function ofLiteral(call: string, literal: string, port: number): SocketAddress {
  if (port < 0 || port > 65535) throw new RangeError(`${call}: no such port`)
  const [address = '', scope] = literal.split('%')
  const version = isIP(address)
  const name = literal.includes(':') ? `[${literal}]:${port}` : `${literal}:${port}`
  if (version === 0) throw systemErrorOf(call, name, 'EINVAL')
  const six = version === 6
  const bytes = Buffer.alloc(six ? 28 : 16)
  bytes.writeUInt16LE(six ? AF_INET6 : AF_INET, 0)
  bytes.writeUInt16BE(port, 2)
  const parsed = Buffer.alloc(16)
  native.inet_pton(six ? AF_INET6 : AF_INET, cString(address), parsed)
  parsed.copy(bytes, six ? 8 : 4, 0, six ? 16 : 4)
  if (six && scope) bytes.writeUInt32LE(native.if_nametoindex(cString(scope)), 24)
  return { family: six ? AF_INET6 : AF_INET, bytes, name }
}

/** Throws if the path is too long, which Node would cut short. */
export function ofPath(call: string, path: string): SocketAddress {
  const text = cString(path)
  if (text.length > SUN_PATH_LENGTH) throw systemErrorOf(call, path, 'ENAMETOOLONG')
  const bytes = Buffer.alloc(2 + SUN_PATH_LENGTH)
  bytes.writeUInt16LE(AF_UNIX, 0)
  text.copy(bytes, 2)
  return { family: AF_UNIX, bytes, name: path }
}

function setOption(fd: number, level: number, option: number, value: number | Buffer): number {
  const bytes = typeof value === 'number' ? Buffer.from(Int32Array.of(value).buffer) : value
  return native.setsockopt(fd, level, option, bytes, bytes.length)
}

/** Runs `prepare` on a new socket, which is closed if it throws. */
function prepared(family: number, type: number, name: string, prepare: (fd: number) => void) {
  const fd = check(native.socket(family, type | SOCK_FLAGS, 0), 'socket', name)
  try {
    prepare(fd)
    return fd
  } catch (error) {
    native.close(fd)
    throw error
  }
}

/** True if nobody listens at the socket file any more. */
function isStale(address: SocketAddress): boolean {
  const fd = native.socket(AF_UNIX, SOCK_STREAM | SOCK_FLAGS, 0)
  const status = native.connect(fd, address.bytes, address.bytes.length)
  const refused = status < 0 && systemError('connect', '', koffi.errno()).code === 'ECONNREFUSED'
  native.close(fd)
  return refused
}

export function listeningTcp(host: string, port: number, backlog: number): number {
  const address = ofLiteral('listen', host, port)
  return prepared(address.family, SOCK_STREAM, address.name, (fd) => {
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (address.family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)
    check(native.bind(fd, address.bytes, address.bytes.length), 'listen', address.name)
    check(native.listen(fd, backlog), 'listen', address.name)
  })
}

/** `removeSocket` unlinks the path if it is a socket; false if it is not. */
export function listeningPath(path: string, backlog: number, removeSocket: () => boolean): number {
  const address = ofPath('listen', path)
  const bind = (fd: number) =>
    check(native.bind(fd, address.bytes, address.bytes.length), 'listen', path)
  return prepared(AF_UNIX, SOCK_STREAM, path, (fd) => {
    const before = process.umask(0o177)
    try {
      bind(fd)
    } catch (error) {
      if (!isStale(address) || !removeSocket()) throw error
      bind(fd)
    } finally {
      process.umask(before)
    }
    check(native.listen(fd, backlog), 'listen', path)
  })
}

function join(fd: number, group: SocketAddress, index: number): number {
  if (group.family === AF_INET6) {
    const request = Buffer.alloc(20)
    group.bytes.copy(request, 0, 8, 24)
    request.writeUInt32LE(index, 16)
    return setOption(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, request)
  }
  const request = Buffer.alloc(12)
  group.bytes.copy(request, 0, 4, 8)
  request.writeUInt32LE(index, 8)
  return setOption(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, request)
}

/** Why the group can't be heard there; a group that was joined before is joined, too. */
function refusalOf(fd: number, group: SocketAddress, interfaceName: string): number | undefined {
  if (join(fd, group, indexOf(interfaceName)) === 0) return undefined
  const errno = koffi.errno()
  return errno === constants.errno.EADDRINUSE ? undefined : errno
}

function indexOf(name: string): number {
  const index = native.if_nametoindex(cString(name))
  if (index === 0) throw systemError('openDatagram', name, koffi.errno())
  return index
}

function joinAll(fd: number, options: DatagramOptions, name: string): void {
  const hearing =
    options.interface === undefined
      ? interfaces().flatMap((one) => (one.multicast ? [one.name] : []))
      : [options.interface]
  for (const literal of options.groups) {
    const group = ofLiteral('openDatagram', literal, 0)
    const refusals = hearing.map((found) => refusalOf(fd, group, found))
    if (refusals.includes(undefined)) continue
    throw systemError('openDatagram', name, refusals.at(-1) ?? constants.errno.ENODEV)
  }
}

export function boundDatagram(options: DatagramOptions): number {
  const address = ofLiteral('openDatagram', options.host, options.port)
  const { bytes, family, name } = address
  if (family !== (options.family === 6 ? AF_INET6 : AF_INET)) {
    throw systemErrorOf('openDatagram', name, 'EAFNOSUPPORT')
  }
  return prepared(family, SOCK_DGRAM, name, (fd) => {
    if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
    if (options.broadcast) setOption(fd, SOL_SOCKET, SO_BROADCAST, 1)
    if (options.groups.length > 0) setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    check(native.bind(fd, bytes, bytes.length), 'openDatagram', name)
    if (options.interface !== undefined) {
      const index = indexOf(options.interface)
      const four = Buffer.alloc(12)
      four.writeUInt32LE(index, 8)
      if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index)
      else setOption(fd, IPPROTO_IP, IP_MULTICAST_IF, four)
    }
    joinAll(fd, options, name)
  })
}

function broadcastOf(address: string, netmask: string): string {
  const mask = netmask.split('.').map(Number)
  const parts = address.split('.').map(Number)
  return parts.map((part, i) => part | (~(mask[i] as number) & 0xff)).join('.')
}

export function interfaces(): Interface[] {
  return Object.entries(networkInterfaces()).map(([name, found = []]) => {
    const flags = Number(readFileSync(`/sys/class/net/${name}/flags`, 'latin1'))
    const addresses = found.map((one) => {
      const scope = 'scopeid' in one && one.scopeid ? `%${name}` : ''
      const broadcast =
        one.family === 'IPv4' && flags & IFF_BROADCAST
          ? broadcastOf(one.address, one.netmask)
          : undefined
      const family = one.family === 'IPv6' ? (6 as const) : (4 as const)
      const prefixLength = Number(one.cidr?.split('/')[1] ?? 0)
      return { family, address: `${one.address}${scope}`, prefixLength, broadcast }
    })
    const loopback = found.some((one) => one.internal)
    return { name, loopback, multicast: (flags & IFF_MULTICAST) !== 0, addresses }
  })
}
