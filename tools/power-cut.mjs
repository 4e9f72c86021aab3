/** Compiles the tests and runs the whole proof of test/power-cut/; its words are handed on. */
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const run = (...words) => spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit' })

const compiled = run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json')
if (compiled.status !== 0) console.log('types do not hold; the proof runs all the same')
const main = 'build/test/test/power-cut/main.js'
process.exitCode = run('--enable-source-maps', main, ...process.argv.slice(2)).status ?? 1
