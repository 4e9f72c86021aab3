/**
 * `npm test [-- WORD…]`: sets up the machine, builds the program plain, under the sanitizers and for the
 * XO-1, checks the code, then runs the tests (those whose path holds one of the words). If set-up or build
 * fails, nothing follows; a failing check counts as one failure. Ends with one line `N passed, N failed, N
 * skipped`.
 */
import { spawn } from 'node:child_process'
import { runCommand } from './command-line.mjs'
import { projectFolder } from './workplace.mjs'

const build = (...words) => [process.execPath, 'tools/build.mjs', '--quiet', ...words]
const check = ['npm', 'run', '--silent', 'check']

/** One after the other; what is in the same one is done side by side. */
const STEPS = [
  [[process.execPath, 'tools/setup.mjs']],
  [build()],
  [build('--flavour', 'asan'), build('--target', 'i586'), check],
]

/** Whether a command ended well. */
function succeeds([program, ...words]) {
  return new Promise((resolve) => {
    const child = spawn(program, words, { cwd: projectFolder, stdio: 'inherit' })
    child.once('error', (error) => {
      console.log(`${program} can't be started: ${error.message}`)
      resolve(false)
    })
    child.once('close', (status) => resolve(status === 0))
  })
}

async function main(words) {
  let failed = 0
  for (const step of STEPS) {
    const ends = await Promise.all(step.map(succeeds))
    const broken = step.filter((_, index) => !ends[index])
    const first = broken.find((command) => command !== check)
    if (first) {
      console.log(`${first.slice(1).join(' ')} failed: no test was run`)
      console.log('0 passed, 1 failed, 0 skipped')
      return false
    }
    failed += broken.length
  }
  if (failed > 0) console.log('npm run check failed; it counts as one failure')
  return succeeds([process.execPath, 'tools/run-tests.mjs', '--failed', `${failed}`, ...words])
}

const USAGE = {
  call: 'npm test --',
  about: 'Sets up, builds, checks, and runs all tests, or those whose path holds a word.',
  words: { takes: 'WORD…', about: 'only tests whose path holds one of them' },
}

await runCommand(import.meta.url, USAGE, async (_options, words) => {
  process.exitCode = (await main(words)) ? 0 : 1
})
