/** native:confinement over Node, which gives up nothing, and says so. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { suite } from '../support/suite.ts'
import { confinementContract } from './confinement.ts'
import { fails } from './kit.ts'

const host = nodeHost()
confinementContract('confinement over Node', host, scratch())

const test = suite('confinement over Node')
test('there is no part that could be confined', () => {
  fails('ENOSYS', () =>
    host.confinement.confine({ read: [], change: undefined, makesTrees: false, holdsDisks: false }),
  )
  fails('ENOSYS', () => host.processes.standApart({ programs: [], sockets: [] }))
})
test.run()
