/** native:delta over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { deltaContract } from './delta.ts'
import { fileListContract } from './file-list.ts'

deltaContract('delta over Node', nodeHost(), scratch('delta'))
fileListContract('file lists over Node', nodeHost())
