/**
 * The unit tests that every engine can run, found by what they import and use, and bundled into one
 * program for an engine that knows only the native modules. The little of Node that they use has
 * stand-ins over those (stand-ins/, globals.ts). Nothing is listed by hand: a test that begins to need
 * more of Node drops out (suites.test.ts tells), and one that stops needing it comes in.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import commonjs from '@rollup/plugin-commonjs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { rollup } from 'rollup'

const COMPILED = fileURLToPath(new URL('../../', import.meta.url))
const SUITE = join(COMPILED, 'test/support/suite.js')
const GLOBALS = join(COMPILED, 'test/engines/globals.js')

const OURS = join(COMPILED, 'test/engines/stand-ins')
/** What stands in for Node's own modules, and for our files that need it. */
const STAND_INS: Record<string, string> = {
  'node:child_process': join(OURS, 'child-process.js'),
  'node:crypto': join(OURS, 'crypto.js'),
  'node:fs': join(OURS, 'fs.js'),
  'node:path': join(OURS, 'path.js'),
  [join(COMPILED, 'native/checksums/checksums.node.js')]: join(OURS, 'checksums.js'),
  [join(COMPILED, 'native/system-error.node.js')]: join(OURS, 'system-error.js'),
  [join(COMPILED, 'test/support/host.js')]: join(OURS, 'host.js'),
  [join(COMPILED, 'test/support/scratch.js')]: join(OURS, 'scratch.js'),
}
/** Node sides that contain their native module and nothing more. */
const PLAIN_SIDES = ['clock', 'files', 'random', 'signatures']
for (const name of PLAIN_SIDES) {
  STAND_INS[join(COMPILED, `native/${name}/${name}.node.js`)] = `\0native ${name}`
}

