/**
 * `npm run format`: lays our code out as `biome.json` says and, for C, `.clang-format`; `test/house` checks
 * that. Any other major version of clang-format than Debian bookworm's would lay some lines out
 * differently, and is refused.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { runCommand } from './command-line.mjs'
import { projectFolder, run, SetupError } from './workplace.mjs'

const VERSION = '14'

function formatter() {
  const { stdout, error } = spawnSync('clang-format', ['--version'], { encoding: 'utf8' })
  const cure = `install clang-format ${VERSION}, which is Debian bookworm's (npm run setup)`
  if (error) throw new SetupError('clang-format is not on this machine', cure)
  const version = /version (\d+)/.exec(stdout)?.[1]
  if (version !== VERSION) throw new SetupError(`clang-format is version ${version} here`, cure)
}

async function format() {
  const biome = join(projectFolder, 'node_modules/@biomejs/biome/bin/biome')
  const options = { cwd: projectFolder, stdio: 'inherit' }
  const { status } = spawnSync(process.execPath, [biome, 'check', '--write'], options)
  if (status !== 0) process.exitCode = 1
  formatter()
  const { stdout } = spawnSync('git', ['ls-files', '-z', '*.c', '*.h'], { encoding: 'utf8' })
  await run(['clang-format', '-i', ...stdout.split('\0').filter((path) => path !== '')])
}

const USAGE = {
  call: 'npm run format --',
  about: 'Brings all code into its layout.',
  needs: [],
}

await runCommand(import.meta.url, USAGE, format)
