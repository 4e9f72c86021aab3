/** What is said of a watchdog device that can't be had: none is armed, and nothing marks one as armed. */
import { existsSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { armWatchdog, disarmWatchdog } from '../../src/boot/machine/watchdog.ts'
import type { Host } from '../../src/host.ts'
import { nodeHost } from '../support/host.ts'
import { skip, test } from '../support/suite.ts'

const MARK = '/run/xo/watchdog'

/** Of a machine whose device fails to open so. */
function hostWhoseDevice(code: string): Host {
  const host = nodeHost()
  const openDevice = () => {
    const facts = { name: 'SystemError', code, call: 'open', path: '/dev/watchdog', errno: 0 }
    throw Object.assign(new Error(`open /dev/watchdog: ${code}`), facts)
  }
  return { ...host, system: { ...host.system, openDevice } }
}

test('a device that a program feeds already is left to it, and is not told to be missing', () => {
  if (existsSync(MARK)) skip(`a watchdog of this machine is armed: ${MARK} exists`)
  assert.match(armWatchdog(hostWhoseDevice('EBUSY'), 300), /left to the program that feeds it/)
  assert.not(existsSync(MARK), 'a confirmation has nothing to stop')
})

test('without a device that is said, and nothing else happens', () => {
  if (existsSync(MARK)) skip(`a watchdog of this machine is armed: ${MARK} exists`)
  assert.match(armWatchdog(hostWhoseDevice('ENOENT'), 300), /There is no watchdog device/)
  assert.not(existsSync(MARK))
  disarmWatchdog(hostWhoseDevice('ENOENT'))
})

test.run()
