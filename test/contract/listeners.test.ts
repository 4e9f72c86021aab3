/** Listeners, unix streams and UDP of native:sockets over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { listenersContract } from './listeners.ts'

listenersContract('listeners over Node', nodeHost(), scratch('listeners'))
