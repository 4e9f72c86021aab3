/**
 * The watchdog of a trial: when it is armed, when it is left alone, and what stops it. The kernel's facts and
 * the device are files of the test's own.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Code, systemError } from '../../runtime/emulator/disk/system-error.ts'
import { armWatchdog, disarmWatchdog, hasFired } from '../../src/boot/machine/watchdog.ts'
import type { Host, Path } from '../../src/host.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

/** A machine whose watchdog takes at most so many seconds, or fails to open with this code. */
function machine(device: number | Code, facts: Record<string, string> = {}) {
  const root = scratch('machine')
  const kernel = join(root, 'sys/class/watchdog/watchdog0')
  for (const folder of [kernel, join(root, 'dev')]) mkdirSync(folder, { recursive: true })
  for (const [name, value] of Object.entries(facts)) writeFileSync(join(kernel, name), `${value}\n`)
  const real = nodeHost()
  const { files } = real
  const refuse = (code: Code, call: string) => {
    throw systemError(call, '/dev/watchdog', code)
  }
  let opened = 0
  const system = {
    ...real.system,
    openDevice() {
      if (typeof device === 'string') refuse(device, 'open')
      opened++
      const folder = files.openRoot(join(root, 'dev'))
      const fd = files.openAppend(folder, 'watchdog', 0o600)
      files.close(folder)
      return fd
    },
    setWatchdog(_: number, seconds: number) {
      if (device === 0) refuse('EOPNOTSUPP', 'ioctl')
      return Math.min(seconds, Number(device))
    },
  }
  const host: Host = {
    ...real,
    system,
    files: {
      ...files,
      openRoot: (path: Path) => files.openRoot(`${root}${path}`),
      openFile: (path: Path) => files.openFile(`${root}${path}`),
    },
  }
  const written = () => {
    const path = join(root, 'dev/watchdog')
    return existsSync(path) ? readFileSync(path, 'latin1') : ''
  }
  const isMarked = () => existsSync(join(root, 'run/xo/watchdog'))
  return { host, written, isMarked, opened: () => opened }
}

test('one that waits long enough is armed and marked, and stopped where it is told to', () => {
  const { host, written, isMarked } = machine(600, { nowayout: '0', state: 'active' })
  assert.match(armWatchdog(host, 300), /starts the laptop again after 300 s without a sign of life/)
  assert.equal([isMarked(), written()], [true, ''])
  disarmWatchdog(host)
  assert.is(written(), 'V')
})

test('one that waits for less than what is wanted is stopped: it would end healthy boots', () => {
  const { host, written, isMarked } = machine(60, { nowayout: '0', state: 'active' })
  assert.match(armWatchdog(host, 300), /left alone: it waits 60 s at most, and 300 are wanted/)
  assert.equal([isMarked(), written()], [false, 'V'])
})

test('one that can’t be set is stopped', () => {
  const { host, written, isMarked } = machine(0)
  assert.match(armWatchdog(host, 300), /can't be set \(EOPNOTSUPP\)/)
  assert.equal([isMarked(), written()], [false, 'V'])
})

test('one that can never be stopped is not even opened', () => {
  const { host, isMarked, opened } = machine(600, { nowayout: '1' })
  assert.match(armWatchdog(host, 300), /once started, it can never be stopped/)
  assert.equal([isMarked(), opened()], [false, 0])
})

test('one that stops when nobody holds it is of no use, and is not marked as armed', () => {
  const { host, isMarked } = machine(600, { nowayout: '0', state: 'inactive' })
  assert.match(armWatchdog(host, 300), /of no use: it stops when nobody holds it/)
  assert.is(isMarked(), false)
})

test('one that rests is not opened to be stopped: that would start it', () => {
  const { host, opened } = machine(600)
  disarmWatchdog(host)
  assert.is(opened(), 0)
})

test('the kernel tells whether it was the one that restarted the machine', () => {
  assert.is(hasFired(machine(600, { bootstatus: '32' }).host), true)
  assert.is(hasFired(machine(600, { bootstatus: '33' }).host), true)
  assert.is(hasFired(machine(600, { bootstatus: '1' }).host), false)
  assert.is(hasFired(machine(600).host), false)
})

test('a device that a program feeds already is left to it, and is not told to be missing', () => {
  const { host, isMarked } = machine('EBUSY')
  assert.match(armWatchdog(host, 300), /left to the program that feeds it/)
  assert.is(isMarked(), false, 'a confirmation has nothing to stop')
})

test('without a device that is said, and nothing else happens', () => {
  const { host, isMarked } = machine('ENOENT')
  assert.match(armWatchdog(host, 300), /There is no watchdog device/)
  assert.is(isMarked(), false)
  disarmWatchdog(host)
})

test.run()
