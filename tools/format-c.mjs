/**
 * `npm run format`, of C: lays our C out as `.clang-format` says; `test/house` holds it. Another major
 * version of the formatter than that of Debian bookworm would lay some lines out in another way, and
 * is refused.
 */
import { spawnSync } from 'node:child_process'
import { runCommand } from './command-line.mjs'
import { run, SetupError } from './workplace.mjs'

const VERSION = '14'

function formatter() {
  const { stdout, error } = spawnSync('clang-format', ['--version'], { encoding: 'utf8' })
  const cure = `install clang-format ${VERSION}, which is Debian bookworm's (npm run setup)`
  if (error) throw new SetupError('clang-format is not on this machine', cure)
  const version = /version (\d+)/.exec(stdout)?.[1]
  if (version !== VERSION) throw new SetupError(`clang-format is version ${version} here`, cure)
}

async function format() {
  formatter()
  const { stdout } = spawnSync('git', ['ls-files', '-z', '*.c', '*.h'], { encoding: 'utf8' })
  await run(['clang-format', '-i', ...stdout.split('\0').filter((path) => path !== '')])
}

const USAGE = { call: 'node tools/format-c.mjs', about: 'Lays our C out as .clang-format says.' }

await runCommand(import.meta.url, USAGE, format)
