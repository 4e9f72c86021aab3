/**
 * What people and disks may spoil: the configuration, the state record, the log of calls, what a daemon
 * tells, addresses of sources; and the exit by which every text reaches a terminal.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { askStatus } from '../../src/daemon/control.ts'
import { parseConfiguration } from '../../src/device/settings.ts'
import { ConfigError, TrustError } from '../../src/errors.ts'
import { readFleet } from '../../src/home/fleet.ts'
import type { Files, Host } from '../../src/host.ts'
import { STATE_SIZE_MAX } from '../../src/limits.ts'
import { ORIGINS } from '../../src/origin.ts'
import { formatInstant } from '../../src/release/fields.ts'
import { openSource } from '../../src/source/open-source.ts'
import type { SourceOptions } from '../../src/source/source.ts'
import { readState, type State, salvageState, writeState } from '../../src/store/state.ts'
import type { Store } from '../../src/store/store.ts'
import {
  arrayOfBytes,
  bytesOfArray,
  bytesOfText,
  harmless,
  isByteString,
  jsonLine,
  show,
  textOfBytes,
  trimmed,
} from '../../src/text.ts'
import { nodeHost } from '../support/host.ts'
import { alteredText, anyText, byteString, bytes, record, textOf } from './arbitraries.ts'
import { decoded, properties, same } from './property.ts'

const property = properties('records')
const host = nodeHost()

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const HARMFUL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

property('no text does harm to a terminal', fc.oneof(anyText(60), byteString(60)), (text) => {
  for (const shown of [harmless(text), show(bytesOfText(text))]) assert.not(HARMFUL.test(shown))
  same(harmless(harmless(text)), harmless(text))
  const line = jsonLine({ text })
  assert.not(HARMFUL.test(line.slice(0, -1)))
  same(JSON.parse(line).text, text)
})

property('no bytes do harm to a terminal', byteString(60), (given) => {
  assert.not(HARMFUL.test(show(given)))
})

property('text comes back from its bytes', fc.oneof(anyText(60), byteString(60)), (text) => {
  same(textOfBytes(bytesOfText(text)), text.replace(/[\ud800-\udfff]/gu, '?'))
})

property('bytes that are text come back from it', bytes(60), (given) => {
  const text = textOfBytes(bytesOfArray(given))
  if (text !== undefined) same(arrayOfBytes(bytesOfText(text)), given)
})

property('what is trimmed has none of it at its ends', textOf(' \t"ab', 30), (text) => {
  const found = trimmed(text, ' \t"')
  assert.not.match(found, /^[ \t"]|[ \t"]$/)
  assert.ok(text.includes(found))
})

/** A file system of small files in one folder, as the state record needs it. */
function storeOf(state: Uint8Array | undefined): Store {
  const names = new Map(state ? [['state', state]] : [])
  const open = new Map<number, string>()
  const files = {
    openRead(_: number, name: string) {
      if (!names.has(name))
        throw Object.assign(new Error(), { name: 'SystemError', code: 'ENOENT' })
      open.set(open.size + 10, name)
      return open.size + 9
    },
    createFile(_: number, name: string) {
      names.set(name, new Uint8Array(0))
      open.set(open.size + 10, name)
      return open.size + 9
    },
    read(fd: number, buffer: Uint8Array, offset: number, length: number) {
      const piece = (names.get(open.get(fd) ?? '') ?? new Uint8Array(0)).subarray(0, length)
      buffer.set(piece, offset)
      return piece.length
    },
    write(fd: number, buffer: Uint8Array) {
      names.set(open.get(fd) ?? '', buffer.slice())
    },
    stat: (_: number, name: string) => (names.has(name) ? { type: 'file' } : undefined),
    removeTree: (_: number, name: string) => names.delete(name),
    rename(_: number, name: string, __: number, target: string) {
      names.set(target, names.get(name) ?? new Uint8Array(0))
      names.delete(name)
    },
    ...{ close() {}, sync() {}, setMetadata() {}, readXattrs: () => [], statHandle: () => ({}) },
  }
  return {
    directory: 3,
    host: { files: files as unknown as Files },
    alone: (work: () => unknown) => work(),
    content: () => names.get('state'),
  } as unknown as Store
}

const textIn = (store: Store) => (store as unknown as { content(): Uint8Array }).content()

