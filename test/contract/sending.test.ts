/** native:sending over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { sendingContract } from './sending.ts'
import { sentDetailsContract } from './sent-details.ts'
import { sentListContract } from './sent-list.ts'

sendingContract('sending over Node', nodeHost(), scratch('sending'))
sentDetailsContract('details of lists over Node', nodeHost(), scratch('sent-details'))
sentListContract('lists to be sent over Node', nodeHost(), scratch('sent-list'))
