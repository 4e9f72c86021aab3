/**
 * Stands in for test/support/host.ts: the native modules themselves. Where a test brings files of its
 * own, trees are those of the Node side over them, which need nothing of Node: what the test lets fail
 * has to be seen. native:delta stays the engine's own, and takes real handles only. Nothing is given up
 * here, as on Node: a command that a test calls would take the files from all tests after it.
 */
import * as native from '../../../native/modules.ts'
import { makeTrees } from '../../../native/trees/trees.node.ts'
import type { Files, Host } from '../../../src/host.ts'
import { makeChecksums } from './checksums.ts'

export function nodeHost(files: Files = native.files): Host {
  const checksums = makeChecksums(files)
  const trees = files === native.files ? native.trees : makeTrees(files, checksums)
  const confine = (): never => {
    const facts = { name: 'SystemError', call: 'seccomp', path: '', code: 'ENOSYS', errno: 38 }
    throw Object.assign(new Error('seccomp: this engine gives nothing up (ENOSYS)'), facts)
  }
  return { ...native, files, trees, checksums, confinement: { ...native.confinement, confine } }
}
