/** native:signatures over Node. */
import { nodeHost } from '../support/host.ts'
import { signaturesContract } from './signatures.ts'

signaturesContract('signatures over Node', nodeHost())
