/** native:files and native:trees over the virtual disk keep the same contracts as C and Node. */
import { clock } from '../../native/clock/clock.node.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import type { Host } from '../../src/host.ts'
import { filesContract } from '../contract/files.ts'
import { treesContract } from '../contract/trees.ts'
import { nodeHost } from '../support/host.ts'

const SCRATCH = '/tmp/scratch'

/** A host over a disk of its own, with what the suites expect of any machine. */
function hostOverDisk(): Host {
  const now = () => ({ seconds: Math.floor(clock.wallSeconds()), nanoseconds: 0 })
  const files = virtualFiles(new VirtualDisk({ now, bytes: 256 * 1024 * 1024 }))
  const root = files.openRoot('/')
  for (const path of ['dev', 'tmp', 'tmp/scratch']) files.makeDirectory(root, path, 0o755)
  files.makeNode(root, 'dev/null', 'char', 1, 3)
  files.close(root)
  return { ...nodeHost(files), processes: { ...nodeHost().processes, userId: () => 0 } }
}

filesContract('files over a virtual disk', hostOverDisk(), SCRATCH)
treesContract('trees over a virtual disk', hostOverDisk(), SCRATCH)
