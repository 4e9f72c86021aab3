/** Trusted time, leases and the lock: what moves time, what locks a laptop, and what frees it. */

import * as assert from 'uvu/assert'
import { systemErrorOf } from '../../native/system-error.node.ts'
import {
  type LockPolicy,
  leaseSeconds,
  lockVerdict,
  recordReply,
  recordRun,
  unlock,
} from '../../src/call-home/lock.ts'
import { encodeUnlock, type Reply } from '../../src/call-home/reply.ts'
import { readSerial } from '../../src/call-home/serial.ts'
import { ConfigError, TrustError } from '../../src/errors.ts'
import { makeKeyPair, readPublicKey, readSecretKey, sign } from '../../src/release/signify.ts'
import { changeState, noteRelease, readState, signedSeconds } from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()
const pair = makeKeyPair(host, 'home')
const secret = readSecretKey(host, pair.secretFile)
const keys = [readPublicKey(host, pair.publicFile)]

const DAY = 86_400
const T = 1_800_000_000
const ENFORCED: LockPolicy = { enforce: true, graceSeconds: 2 * DAY }
const REPLY: Reply = {
  serial: 'SHC1',
  nonce: '0'.repeat(32),
  time: T,
  stolen: false,
  version: 42,
  leaseEnd: T + 10 * DAY,
  intervalSeconds: 3600,
  priority: 'normal',
  sources: [],
  message: '',
}

function storeWith(reply?: Partial<Reply>): Store {
  const store = Store.open(host, scratch('store'), true)
  if (reply) recordReply(store, { ...REPLY, ...reply })
  return store
}
const verdict = (store: Store, policy = ENFORCED) => lockVerdict(readState(store), policy)

test('nothing is locked that no home server ever answered, or where it is not enforced', () => {
  assert.is(verdict(storeWith()), undefined)
  const stolen = storeWith({ stolen: true, leaseEnd: T - 100 * DAY })
  assert.is(verdict(stolen, { enforce: false, graceSeconds: 0 }), undefined)
})

test('what is stolen is locked, and what is lent until the grace after its lease', () => {
  assert.match(verdict(storeWith({ stolen: true })) ?? '', /^This laptop was reported stolen\.$/)
  assert.is(verdict(storeWith({ leaseEnd: undefined })), undefined)
  assert.is(verdict(storeWith({ leaseEnd: T })), undefined)
  assert.is(verdict(storeWith({ leaseEnd: T - 2 * DAY })), undefined)
  assert.match(verdict(storeWith({ leaseEnd: T - 2 * DAY - 1 })) ?? '', /^The lease of this laptop/)
})

test('a lease ends by the time that a laptop ran, also with no network and any clock', () => {
  const store = storeWith({})
  for (let day = 0; day < 12; day++) {
    assert.is(verdict(store), undefined)
    recordRun(store, DAY)
  }
  recordRun(store, 1)
  assert.match(verdict(store) ?? '', /lease/)
  assert.is(readState(store).trustedSeconds, T)
  // An answer tells the present time: what was counted before no longer matters.
  recordReply(store, { ...REPLY, time: T + DAY })
  assert.is(verdict(store), undefined)
  assert.is(leaseSeconds(readState(store)), T + DAY)
})

test('nothing is counted, and nothing written, where home was never heard', () => {
  const store = storeWith()
  const before = readState(store)
  recordRun(store, DAY)
  assert.equal(readState(store), before)
})

test('the answer of home is the time, also where it lies before what was believed', () => {
  const store = storeWith({ time: T + 365 * DAY, leaseEnd: T + 30 * DAY })
  assert.match(verdict(store) ?? '', /lease/)
  recordReply(store, { ...REPLY, leaseEnd: T + 30 * DAY })
  assert.is(verdict(store), undefined)
  assert.is(leaseSeconds(readState(store)), T)
})

test('the date of a release ends no lease, and home has the last word on it', () => {
  const store = storeWith({})
  for (const years of [1, 9, 20]) {
    noteRelease(store, { version: 42 + years, issued: T + years * 366 * DAY })
    assert.is(verdict(store), undefined)
    assert.is(leaseSeconds(readState(store)), T)
  }
  recordReply(store, { ...REPLY, time: T + 3 * DAY })
  assert.is(signedSeconds(readState(store)), T + 4 * DAY)
  // Offered again, it does not come back.
  noteRelease(store, { version: 51, issued: T + 9 * 366 * DAY })
  assert.is(signedSeconds(readState(store)), T + 4 * DAY)
})

test('a higher version has the later date, so that a wrong one is over with the next release', () => {
  const store = storeWith()
  const seen = (version: number, issued: number) => {
    noteRelease(store, { version, issued })
    return signedSeconds(readState(store))
  }
  assert.is(seen(41, T), T)
  assert.is(seen(42, T + 8 * 366 * DAY), T + 8 * 366 * DAY)
  assert.is(seen(41, T), T + 8 * 366 * DAY, 'an old one tells nothing')
  assert.is(seen(43, T + DAY), T + DAY)
  assert.is(seen(44, T + 20 * 366 * DAY), T + DAY, 'so far ahead nothing is')
})

