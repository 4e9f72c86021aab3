/** The whole host over Node: what the C host offers, for tests that run in Node. */
import { makeChecksums } from '../../native/checksums/checksums.node.ts'
import { clock } from '../../native/clock/clock.node.ts'
import { confinement } from '../../native/confinement/confinement.node.ts'
import { makeDelta } from '../../native/delta/delta.node.ts'
import { files as nodeFiles } from '../../native/files/files.node.ts'
import { packCoder } from '../../native/pack-coder/pack-coder.node.ts'
import { makePacks } from '../../native/packs/packs.node.ts'
import { processes } from '../../native/processes/processes.node.ts'
import { random } from '../../native/random/random.node.ts'
import { makeSending } from '../../native/sending/sending.node.ts'
import { signatures } from '../../native/signatures/signatures.node.ts'
import { sockets } from '../../native/sockets/sockets.node.ts'
import { system } from '../../native/system/system.node.ts'
import { makeTrees } from '../../native/trees/trees.node.ts'
import type { Files, Host } from '../../src/host.ts'

/** `files`: those of the machine, or a test's own over them. */
export function nodeHost(files: Files = nodeFiles): Host {
  const checksums = makeChecksums(files)
  const delta = makeDelta(files)
  const trees = makeTrees(files, checksums)
  return {
    files,
    trees,
    packCoder,
    packs: makePacks(files),
    sending: makeSending(files),
    sockets,
    processes,
    checksums,
    delta,
    signatures,
    random,
    clock,
    system,
    confinement,
  }
}
