/**
 * `npm run emulate -- …`: makes the bundle and the emulator if they are older than their sources, then runs
 * the emulator, which reads the words itself (runtime/emulator/options.ts), because some of them are for
 * the laptop.
 */
import { buildBundle } from './bundle.mjs'
import { setUp } from './setup.mjs'
import { load } from './tests/transpile.mjs'
import { runTool } from './workplace.mjs'

await runTool(async () => {
  setUp()
  const { emulate } = await load('runtime/emulator/emulate.ts')
  process.exitCode = await emulate(buildBundle, process.argv.slice(2))
})
