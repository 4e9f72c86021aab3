/**
 * `npm run test:i586`, `npm run test:armv7`: sets up, builds the program of that machine, and runs the
 * unit tests that need no Node on it; i586 as it is, with the check of its instructions, and armv7 in
 * qemu-user. What is said of i586 here is a part of `npm test`, too.
 */
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const run = (...words) => spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit' }).status

const target = process.argv[2]
const TESTS = {
  i586: ['tools/run-tests.mjs', 'test/engines/i586', 'test/firmware/geode'],
  armv7: ['build/test/test/support/main.js', 'build/test/test/engines/armv7.js'],
}
if (!TESTS[target]) throw new Error(`no tests for "${target}", only for ${Object.keys(TESTS)}`)

const steps = [
  ['tools/setup.mjs', 'build', target],
  ['tools/build.mjs', '--quiet', '--target', target],
  ['tools/tests/transpile.mjs'],
  TESTS[target],
]
for (const words of steps) {
  process.exitCode = run(...words) ?? 1
  if (process.exitCode !== 0) break
}
