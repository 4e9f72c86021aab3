/** Compiles the tests and runs the whole proof of test/power-cut/; its words are handed on. */
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const run = (...words) => spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit' })

run('tools/tests/transpile.mjs')
const main = 'build/test/test/power-cut/main.js'
process.exitCode = run('--enable-source-maps', main, ...process.argv.slice(2)).status ?? 1