test('the time of pushes is no trusted time, and a reply takes a date far ahead back', () => {
  const store = storeWith({})
  changeState(store, { pushSeconds: T + 3000 * DAY })
  assert.is(verdict(store), undefined)
  assert.is(leaseSeconds(readState(store)), T)
  recordReply(store, { ...REPLY, time: T + DAY })
  assert.is(readState(store).pushSeconds, T + 2 * DAY)
  changeState(store, { pushSeconds: T })
  recordReply(store, { ...REPLY, time: T + 5 * DAY })
  assert.is(readState(store).pushSeconds, T)
})

test('an unlock statement frees once, keeps what home said else, and gives its lease', () => {
  const store = storeWith({ stolen: true, leaseEnd: T - 100 * DAY, message: 'come to the office' })
  const made = (time: number, leaseEnd: number | undefined, serial = 'SHC1') =>
    sign(encodeUnlock({ serial, time, leaseEnd }), secret, '')
  const opens = (statement: Uint8Array) => unlock(store, statement, keys, 'SHC1')
  // It ran on long after the newest signed time.
  changeState(store, { ranSeconds: 200 * DAY })
  const before = readState(store)
  for (const wrong of [
    made(T, undefined),
    made(T - 1, undefined),
    made(T + 1, undefined, 'SHC2'),
  ]) {
    assert.throws(
      () => opens(wrong),
      (error: unknown) => error instanceof TrustError,
    )
    assert.equal(readState(store), before)
  }
  const key = made(T + DAY, T + 30 * DAY)
  opens(key)
  assert.is(verdict(store), undefined)
  assert.is(leaseSeconds(readState(store)), T + DAY, 'what it ran before is over')
  assert.equal(readState(store).home, { ...before.home, stolen: false, leaseEnd: T + 30 * DAY })
  recordReply(store, { ...REPLY, time: T + 2 * DAY, stolen: true })
  assert.throws(
    () => opens(key),
    (error: unknown) => error instanceof TrustError && /^replay: /.test(error.message),
  )
  assert.ok(verdict(store))
})

test('an unlock statement works once, also where home went back to before its date', () => {
  const store = storeWith({ stolen: true })
  const opens = (time: number) =>
    unlock(
      store,
      sign(encodeUnlock({ serial: 'SHC1', time, leaseEnd: undefined }), secret, ''),
      keys,
      'SHC1',
    )
  const isReplay = (error: unknown) =>
    error instanceof TrustError && /^replay: /.test(error.message)
  opens(T + 365 * DAY)
  recordReply(store, { ...REPLY, time: T + DAY, stolen: true })
  assert.throws(() => opens(T + 365 * DAY), isReplay)
  assert.throws(() => opens(T + DAY), isReplay)
  opens(T + 2 * DAY)
  assert.is(verdict(store), undefined)
})

test('no release that was seen keeps an unlock statement out', () => {
  const store = storeWith({ stolen: true })
  noteRelease(store, { version: 43, issued: T + 365 * DAY })
  const statement = encodeUnlock({ serial: 'SHC1', time: T + 1, leaseEnd: undefined })
  unlock(store, sign(statement, secret, ''), keys, 'SHC1')
  assert.is(verdict(store), undefined)
})

test('a laptop that was never locked is told so', () => {
  const store = storeWith()
  changeState(store, { trustedSeconds: T })
  const statement = sign(
    encodeUnlock({ serial: 'SHC1', time: T + 1, leaseEnd: undefined }),
    secret,
    '',
  )
  assert.throws(
    () => unlock(store, statement, keys, 'SHC1'),
    (error: unknown) => error instanceof TrustError && /never locked/.test(error.message),
  )
})

/** Files of a machine whose firmware says this. */
function machine(places: Record<string, string>) {
  const { files } = host
  const root = scratch('firmware')
  const names = Object.keys(places)
  const directory = files.openRoot(root)
  for (const [index, text] of Object.values(places).entries()) {
    const fd = files.createFile(directory, `${index}`, 0o600)
    const bytes = new Uint8Array(Buffer.from(text, 'latin1'))
    files.write(fd, bytes, 0, bytes.length)
    files.close(fd)
  }
  files.close(directory)
  const openFile = (path: string) => {
    const index = names.indexOf(path)
    if (index < 0) throw systemErrorOf('open', path, 'ENOENT')
    return files.openFile(`${root}/${index}`)
  }
  return { ...files, openFile }
}

test('the serial number is the configured one, then that of the firmware', () => {
  const xo = { '/ofw/serial-number': 'SHC83302A3E\0', '/sys/class/dmi/id/product_serial': 'PC\n' }
  assert.is(readSerial(machine(xo), 'MINE'), 'MINE')
  assert.is(readSerial(machine(xo), undefined), 'SHC83302A3E')
  const pc = (text: string) => machine({ '/sys/class/dmi/id/product_serial': text })
  assert.is(readSerial(pc('VMware-56 4d/77 c8\n'), undefined), 'VMware-56-4d-77-c8')
  assert.is(readSerial(pc('../../etc\n'), undefined), 'etc')
  for (const none of ['', '\n', 'None\n', '0000\n', 'To be filled by O.E.M.\n', 'x'.repeat(65)]) {
    assert.throws(
      () => readSerial(pc(none), undefined),
      (error: unknown) => error instanceof ConfigError && /serial = /.test(error.cure ?? ''),
    )
  }
})

test.run()
