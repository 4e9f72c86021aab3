/** Runs programs as if the kernel were older than it is, or refused something: old-kernel.c. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { scratch } from './scratch.ts'

export type Lacking =
  | 'openat2'
  | 'copy_file_range'
  | 'mount_setattr'
  | 'landlock'
  | 'unshare'
  | 'seccomp'
type Mounts = 'shared-mounts' | 'private-mounts'

let program: string | undefined

/** The words that go before a command line. */
export function oldKernel(...words: (Lacking | Mounts)[]): string[] {
  if (program === undefined) {
    program = join(scratch('old-kernel'), 'old-kernel')
    execFileSync('gcc', ['-O1', '-o', program, 'test/support/old-kernel.c'])
  }
  return [program, words.join(',')]
}
