/**
 * `npm run emulate -- …`: makes the bundle and compiles the emulator where they are older than their
 * sources, then runs the emulator (runtime/emulator/emulate.ts).
 */
import { pathToFileURL } from 'node:url'
import { buildBundle } from './bundle.mjs'
import { outputOf, transpile } from './tests/transpile.mjs'
import { runTool, SetupError } from './workplace.mjs'

const emulator = outputOf('runtime/emulator/emulate.ts')

await runTool(async () => {
  const bundle = await buildBundle()
  const { faults } = await transpile()
  if (faults) throw new SetupError(`the emulator does not compile:\n${faults}`, 'npm run check')
  const { emulate } = await import(pathToFileURL(emulator).href)
  process.exitCode = await emulate(bundle, process.argv.slice(2))
})
