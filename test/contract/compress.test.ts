/** native:compress over Node. */
import { nodeHost } from '../support/host.ts'
import { compressContract } from './compress.ts'

compressContract('compress over Node', nodeHost())
