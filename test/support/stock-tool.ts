/** Runs the stock programs that prove our formats: signify, bsdtar, mtree. One that is missing is named with its package. */
import { spawnSync } from 'node:child_process'

const PACKAGES: Record<string, string> = {
  'signify-openbsd': 'signify-openbsd',
  bsdtar: 'libarchive-tools',
  mtree: 'mtree-netbsd',
}

export interface Run {
  status: number | null
  /** What it wrote, as a byte string. */
  stdout: string
  stderr: string
}

export function run(
  program: string,
  args: string[],
  options: { cwd?: string; input?: string; timeoutMs?: number } = {},
): Run {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    ...(options.cwd && { cwd: options.cwd }),
    ...(options.input !== undefined && { input: Buffer.from(options.input, 'latin1') }),
    encoding: 'latin1',
    timeout: options.timeoutMs ?? 60_000,
    maxBuffer: 256 * 1024 * 1024,
  })
  if (error && 'code' in error && error.code === 'ENOENT') {
    const name = PACKAGES[program] ?? program
    throw new Error(`${program} is missing; run: apt-get install ${name}`)
  }
  if (error) throw error
  return { status, stdout, stderr }
}

/** The same, but it must succeed. */
export function mustRun(
  program: string,
  args: string[],
  options: { cwd?: string; input?: string; timeoutMs?: number } = {},
): string {
  const { status, stdout, stderr } = run(program, args, options)
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`)
  return stdout
}
