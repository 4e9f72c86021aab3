/**
 * Stands in for test/support/host.ts: the native modules themselves. Where a test brings files of its
 * own, trees are those of the Node side over them, which need nothing of Node: what the test lets fail
 * has to be seen. native:delta stays the engine's own, and takes real handles only.
 */
import * as clock from 'native:clock'
import * as delta from 'native:delta'
import * as nativeFiles from 'native:files'
import * as processes from 'native:processes'
import * as random from 'native:random'
import * as signatures from 'native:signatures'
import * as sockets from 'native:sockets'
import * as system from 'native:system'
import * as nativeTrees from 'native:trees'
import { makeTrees } from '../../../native/trees/trees.node.ts'
import type { Files, Host } from '../../../src/host.ts'
import { makeChecksums } from './checksums.ts'

export function nodeHost(files: Files = nativeFiles): Host {
  const checksums = makeChecksums(files)
  const trees = files === nativeFiles ? nativeTrees : makeTrees(files, checksums)
  return {
    files,
    trees,
    sockets,
    processes,
    checksums,
    delta,
    signatures,
    random,
    clock,
    system,
  }
}
