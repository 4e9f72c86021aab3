/** native:trees over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { treesContract } from './trees.ts'

treesContract('trees over Node', nodeHost(), scratch('trees'))
