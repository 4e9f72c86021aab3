/**
 * What everything that works on a device shares: the lock of the store, and how long it waits for that.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device, type Overrides } from '../../src/device/device.ts'
import { BusyError, ConfigError } from '../../src/errors.ts'
import { silent } from '../../src/progress.ts'
import type { RsyncSource } from '../../src/source/rsync-source.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { scratch } from '../support/scratch.ts'
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

test('who does not wait is told as soon as it is clear that nobody gives way', async () => {
  const { device, other, now, notes } = laptop()
  try {
    await device.withLockedStore(false, () => 7)
    assert.unreachable()
  } catch (error) {
    assert.instance(error, BusyError)
  }
  assert.equal([now(), notes.length], [3000, 0])
  other.close()
})

test('work for a moment is done while somebody else has the trees', async () => {
  const { device, other, now, notes } = laptop()
  const moment = () => 'done' as string | undefined
  assert.is(await device.withLockedStore(false, () => 'locked', 120, moment), 'done')
  assert.equal([now(), notes.length], [0, 0])
  const nothing = () => undefined
  await rejects(
    device.withLockedStore<string>(false, () => 'locked', 0, nothing),
    /at work/,
  )
  other.close()
  assert.is(await device.withLockedStore(false, () => 'locked', 0, moment), 'locked')
})

/** The sources that a device asks, with the password that each would be sent. */
function passwords(
  sources: Record<string, string | string[]>,
  urls: string[],
  more: Overrides = {},
) {
  const folder = scratch('password')
  const file = join(folder, 'password')
  writeFileSync(file, 'open sesame\n', { mode: 0o600 })
  const lease = join(folder, 'dhcp.eth0')
  writeFileSync(lease, 'source=rsync://10.0.0.66/xo\n')
  const lines = Object.entries({ ...sources, 'dhcp-lease[]': lease }).flatMap(([key, value]) =>
    [value].flat().map((one) => `${key} = ${one}\n`),
  )
  const text = `[sources]\n${lines.join('')}[transfer]\npassword-file = ${file}\n`
  writeFileSync(join(folder, 'conf'), text)
  const host = nodeHost()
  const store = Store.open(host, newStorePath(), true)
  const progress = { begin() {}, advance() {}, traffic() {}, end() {}, note() {} }
  const device = new Device(host, progress, { configuration: join(folder, 'conf'), ...more })
  const opened = device.sources(store, [...urls, ...device.configuration.sources])
  store.close()
  return Object.fromEntries(
    opened.map((source) => [source.name, (source as RsyncSource).address.password]),
  )
}

test('a password goes to the one source that was configured with a user, and to no other', () => {
  const school = 'rsync://anna@school/xo'
  const asked = passwords({ 'school[]': school, 'upstream[]': 'rsync://updates/xo' }, [
    'rsync://anna@evil/xo',
    'rsync://school/xo',
    'rsync://anna@school:874/xo',
  ])
  assert.is(Object.keys(asked).length, 6)
  for (const [name, password] of Object.entries(asked)) {
    assert.is(password, name === school ? 'open sesame' : undefined, name)
  }
})

test('a password of two sources is a ConfigError, which shows it to nobody', () => {
  const two = { 'upstream[]': ['rsync://anna@one/xo', 'rsync://anna@two/xo'] }
  assert.throws(
    () => passwords(two, []),
    (error: Error) => error instanceof ConfigError && !error.message.includes('sesame'),
  )
  assert.is(
    passwords(two, [], { sources: ['rsync://anna@two/xo'] })['rsync://anna@two/xo'],
    'open sesame',
  )
})

test('what the configuration says of transfers reaches each source', () => {
  const file = join(scratch('transfers'), 'conf')
  const sources = '[sources]\nschool[] = rsync://school/xo\nupstream[] = rsync://updates/xo\n'
  const transfer = {
    compress: 'zlibx',
    'compress-level': 9,
    'connect-timeout-seconds': 3,
    'timeout-seconds': 30,
    'minimum-bytes-per-second': 1000,
    'weak-password-digest[]': 'md5',
    bwlimit: 50,
  }
  const lines = Object.entries(transfer).map(([key, value]) => `${key} = ${value}\n`)
  writeFileSync(file, `${sources}[transfer]\n${lines.join('')}`)
  const host = nodeHost()
  const store = Store.open(host, newStorePath(), true)
  const device = new Device(host, silent, { configuration: file })
  const opened = device.sources(store, device.configuration.sources) as RsyncSource[]
  store.close()
  const expected = {
    compression: 'zlibx',
    compressLevel: 9,
    connectTimeoutMs: 3000,
    timeoutMs: 30_000,
    rateMinBytesPerSecond: 1000,
    rateWindowMs: 38_400,
    weakPasswordDigests: ['md5'],
    password: undefined,
  }
  assert.equal(
    opened.map(({ name, role }) => [name, role]),
    [
      ['rsync://school/xo', 'school'],
      ['rsync://updates/xo', 'upstream'],
    ],
  )
  for (const { options } of opened) {
    const { role, pace, ssh, scratch, progress, interrupted, ...rest } = options
    assert.equal(rest, expected)
    assert.is(progress, silent)
    assert.is(interrupted?.(), undefined)
    // One cap for all of them together: a second's bytes are not there at once.
    assert.is(pace, opened[0]?.options.pace)
    assert.ok((pace?.allowance(0) ?? Number.POSITIVE_INFINITY) < 50 * 1024)
  }
})

test.run()
