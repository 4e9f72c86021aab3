/** native:system over Node: what it tells, and that it refuses the rest. */

import { system } from '../../native/system/system.node.ts'
import { nodeHost } from '../support/host.ts'
import { test } from '../support/suite.ts'
import { fails } from './kit.ts'
import { systemContract } from './system.ts'

systemContract('system over Node', nodeHost())

test('nothing that would change this machine is done', () => {
  const execution = { program: '/bin/true', words: ['true'], environment: [] }
  fails('ENOSYS', () => system.mount('none', '/mnt', 'tmpfs', [], ''))
  fails('ENOSYS', () => system.switchRoot('/mnt', execution), '/mnt')
  fails('ENOSYS', () => system.reboot('restart'))
  fails('ENOSYS', () => system.openDevice('/dev/null', 'read'), '/dev/null')
})

test.run()