const instant = fc.integer({ min: 1, max: 253_402_300_799 })
const version = fc.integer({ min: 1, max: 999_999_999 })
const count = fc.nat(999_999)
const maybe = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined })
/** What a line of the record can hold, of at most so many UTF-16 units. */
const line = (maxLength: number) =>
  anyText(maxLength).map((text) => {
    const whole = textOfBytes(bytesOfText(text.replace(/[\r\n]/g, ' ').slice(0, maxLength))) ?? ''
    return whole.replace(/[\ud800-\udfff]/gu, '?')
  })
const url = fc.stringMatching(/^[!-~]{1,300}$/)

const state = record<State>({
  floor: version,
  intent: maybe(
    record({ verb: fc.constantFrom('swap', 'roll-back'), source: version, target: version }),
  ),
  ...{ trial: maybe(version), confirmed: maybe(version), boots: count },
  bad: fc.array(version, { maxLength: 32 }),
  ...{
    trustedSeconds: instant,
    ranSeconds: count,
    newestRelease: maybe(record({ version, issued: instant })),
  },
  unlocks: fc.array(instant, { maxLength: 16 }),
  pushSeconds: instant,
  home: maybe(
    record({
      ...{
        stolen: fc.boolean(),
        leaseEnd: maybe(instant),
        version: maybe(version),
        intervalSeconds: count,
      },
      priority: fc.constantFrom('low', 'normal', 'urgent'),
      sources: fc.array(url, { maxLength: 8, size: 'max' }),
      message: line(500),
    }),
  ),
  wait: maybe(record({ tries: count, failures: count, begun: instant, until: instant })),
  last: maybe(record({ time: line(30), outcome: line(30), message: line(1000) })),
  brought: maybe(
    record({
      version,
      origin: fc.constantFrom(...ORIGINS),
      time: fc.stringMatching(/^[!-~]{1,30}$/),
      source: line(500),
    }),
  ),
  received: fc
    .array(fc.tuple(fc.constantFrom(...ORIGINS), fc.integer({ min: 1, max: 1e12 })))
    .map((pairs) => Object.fromEntries(pairs)),
  attack: maybe(
    record({ name: line(30), time: line(30), message: line(1000), told: fc.boolean() }),
  ),
})

property(
  'each state of a device comes back from its record, which has room',
  state,
  (one) => {
    const store = storeOf(undefined)
    writeState(store, one)
    assert.ok(textIn(store).length <= STATE_SIZE_MAX, `${textIn(store).length} bytes`)
    same(readState(store), one)
  },
  4,
)

const written = state.map((one) => {
  const store = storeOf(undefined)
  writeState(store, one)
  return bytesOfArray(textIn(store))
})

property(
  'any record is read or salvaged, and what was read of it once stays',
  fc.oneof(byteString(300), alteredText(written)),
  (text) => {
    const store = storeOf(arrayOfBytes(text))
    const found = decoded(() => readState(store), ConfigError, TrustError)
    writeState(store, found ?? salvageState(store))
    const once = bytesOfArray(textIn(store))
    assert.ok(once.length <= STATE_SIZE_MAX)
    writeState(store, readState(store))
    same(bytesOfArray(textIn(store)), once)
  },
  4,
)

const INI = [
  ...[
    '[store]',
    '[store.path]',
    '[transfer]',
    '[__proto__]',
    '[constructor]',
    '[a.b.c]',
    '[sources]',
  ],
  ...[
    'path = /xo',
    'path[] = /xo',
    'path',
    'keep-free-mb = 5',
    'keep-free-mb = -5',
    '__proto__ = 1',
  ],
  ...[
    'url[] = rsync://a/b',
    'url = file:///a',
    'toString = 1',
    '; note',
    '"a" = "b',
    '= 1',
    'hours = 1',
  ],
  ...[
    'bwlimit-at = 08:00-16:00 50',
    '[policy]',
    'hold = yes',
    '[boot]',
    'persist = /home',
    'hasOwnProperty = 1',
  ],
]

property(
  'any configuration is read or refused with a reason',
  fc.oneof(
    byteString(200),
    textOf('[]=.\n"a\'\\;#', 60),
    alteredText(
      fc.array(fc.constantFrom(...INI), { maxLength: 12 }).map((lines) => lines.join('\n')),
    ),
  ),
  (text) => {
    decoded(() => parseConfiguration(text, 'xo.conf'), ConfigError)
    same(({} as Record<string, unknown>).path, undefined)
  },
)

