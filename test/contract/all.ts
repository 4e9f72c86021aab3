/** Every contract suite, for the hosts that run them all in one process. */
import type { Host, Path } from '../../src/host.ts'
import { checksumsContract } from './checksums.ts'
import { confinementContract } from './confinement.ts'
import { deltaContract } from './delta.ts'
import { fileListContract } from './file-list.ts'
import { filesContract } from './files.ts'
import { listenersContract } from './listeners.ts'
import { packsContract } from './packs.ts'
import { packsHostileContract } from './packs-hostile.ts'
import { packsPredictionContract } from './packs-prediction.ts'
import { clockContract, processesContract, randomContract } from './processes.ts'
import { sendingContract } from './sending.ts'
import { sentDetailsContract } from './sent-details.ts'
import { sentListContract } from './sent-list.ts'
import { signaturesContract } from './signatures.ts'
import { type Peers, socketsContract } from './sockets.ts'
import { systemContract } from './system.ts'
import { treesContract } from './trees.ts'

export function allContracts(side: string, host: Host, scratch: Path, peers: Peers): void {
  filesContract(`files over ${side}`, host, scratch)
  clockContract(`clock over ${side}`, host)
  randomContract(`random over ${side}`, host)
  socketsContract(`sockets over ${side}`, host, peers)
  listenersContract(`listeners over ${side}`, host, scratch)
  signaturesContract(`signatures over ${side}`, host)
  processesContract(`processes over ${side}`, host)
  checksumsContract(`checksums over ${side}`, host, scratch)
  fileListContract(`file lists over ${side}`, host)
  deltaContract(`delta over ${side}`, host, scratch)
  sendingContract(`sending over ${side}`, host, scratch)
  sentDetailsContract(`details of lists over ${side}`, host, scratch)
  sentListContract(`lists to be sent over ${side}`, host, scratch)
  packsContract(`packs over ${side}`, host, scratch)
  packsHostileContract(`hostile packs over ${side}`, host, scratch)
  packsPredictionContract(`prediction over ${side}`, host, scratch)
  systemContract(`system over ${side}`, host)
  confinementContract(`confinement over ${side}`, host, scratch)
  treesContract(`trees over ${side}`, host, scratch)
}
