/**
 * The unit tests that need nothing of Node, found by what they import and use, and bundled into one
 * program for an engine that knows only the native modules. Nothing is listed by hand: a test that
 * begins to need Node drops out, and one that stops needing it comes in.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import commonjs from '@rollup/plugin-commonjs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { rollup } from 'rollup'

const COMPILED = fileURLToPath(new URL('../../', import.meta.url))
const PLAIN_UVU = join(COMPILED, 'test/contract/c-host/uvu.js')
const GLOBALS = join(COMPILED, 'test/engines/globals.js')

/** Node sides that a native module stands in for, with what they export. */
const STAND_INS: Record<string, string> = {
  'native/signatures/signatures.node.js': 'export * as signatures from "native:signatures"',
  'native/random/random.node.js': 'export * as random from "native:random"',
  'native/files/files.node.js': 'export * as files from "native:files"',
  'native/clock/clock.node.js': 'export * as clock from "native:clock"',
  'native/compress/compress.node.js': 'export * as compress from "native:compress"',
  'native/checksums/checksums.node.js':
    'import * as checksums from "native:checksums"\nexport const makeChecksums = () => checksums',
}

/** Packages that run anywhere. */
const PLAIN_PACKAGES = ['uvu', 'uvu/assert', 'tweetnacl', '@stablelib/base64', 'arg', 'ini']
/** Thousands of signatures in an engine without a JIT: a minute and more. Node runs them. */
const SLOW = ['attack: any one bit of the file altered never makes another release']
/** What rollup says of packages that were CommonJS, and of code that tsc has lowered. */
const HARMLESS = ['CIRCULAR_DEPENDENCY', 'THIS_IS_UNDEFINED']
/** Globals that only Node and browsers have. Others have stand-ins (globals.ts). */
const FOREIGN = /\b(process\.|setImmediate|structuredClone|TextDecoder|import\.meta)|\bimport\(/
const IMPORT = /(?:^|\n)(?:import|export)\s(?:[\w*\s{},$]*\sfrom\s*)?['"]([^'"]+)['"]/g

function standInOf(file: string): string | undefined {
  return STAND_INS[file.slice(COMPILED.length)]
}

/** Why a compiled file can't run without Node; undefined where it can. */
function obstacle(file: string, seen: Set<string>): string | undefined {
  if (seen.has(file) || standInOf(file) !== undefined) return undefined
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  const foreign = FOREIGN.exec(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''))
  if (foreign) return `${file.slice(COMPILED.length)} uses ${foreign[0]}`
  for (const [, name = ''] of text.matchAll(IMPORT)) {
    const imported = name.startsWith('.') ? resolve(dirname(file), name) : undefined
    const found = imported ? obstacle(imported, seen) : packageObstacle(file, name)
    if (found !== undefined) return found
  }
  return undefined
}

function packageObstacle(file: string, name: string): string | undefined {
  const plain = PLAIN_PACKAGES.includes(name) || name.startsWith('native:')
  return plain ? undefined : `${file.slice(COMPILED.length)} imports ${name}`
}

/** The compiled test files that run on every engine. */
export function neutralTests(): string[] {
  return readdirSync(join(COMPILED, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(COMPILED, 'test', name))
    .filter((file) => existsSync(sourceOf(file)) && obstacle(file, new Set()) === undefined)
    .sort()
}

/** What was compiled once may have lost its source since. */
function sourceOf(file: string): string {
  return file.slice(COMPILED.length).replace(/\.js$/, '.ts')
}

function entryText(tests: string[]): string {
  const imports = [GLOBALS, ...tests].map((file) => `import ${JSON.stringify(file)}`)
  return `${imports.join('\n')}
import * as files from 'native:files'
import { exit } from 'native:processes'
import { runQueue } from ${JSON.stringify(PLAIN_UVU)}
const say = (record) => {
  const text = unescape(encodeURIComponent(JSON.stringify(record) + '\\n'))
  const line = Uint8Array.from(text, (unit) => unit.charCodeAt(0))
  files.write(1, line, 0, line.length)
}
await runQueue(say)
say({ end: true })
// Deadlines of tests may still be running.
exit(0)
`
}

/** One file's own uvu. */
function uvuText(name: string): string {
  return `import { suite } from ${JSON.stringify(PLAIN_UVU)}
export { suite }
const all = suite(${JSON.stringify(name)})
const slow = ${JSON.stringify(SLOW)}
const add = (name, handler) => {
  if (!slow.includes(name)) all(name, handler)
}
export const test = Object.assign(add, all)
`
}

/** Bundles the tests into a file that any engine with our native modules runs. */
export async function bundleTests(tests: string[], file: string): Promise<void> {
  const virtual = {
    name: 'engines',
    resolveId(id: string, importer: string | undefined) {
      if (id === 'entry') return '\0entry'
      if (id === 'crypto') return '\0crypto'
      // Each file gets a `test` of its own, as in Node, where each is a process.
      if (id === 'uvu') return `\0uvu ${importer}`
      return null
    },
    load(id: string) {
      if (id === '\0entry') return entryText(tests)
      if (id === '\0crypto') return 'export default {}'
      if (!id.startsWith('\0uvu ')) return standInOf(id) ?? null
      const name = sourceOf(id.slice('\0uvu '.length))
      return uvuText(name)
    },
  }
  const bundle = await rollup({
    input: 'entry',
    external: /^native:/,
    plugins: [virtual, nodeResolve({ preferBuiltins: false }), commonjs()],
    onwarn(warning) {
      if (!HARMLESS.includes(warning.code ?? '')) throw new Error(warning.message)
    },
  })
  await bundle.write({ file, format: 'es' })
  await bundle.close()
}