const URLS = [
  ...[
    'rsync://school:873/xo',
    'rsync://user@[::1]/x%6f',
    'file:///media/stick',
    'file:///%00',
    'rsync://a/%00',
  ],
  ...[
    'ssh://xo@host:22/xo',
    'file:///\u0100',
    'rsync://a:b@c/d',
    'rsync://a/%0a',
    'file:///%2e%2e',
  ],
]

property(
  'any address of a source is a source of bytes, or refused',
  fc.oneof(anyText(60), fc.constantFrom(...URLS), alteredText(fc.constantFrom(...URLS))),
  (text) => {
    const options = {
      role: 'upstream',
      ssh: undefined,
      connectTimeoutMs: 1,
    } as unknown as SourceOptions
    const source = decoded(() => openSource(host, text, options), ConfigError)
    if (source) assert.ok(isByteString(source.name))
  },
)

/** Of a home server: a log of calls, and no policy. */
function homeOf(log: string): Files {
  let position = 0
  const content = arrayOfBytes(log)
  return {
    openRoot: () => 3,
    close() {},
    stat: () => undefined,
    openRead(_: number, name: string) {
      position = 0
      if (name !== 'calls.jsonl')
        throw Object.assign(new Error(), { name: 'SystemError', code: 'ENOENT' })
      return 4
    },
    read(_: number, buffer: Uint8Array, offset: number, length: number) {
      const piece = content.subarray(position, position + length)
      buffer.set(piece, offset)
      position += piece.length
      return piece.length
    },
  } as unknown as Files
}

const call = record({
  time: fc.oneof(instant, fc.jsonValue()),
  serial: fc.oneof(fc.constant('SHC1'), fc.jsonValue()),
  ...{ hardware: fc.constantFrom('xo', 1), deployment: fc.constantFrom('any', null) },
  ...{
    installed: fc.oneof(version, fc.jsonValue()),
    trial: maybe(version),
    bad: fc.oneof(fc.array(version), fc.jsonValue()),
  },
  ...{ outcome: fc.oneof(fc.constant('done'), fc.jsonValue()), code: fc.jsonValue() },
}).map((one) => JSON.stringify(one))

property(
  'any log of calls is read, and a line that is none is skipped',
  alteredText(
    fc
      .array(fc.oneof(call, fc.json(), byteString(20)), { maxLength: 5 })
      .map((all) => bytesOfText(`${all.join('\n')}\n`)),
  ),
  (text) => {
    const { laptops } = readFleet({ files: homeOf(text), checksums: host.checksums }, '/home', 4e9)
    for (const { time, installed, trial, bad, outcome, code } of laptops) {
      assert.match(formatInstant(time), /Z$/)
      for (const one of [installed, trial, ...bad])
        assert.ok(one === undefined || Number.isInteger(one))
      for (const one of [outcome, code]) assert.ok(one === undefined || typeof one === 'string')
    }
  },
  4,
)

const status = record({
  activity: fc.oneof(fc.constant('waiting'), fc.jsonValue()),
  ...{ rounds: fc.constant(1), failures: fc.constant(0) },
  nextSeconds: fc.oneof(instant, fc.jsonValue()),
  because: fc.oneof(fc.constant('it is due'), fc.jsonValue()),
  outcome: fc.oneof(fc.constant('done'), fc.jsonValue()),
}).map((one) => JSON.stringify(one))

property(
  'whatever answers as the daemon, its status is one, or none',
  alteredText(fc.oneof(status, fc.json()).map(bytesOfText)),
  async (text) => {
    let rest = arrayOfBytes(text)
    const sockets = {
      connectPath: async () => ({}),
      async read(_: object, buffer: Uint8Array, offset: number, length: number) {
        const piece = rest.subarray(0, length)
        rest = rest.subarray(piece.length)
        buffer.set(piece, offset)
        return piece.length
      },
      close() {},
    } as unknown as Host['sockets']
    const found = await askStatus({ sockets }, '/run/control')
    if (!found) return
    assert.type(found.activity, 'string')
    if (found.nextSeconds !== undefined) assert.match(formatInstant(found.nextSeconds), /Z$/)
    for (const one of [found.because, found.outcome])
      assert.ok(one === undefined || typeof one === 'string')
  },
)

property.run()
