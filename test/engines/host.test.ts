/** The engine-neutral unit tests on the static host (QuickJS 2025-04-26). */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { scratch } from '../support/scratch.ts'
import { reportOf } from './report.ts'
import { bundleTests, neutralTests } from './suites.ts'

const DEADLINE_MS = 5 * 60 * 1000
const bundle = join(scratch('engines'), 'tests.js')
await bundleTests(neutralTests(), bundle)
const run = spawnSync('build/x86_64/host', [bundle], {
  encoding: 'utf8',
  timeout: DEADLINE_MS,
  maxBuffer: 64 * 1024 * 1024,
})
const ending = run.error ? run.error.message : run.stderr || (run.status ? `${run.status}` : '')
const test = reportOf('the static host', run.stdout ?? '', ending)
test.run()
