/** native:packs over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { packsContract } from './packs.ts'

packsContract('packs over Node', nodeHost(), scratch('packs'))
