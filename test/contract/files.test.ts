/** native:files over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { filesContract } from './files.ts'

filesContract('files over Node', nodeHost(), scratch('files'))
