/**
 * Compiles the tests and runs them: `node tools/run-tests.mjs [--no-compile] [--failed=N] [WORD…]`,
 * where a file runs if its path holds one of the words, and N is what failed before. Each file is a process of its own with a deadline. The last line is
 * always `N passed, N failed`; no tests at all is a failure, of a file as of the whole.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
/** The slowest file boots machines that are emulated, on a machine that may be busy; one that hangs is ended here. */
const FILE_DEADLINE_MS = 30 * 60 * 1000
const PARALLEL = Math.min(2, availableParallelism())

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const failedBefore = process.argv.find((word) => word.startsWith('--failed='))?.slice(9)
const sum = { passed: 0, failed: Number(failedBefore ?? 0) }

if (!process.argv.includes('--no-compile')) compile()
const files = findTests('test')
const ranBefore = sum.passed + sum.failed
const [alone, together] = partition(files, (file) => firstLine(file).includes('// alone'))
await Promise.all(Array.from({ length: PARALLEL }, () => work(together)))
await work(alone)

if (sum.passed + sum.failed === ranBefore) {
  console.log(`no test${words.length ? ` matches ${words.join(' or ')}` : ' was found'}`)
  sum.failed++
}
console.log(`${sum.passed} passed, ${sum.failed} failed`)
process.exitCode = sum.failed === 0 ? 0 : 1

/** Types that don't hold count as one failure of the whole; what was compiled runs all the same. */
function compile() {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.test.json'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (status === 0) return
  console.log(`types do not hold:\n${stdout}`)
  if (words.length === 0) sum.failed++
}

function findTests(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort()
}

function partition(list, belongs) {
  return [list.filter((item) => belongs(item)), list.filter((item) => !belongs(item))]
}

function firstLine(file) {
  return readFileSync(join(ROOT, file), 'utf8').split('\n', 1)[0]
}

async function work(queue) {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    report(file, await runFile(file))
  }
}

function runFile(file) {
  const compiled = join(ROOT, 'build/test', file.replace(/\.ts$/, '.js'))
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--enable-source-maps', compiled], { cwd: ROOT })
    let output = ''
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, FILE_DEADLINE_MS)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    child.on('close', (status) => {
      clearTimeout(timer)
      resolve({ output, status, late, seconds: (performance.now() - started) / 1000 })
    })
  })
}

/** Sums up one file from the closing lines that uvu prints. */
function report(file, { output, status, late, seconds }) {
  const plain = stripVTControlCharacters(output)
  const total = lastCount(plain, 'Total')
  const passed = lastCount(plain, 'Passed')
  let failed = total - passed
  const complaints = []
  if (late) complaints.push(`ran longer than ${FILE_DEADLINE_MS / 60_000} minutes`)
  else if (total === 0) complaints.push('ran no test')
  else if (status !== 0 && failed === 0) complaints.push(`ended with status ${status}`)
  failed += complaints.length
  sum.passed += passed
  sum.failed += failed
  const mark = failed === 0 ? 'ok  ' : 'FAIL'
  const skipped = lastCount(plain, 'Skipped')
  const left = skipped > 0 ? `, ${skipped} skipped` : ''
  console.log(`${mark} ${file} (${passed} of ${total}${left}, ${seconds.toFixed(1)} s)`)
  for (const complaint of complaints) console.log(`     ${basename(file)} ${complaint}`)
  if (failed > 0) console.log(output)
}

function lastCount(text, label) {
  const counts = [...text.matchAll(new RegExp(`^ {2}${label}: +(\\d+)$`, 'gm'))]
  return Number(counts.at(-1)?.[1] ?? 0)
}
