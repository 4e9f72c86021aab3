/** The Node side of native:confinement: Node can't give up what its own engine needs. */

import type { Path } from 'native:files'
import * as fs from 'node:fs'
import type { Confinement } from '../../src/host.ts'
import { systemErrorOf } from '../system-error.node.ts'

function identity(path: Path): string | undefined {
  const stat = fs.statSync(Buffer.from(path, 'latin1'), { bigint: true, throwIfNoEntry: false })
  return stat && `${stat.dev}:${stat.ino}`
}

export const confinement: Confinement = {
  confine() {
    throw systemErrorOf('seccomp', undefined, 'ENOSYS')
  },
  isOutdated: () => false,
  identity,
}
