/**
 * `npm run emulate -- …`: makes the bundle and compiles the emulator where they are older than their
 * sources, then runs the emulator (runtime/emulator/emulate.ts).
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildBundle, filesBelow } from './bundle.mjs'
import { projectFolder, runTool, SetupError } from './workplace.mjs'

const compiledFolder = join(projectFolder, 'build', 'test')
const emulator = join(compiledFolder, 'runtime', 'emulator', 'emulate.js')
const stamp = join(compiledFolder, '.emulator-compiled')

/** Runs where a source is newer than the last time. What TypeScript made runs, whatever it complains of. */
function compile() {
  const isSource = (name) => name.endsWith('.ts')
  const sources = ['runtime/emulator', 'native', 'src'].flatMap((folder) =>
    filesBelow(join(projectFolder, folder), isSource),
  )
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs))
  if (existsSync(emulator) && existsSync(stamp) && Number(readFileSync(stamp)) === newest) return
  const tsc = join(projectFolder, 'node_modules', 'typescript', 'bin', 'tsc')
  if (!existsSync(tsc)) throw new SetupError('the npm packages are not installed', 'npm ci')
  const words = [tsc, '-p', 'tsconfig.test.json']
  const { stdout } = spawnSync(process.execPath, words, { cwd: projectFolder, encoding: 'utf8' })
  const complaints = stdout.split('\n').filter((line) => /^(runtime|native|src)\//.test(line))
  for (const line of complaints) process.stderr.write(`${line}\n`)
  writeFileSync(stamp, `${newest}`)
}

await runTool(async () => {
  const bundle = await buildBundle()
  compile()
  const { emulate } = await import(pathToFileURL(emulator).href)
  process.exitCode = await emulate(bundle, process.argv.slice(2))
})
