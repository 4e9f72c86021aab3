/** native:sending over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { sendingContract } from './sending.ts'
import { sentListContract } from './sent-list.ts'

sendingContract('sending over Node', nodeHost(), scratch('sending'))
sentListContract('lists to be sent over Node', nodeHost(), scratch('sent-list'))
