/**
 * TypeScript to JavaScript below build/test, each file by itself, and only if it changed. Types are `npm
 * run check`'s business. `node tools/tests/transpile.mjs` does nothing else.
 *
 * An output has the time of its source; with any other time, it is made again.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runCommand } from '../command-line.mjs'
import { buildFolder, projectFolder, SetupError, sha256 } from '../workplace.mjs'

const FOLDERS = ['src', 'native', 'runtime', 'test']
const OUTPUT = join(buildFolder, 'test')
/** What says by which compiler and options everything here was made. */
const STAMP = join(OUTPUT, 'made-by')
const CONFIGURATION = join(projectFolder, 'tsconfig.json')

const filesBelow = (root, pattern) =>
  FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => pattern.test(name))
      .map((name) => join(folder, name)),
  )

/** Where a source's output is. */
export const outputOf = (source) => join(OUTPUT, source.replace(/\.ts$/, '.js'))

function makeRoom() {
  const compiler = join(projectFolder, 'node_modules/typescript/package.json')
  const identity = sha256(readFileSync(CONFIGURATION) + readFileSync(compiler))
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === identity) return
  rmSync(OUTPUT, { recursive: true, force: true })
  mkdirSync(OUTPUT, { recursive: true })
  writeFileSync(STAMP, identity)
}

/** So that nothing runs that has no source any more. */
function removeOrphans(sources) {
  const wanted = new Set(sources.map((source) => source.replace(/\.ts$/, '.js')))
  for (const name of filesBelow(OUTPUT, /\.js(\.map)?$/)) {
    if (!wanted.has(name.replace(/\.map$/, ''))) rmSync(join(OUTPUT, name), { force: true })
  }
}

function isStale(source) {
  const output = outputOf(source)
  if (!existsSync(output)) return true
  const { mtimeMs } = statSync(join(projectFolder, source))
  return Math.abs(statSync(output).mtimeMs - mtimeMs) > 1
}

/** A run beside this one sees the old output or the new one, whole. */
function put(path, text, time) {
  const partial = `${path}.partial-${process.pid}`
  writeFileSync(partial, text)
  if (time) utimesSync(partial, time, time)
  renameSync(partial, path)
}

/**
 * Makes what changed; returns what it made, and what is wrong with it as a text. What is wrong has no
 * output.
 */
export async function transpile() {
  makeRoom()
  const sources = filesBelow(projectFolder, /(?<!\.d)\.ts$/)
  removeOrphans(sources)
  const stale = sources.filter(isStale)
  if (stale.length === 0) return { made: [], faults: '' }
  const { default: typescript } = await import('typescript')
  const { config } = typescript.readConfigFile(CONFIGURATION, (path) => readFileSync(path, 'utf8'))
  const { options } = typescript.convertCompilerOptionsFromJson(config.compilerOptions, '.')
  const compilerOptions = { ...options, noEmit: false, sourceMap: true }
  const faults = []
  for (const source of stale) {
    const path = join(projectFolder, source)
    const output = outputOf(source)
    const sourceRoot = relative(dirname(output), dirname(path))
    const { mtime } = statSync(path)
    const { outputText, sourceMapText, diagnostics } = typescript.transpileModule(
      readFileSync(path, 'utf8'),
      {
        fileName: path,
        compilerOptions: { ...compilerOptions, sourceRoot },
        reportDiagnostics: true,
      },
    )
    if (diagnostics.length > 0) {
      faults.push(...diagnostics)
      rmSync(output, { force: true })
      continue
    }
    mkdirSync(dirname(output), { recursive: true })
    put(`${output}.map`, sourceMapText)
    put(output, outputText, mtime)
  }
  const host = {
    getCurrentDirectory: () => projectFolder,
    getCanonicalFileName: (name) => name,
    getNewLine: () => '\n',
  }
  return { made: stale, faults: faults.length ? typescript.formatDiagnostics(faults, host) : '' }
}

/** What one of our TypeScript sources exports; its output is brought up to date first. */
export async function load(source) {
  const { faults } = await transpile()
  if (faults) throw new SetupError(`these do not compile:\n${faults}`, 'npm run check')
  process.setSourceMapsEnabled(true)
  return import(pathToFileURL(outputOf(source)).href)
}

const USAGE = {
  call: 'node tools/tests/transpile.mjs',
  about: 'Brings build/test up to date: TypeScript to JavaScript, without a look at types.',
  needs: [],
}

await runCommand(import.meta.url, USAGE, async () => {
  const { faults } = await transpile()
  process.stderr.write(faults)
  process.exitCode = faults ? 1 : 0
})
