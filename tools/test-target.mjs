/**
 * `npm run test:i586`, `npm run test:armv7`: builds the program of that machine, and runs the unit tests
 * that need no Node on it; i586 as it is, with the check of its instructions, and armv7 in qemu-user.
 * What is said of i586 here is a part of `npm test`, too.
 */
import { spawnSync } from 'node:child_process'
import { build } from './build.mjs'
import { oneOf, runCommand, UsageError } from './command-line.mjs'
import { projectFolder } from './workplace.mjs'

const TESTS = {
  i586: ['tools/run-tests.mjs', 'test/engines/i586', 'test/firmware/geode'],
  armv7: ['tools/run-tests.mjs', 'test/engines/armv7.ts'],
}
const NAMES = Object.keys(TESTS)

const USAGE = {
  call: 'node tools/test-target.mjs',
  about: 'Runs the tests that need no Node on the program of another machine.',
  words: { takes: 'TARGET', about: NAMES.join(', '), reads: oneOf(NAMES) },
  check(_options, words) {
    if (words.length !== 1) throw new UsageError(`one of these is wanted: ${NAMES.join(', ')}`)
  },
  needs: (_options, [target]) => ['build', target],
}

await runCommand(import.meta.url, USAGE, async (_options, [target]) => {
  await build({ target })
  const options = { cwd: projectFolder, stdio: 'inherit' }
  process.exitCode = spawnSync(process.execPath, TESTS[target], options).status ?? 1
})
