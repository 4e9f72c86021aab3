/** Runs the engine-neutral unit tests on one build of the host, and reports them as tests of this process. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { scratch } from '../support/scratch.ts'
import type { Suite } from '../support/suite.ts'
import { reportOf } from './report.ts'
import { bundleTests, neutralTests } from './suites.ts'

/**
 * For all tests in one process: some hold images of megabytes, and an engine that counts references
 * lets go of circles late.
 */
export const MEMORY_MB = 768

/**
 * @param name as people know it
 * @param command the host, with what runs it where this machine can't
 */
export async function reportOfProgram(
  name: string,
  command: [string, ...string[]],
  deadlineMs: number,
): Promise<Suite> {
  const folder = scratch('engines')
  const bundle = join(folder, 'tests.js')
  await bundleTests(neutralTests(), bundle)
  const [program, ...words] = command
  const run = spawnSync(program, [...words, bundle, folder], {
    env: { ...process.env, XO_MEMORY_LIMIT_MB: `${MEMORY_MB}` },
    encoding: 'utf8',
    timeout: deadlineMs,
    maxBuffer: 64 * 1024 * 1024,
  })
  const ending = run.error ? run.error.message : run.stderr || (run.status ? `${run.status}` : '')
  return reportOf(`unit tests on ${name}`, run.stdout ?? '', ending)
}
