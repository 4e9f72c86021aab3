/** native:delta over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { deltaContract } from './delta.ts'

deltaContract('delta over Node', nodeHost(), scratch('delta'))
