/** What a document tells people to type, typed into a shell: each of its commands must succeed. */
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { PROGRAM } from './program.ts'

const TIMEOUT_MS = 120_000

interface ShellOptions {
  folder: string
  environment?: Record<string, string>
}

/**
 * Runs a script as root's shell would, with the built `xo-upgrade` in its PATH; returns its stdout.
 */
export function shell(script: string, { folder, environment = {} }: ShellOptions): string {
  const { status, signal, stdout, stderr } = spawnSync('sh', ['-euc', script], {
    cwd: folder,
    encoding: 'utf8',
    // Node's pipes are sockets, and a daemon whose stdin is one believes that inetd started it.
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    env: { PATH: `${dirname(PROGRAM)}:${process.env.PATH}`, ...environment },
  })
  if (status === 0) return stdout
  throw new Error(`${script}\nended with ${status ?? signal}:\n${stdout}${stderr}`)
}
