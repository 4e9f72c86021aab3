/**
 * What a test may need and not every machine has. If it is missing, the test is skipped, and says why.
 */
import { spawnSync } from 'node:child_process'
import { namespacesAllowed } from './namespaces.ts'
import { skip } from './suite.ts'

/** Some containers forbid it. */
export function needStrace(): void {
  const { status } = spawnSync('strace', ['-o', '/dev/null', 'true'])
  if (status !== 0) skip('strace is missing or forbidden on this machine')
}

export function needNamespaces(): void {
  if (!namespacesAllowed()) {
    skip('this machine lets us make no network namespaces: they need root and CAP_SYS_ADMIN')
  }
}
