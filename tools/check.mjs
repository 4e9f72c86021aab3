/** `npm run check`: formatter, linter and types, all of them, whatever the first one found. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { runCommand } from './command-line.mjs'
import { projectFolder } from './workplace.mjs'

const CHECKS = [
  ['@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
  ['typescript/bin/tsc', '--incremental', '--tsBuildInfoFile', 'build/product.tsbuildinfo'],
  ['typescript/bin/tsc', '-p', 'tsconfig.test.json'],
]

const USAGE = {
  call: 'npm run check --',
  about: 'Checks layout, style and types of all code.',
  needs: [],
}

await runCommand(import.meta.url, USAGE, () => {
  const options = { cwd: projectFolder, stdio: 'inherit' }
  for (const [program, ...words] of CHECKS) {
    const file = join(projectFolder, 'node_modules', program)
    const { status } = spawnSync(process.execPath, [file, ...words], options)
    if (status !== 0) process.exitCode = 1
  }
})
