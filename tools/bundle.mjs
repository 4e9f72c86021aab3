/**
 * Makes `build/xo-upgrade.js` from `src/` with rollup, unless nothing that goes into it has changed.
 * Types are checked by `npm run check`; here a type error is shown and stops the build as well.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildFolder, projectFolder, SetupError, sha256 } from './workplace.mjs'

export const bundleFile = join(buildFolder, 'xo-upgrade.js')

/** All files below a folder whose names pass a test, sorted. */
export function filesBelow(folder, accept) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && accept(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

/** The digest of what the bundle is made from. */
export function bundleIdentity() {
  const sources = filesBelow(join(projectFolder, 'src'), (name) => name.endsWith('.ts'))
  const contracts = filesBelow(join(projectFolder, 'native'), (name) =>
    /(\.d|^modules)\.ts$/.test(name),
  )
  const settings = ['rollup.config.js', 'tsconfig.json', 'package.json', 'package-lock.json'].map(
    (n) => join(projectFolder, n),
  )
  return sha256(
    JSON.stringify(
      [...sources, ...contracts, ...settings].map((file) => [file, sha256(readFileSync(file))]),
    ),
  )
}

const stamp = `${bundleFile}.identity`

/** Whether the bundle is there, and was made from the sources as they are now. */
export function bundleIsCurrent(wanted = bundleIdentity()) {
  return existsSync(bundleFile) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
}

/** The path of the bundle, or undefined while there is no `src/main.ts`. */
export async function buildBundle() {
  if (!existsSync(join(projectFolder, 'src', 'main.ts'))) return undefined
  const wanted = bundleIdentity()
  if (bundleIsCurrent(wanted)) return bundleFile
  if (!existsSync(join(projectFolder, 'node_modules', 'rollup'))) {
    throw new SetupError('the npm packages are not installed', 'npm ci')
  }
  mkdirSync(buildFolder, { recursive: true })
  const before = process.cwd()
  process.chdir(projectFolder)
  try {
    const { rollup } = await import('rollup')
    const { default: config } = await import(
      pathToFileURL(join(projectFolder, 'rollup.config.js')).href
    )
    const bundle = await rollup(config)
    await bundle.write(config.output)
    await bundle.close()
  } catch (error) {
    const where = error.loc ? ` (${error.loc.file}:${error.loc.line})` : ''
    throw new SetupError(`the bundle: ${error.message}${where}`)
  } finally {
    process.chdir(before)
  }
  writeFileSync(stamp, wanted)
  return bundleFile
}
