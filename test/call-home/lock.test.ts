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
import { changeState, raiseTrustedTime, readState } from '../../src/store/state.ts'
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
  // An answer tells the present: what was counted is over.
  recordReply(store, { ...REPLY, time: T + DAY })
  assert.is(verdict(store), undefined)
  assert.is(leaseSeconds(readState(store)), T + DAY)
})

test('nothing is counted, and nothing written, where there is no lease', () => {
  const store = storeWith({ leaseEnd: undefined })
  const before = readState(store)
  recordRun(store, DAY)
  assert.equal(readState(store), before)
})

test('trusted time never goes back, whoever signs', () => {
  const store = storeWith({})
  raiseTrustedTime(store, T - DAY)
  assert.is(readState(store).trustedSeconds, T)
  recordReply(store, { ...REPLY, time: T - 100 })
  assert.is(readState(store).trustedSeconds, T)
  raiseTrustedTime(store, T + DAY)
  assert.is(readState(store).trustedSeconds, T + DAY)
})

test('a release of the past moves trusted time on, but not the time of leases back', () => {
  const store = storeWith({})
  recordRun(store, 5 * DAY)
  raiseTrustedTime(store, T + 2 * DAY)
  assert.is(readState(store).trustedSeconds, T + 2 * DAY)
  assert.is(leaseSeconds(readState(store)), T + 5 * DAY)
  raiseTrustedTime(store, T + 7 * DAY)
  assert.is(leaseSeconds(readState(store)), T + 7 * DAY)
})

test('a release with a date far ahead ends no lease', () => {
  const store = storeWith({})
  raiseTrustedTime(store, T + 20 * 366 * DAY)
  assert.is(verdict(store), undefined)
  assert.is(readState(store).trustedSeconds, T)
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
