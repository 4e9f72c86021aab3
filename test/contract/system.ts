/**
 * What every side of native:system promises; what only the C side can do is tested in test/first-process.
 */

import * as assert from 'uvu/assert'
import type { Host } from '../../src/host.ts'
import { suite } from '../support/suite.ts'

export function systemContract(name: string, host: Host): void {
  const test = suite(name)
  const { system, processes } = host

  test('tells kernel, machine and process', () => {
    const { release, machine } = system.kernel()
    assert.match(release, /^[0-9]+\.[0-9]+/)
    assert.ok(machine.length > 0)
    assert.ok(Number.isInteger(system.processId()) && system.processId() > 0)
  })

  test('lists the variables that processes tells one by one', () => {
    const variables = system.environment()
    assert.ok(variables.includes(`PATH=${processes.variable('PATH')}`))
    assert.ok(variables.every((variable) => variable.includes('=')))
  })

  test('the umask is set, and the one before told', () => {
    const before = system.setUmask(0o077)
    assert.is(system.setUmask(before), 0o077)
    assert.is(system.setUmask(before), before)
  })

  test.run()
}
