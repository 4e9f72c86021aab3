/** native:packs over Node. */
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { packsContract } from './packs.ts'
import { packsHostileContract } from './packs-hostile.ts'
import { packsPredictionContract } from './packs-prediction.ts'

packsContract('packs over Node', nodeHost(), scratch('packs'))
packsPredictionContract('prediction over Node', nodeHost(), scratch('packs'))
packsHostileContract('hostile packs over Node', nodeHost(), scratch('packs'))