/** Packages that run anywhere. */
const PLAIN_PACKAGES = ['uvu/assert', 'tweetnacl', '@stablelib/base64', 'arg', 'ini']
/** Tests that Node alone runs, by their names, and why. */
const SKIPPED: Record<string, string> = {
  'attack: any one bit of the file altered never makes another release':
    'takes minutes without a JIT',
  'finds lines in a long manifest': 'takes minutes without a JIT',
  'what comes is held to the cap, whatever it is':
    'its clock stands still where thousands of tests ran before it in one process; why is not known',
}
/** Folders that would find nothing by running in engines, and why. */
const ELSEWHERE: Record<string, string> = {
  'test/contract/':
    'runs on every engine as a program of its own (c-host.test.ts, contract.test.ts)',
  'test/hostile/altered-wire': 'plays thousands of sessions, which takes minutes without a JIT',
  'test/serve/session': 'has a clock that jumps while an engine without a JIT is still at work',
  'test/docs/': 'runs what documents show, each command a process of its own',
  'test/house/': 'reads the sources, which are the same on every engine',
  'test/tools/': "runs the project's tools, which are Node's",
  'test/power-cut/': 'searches states by the thousand, or runs the program itself',
}
/** What rollup says of packages that were CommonJS, and of code that tsc has lowered. */
const HARMLESS = ['CIRCULAR_DEPENDENCY', 'THIS_IS_UNDEFINED']
/** Globals that only Node and browsers have (others have stand-ins, globals.ts), and the program itself. */
const FOREIGN =
  /\b(process\.(?!umask\()|structuredClone|TextDecoder|import\.meta|build\/x86_64)|\bimport\(/
const IMPORT = /(?:^|\n)(?:import|export)\s(?:([\w*\s{},$]*)\sfrom\s*)?['"]([^'"]+)['"]/g

/** Why a compiled file can't run without Node; undefined if it can. */
function obstacle(file: string, seen: Set<string>): string | undefined {
  if (seen.has(file) || STAND_INS[file] !== undefined) return undefined
  seen.add(file)
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
  const name = file.slice(COMPILED.length)
  // The compiler knows of no Node where it checks src/.
  const foreign = name.startsWith('src/') ? null : FOREIGN.exec(text)
  if (foreign) return `${name} uses ${foreign[0]}`
  for (const [, words = '', from = ''] of text.matchAll(IMPORT)) {
    const imported = from.startsWith('.') ? resolve(dirname(file), from) : undefined
    const lacking = imported ? obstacle(imported, seen) : packageObstacle(words, from)
    if (lacking !== undefined) return imported ? lacking : `${name} imports ${lacking}`
  }
  return undefined
}

function packageObstacle(words: string, from: string): string | undefined {
  if (PLAIN_PACKAGES.includes(from) || from.startsWith('native:')) return undefined
  const standIn = STAND_INS[from]
  if (standIn === undefined) return from
  const given = readFileSync(standIn, 'utf8')
  const names = words.replace(/[{}]/g, '').split(',')
  const lacking = names
    .map((name) => name.trim().split(' ')[0] ?? '')
    .find((name) => name !== '' && !new RegExp(`export (function|const) ${name}\\b`).test(given))
  return lacking && `${lacking} of ${from}`
}

/** Why a compiled test file runs only in Node; undefined if every engine runs it. */
export function whyNodeOnly(file: string): string | undefined {
  const name = file.slice(COMPILED.length)
  const [, why] = Object.entries(ELSEWHERE).find(([folder]) => name.startsWith(folder)) ?? []
  return why ?? obstacle(file, new Set())
}

/** The compiled test files that run on every engine. */
export function neutralTests(): string[] {
  return readdirSync(join(COMPILED, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(COMPILED, 'test', name))
    .filter((file) => whyNodeOnly(file) === undefined)
    .sort()
}

function sourceOf(file: string): string {
  return file.slice(COMPILED.length).replace(/\.js$/, '.ts')
}

function sideText(name: string): string {
  return `import * as ${name} from "native:${name}"\nexport { ${name} }`
}

function entryText(tests: string[]): string {
  const imports = [GLOBALS, ...tests].map((file) => `import ${JSON.stringify(file)}`)
  return `${imports.join('\n')}
import * as files from 'native:files'
import { exit } from 'native:processes'
import { runSuites } from ${JSON.stringify(SUITE)}
const say = (record) => {
  const text = unescape(encodeURIComponent(JSON.stringify(record) + '\\n'))
  const line = Uint8Array.from(text, (unit) => unit.charCodeAt(0))
  files.write(1, line, 0, line.length)
}
await runSuites({ report: say })
say({ end: true })
// Deadlines of tests may still be pending.
exit(0)
`
}

/** One file's own suite. */
function suiteText(name: string): string {
  return `import { skip, suite as plain } from ${JSON.stringify(SUITE)}
export * from ${JSON.stringify(SUITE)}
const skipped = ${JSON.stringify(SKIPPED)}
export const suite = (name) => {
  const all = plain(name)
  const add = (name, handler) =>
    all(name, skipped[name] === undefined ? handler : () => skip(skipped[name]))
  return Object.assign(add, all)
}
export const test = suite(${JSON.stringify(name)})
`
}

/** Each file gets a `test` of its own, as in Node, where each is a process. */
function isOfSuite(id: string, importer: string): boolean {
  return !importer.startsWith('\0') && resolve(dirname(importer), id) === SUITE
}

/** Bundles the tests into a file that any engine with our native modules runs. */
export async function bundleTests(tests: string[], file: string): Promise<void> {
  const virtual = {
    name: 'engines',
    resolveId(id: string, importer: string | undefined) {
      if (id === 'entry') return '\0entry'
      if (id === 'crypto') return '\0crypto'
      if (!importer || importer.startsWith(OURS)) return null
      if (isOfSuite(id, importer)) return `\0suite ${importer}`
      return STAND_INS[id.startsWith('.') ? resolve(dirname(importer), id) : id] ?? null
    },
    load(id: string) {
      if (id === '\0entry') return entryText(tests)
      if (id === '\0crypto') return 'export default {}'
      if (id.startsWith('\0native ')) return sideText(id.slice('\0native '.length))
      if (!id.startsWith('\0suite ')) return null
      const name = sourceOf(id.slice('\0suite '.length))
      return suiteText(name)
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
