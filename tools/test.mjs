/**
 * `npm test [-- WORD…]`: sets up the machine, builds the program plain, under the sanitizers and
 * for the XO-1, checks the code, then runs the tests (those whose path holds one of the words). Set-up and build have to
 * work for anything to follow; a failing check is counted as one failure. Closes with one line
 * `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process'
import { runCommand } from './command-line.mjs'
import { projectFolder } from './workplace.mjs'

const preparations = [
  ['tools/setup.mjs'],
  ['tools/build.mjs', '--quiet'],
  ['tools/build.mjs', '--quiet', '--flavour', 'asan'],
  ['tools/build.mjs', '--quiet', '--target', 'i586'],
]

function succeeds(command, ...words) {
  const { status, error } = spawnSync(command, words, { cwd: projectFolder, stdio: 'inherit' })
  if (error) console.log(`${command} can't be started: ${error.message}`)
  return status === 0
}

const node = (...words) => succeeds(process.execPath, ...words)

function main(words) {
  for (const words of preparations) {
    if (node(...words)) continue
    console.log(`node ${words.join(' ')} failed: no test was run\n0 passed, 1 failed`)
    return 1
  }
  const failed = succeeds('npm', 'run', '--silent', 'check') ? 0 : 1
  if (failed > 0) console.log('npm run check failed; it counts as one failure')
  return node('tools/run-tests.mjs', `--failed=${failed}`, ...words) ? 0 : 1
}

const USAGE = {
  call: 'npm test --',
  about: 'Sets up, builds, checks, and runs all tests, or those whose path holds a word.',
  words: { takes: 'WORD…', about: 'only tests whose path holds one of them' },
}

await runCommand(import.meta.url, USAGE, (_options, words) => {
  process.exitCode = main(words)
})
