/** What all work on a device shares: the lock of the store, and how long it is waited for. */

import * as assert from 'uvu/assert'
import { Device } from '../../src/device/device.ts'
import { BusyError } from '../../src/errors.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { test } from '../support/suite.ts'

/** A laptop whose time passes only while it sleeps; `slept` is told how long by now. */
function laptop(slept: (ms: number) => void = () => {}) {
  const host = nodeHost()
  const path = newStorePath()
  const other = Store.open(host, path, true)
  other.lock()
  let nowMs = 0
  const clock = {
    ...host.clock,
    monotonicMs: () => nowMs,
    async sleep(ms: number) {
      nowMs += ms
      slept(nowMs)
    },
  }
  const notes: string[] = []
  const progress = {
    begin() {},
    advance() {},
    traffic() {},
    note: (text: string) => void notes.push(text),
  }
  const device = new Device({ ...host, clock }, progress, { store: path })
  return { device, other, notes, now: () => nowMs }
}

test('a lock that is given back in time is waited for, and the wait is told once', async () => {
  const job = laptop((ms) => {
    if (ms >= 5000) job.other.close()
  })
  assert.is(await job.device.withLockedStore(false, () => 7, 120), 7)
  assert.equal(job.notes.length, 1)
  assert.match(job.notes[0] ?? '', /another upgrade is at work .*: waiting for it, at most 120 s/)
  assert.is(job.now(), 5000)
})

test('a lock that never comes ends the wait with an error that says so', async () => {
  const { device, other, now } = laptop()
  try {
    await device.withLockedStore(false, () => 7, 120)
    assert.unreachable()
  } catch (error) {
    assert.instance(error, BusyError)
    assert.match((error as BusyError).message, /another upgrade is at work/)
  }
  assert.is(now(), 120_000)
  other.close()
})

test('who does not wait is told at once', async () => {
  const { device, other, now, notes } = laptop()
  try {
    await device.withLockedStore(false, () => 7)
    assert.unreachable()
  } catch (error) {
    assert.instance(error, BusyError)
  }
  assert.equal([now(), notes.length], [0, 0])
  other.close()
})

test.run()
