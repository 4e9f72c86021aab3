/** native:processes, native:random and native:clock over Node. */
import { nodeHost } from '../support/host.ts'
import { clockContract, processesContract, randomContract } from './processes.ts'

const host = nodeHost()
processesContract('processes over Node', host)
randomContract('random over Node', host)
clockContract('clock over Node', host)
