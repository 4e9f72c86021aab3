/** native:checksums over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { checksumsContract } from './checksums.ts'

checksumsContract('checksums over Node', nodeHost(), scratch('checksums'))
