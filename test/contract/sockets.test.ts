/** native:sockets over Node. */
import { nodeHost } from '../support/host.ts'
import { startPeers } from './peers.ts'
import { socketsContract } from './sockets.ts'

const peers = await startPeers()
socketsContract('sockets over Node', nodeHost(), peers.ports)
