/**
 * Runs tests: `node tools/run-tests.mjs [--name NAME] [--watch] [--failed N] [WORD…]`, those files whose path
 * holds one of the words, and of their tests those whose name holds NAME. With `--one` it takes `WORD [NAME]`
 * and shows each test. Sources that changed are transpiled first; types are `npm run check`'s business. N is
 * what failed before.
 *
 * Each file is a process of its own with a deadline. The last line is always
 * `N passed, N failed, N skipped`; no tests at all is a failure, of a file as of the whole.
 */
import { readdirSync, watch } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Report } from './tests/report.mjs'
import { demandsOf, stopAll, TestFile } from './tests/test-file.mjs'
import { transpile } from './tests/transpile.mjs'
import { projectFolder } from './workplace.mjs'

const PARALLEL = Math.min(2, availableParallelism())
/** An editor writes a file in several steps. */
const SETTLED_MS = 50

function readWords() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      one: { type: 'boolean' },
      watch: { type: 'boolean' },
      failed: { type: 'string' },
    },
  })
  if (!values.one) return { ...values, words: positionals }
  const [word, name] = positionals
  if (word === undefined || positionals.length > 2) {
    console.error('npm run test:one -- PATH-OR-WORD [NAME] [--watch]')
    process.exit(2)
  }
  return { ...values, words: [word], name }
}

/** A word that is the whole path of a file means this one, also where its name is not that of a test. */
function findTests(words) {
  const wanted = words.map((word) => word.replace(projectFolder, '').replace(/^\.?\//, ''))
  return readdirSync(join(projectFolder, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('test', name))
    .filter((file) => {
      if (wanted.includes(file)) return file.endsWith('.ts')
      if (!file.endsWith('.test.ts')) return false
      return wanted.length === 0 || wanted.some((word) => file.includes(word))
    })
    .sort()
}

async function runAll({ words, name, one, failed = '0' }) {
  const report = new Report()
  const { faults } = await transpile()
  if (faults) report.failure(faults)
  const files = findTests(words)
  if (files.length === 0) report.failure(`no test file's path holds ${words.join(' or ')}`)
  const work = async (queue) => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const file = new TestFile(path, { name, ...(one && { heard: report.result }) })
      await file.run()
      report.file(file, { shown: one })
    }
  }
  const alone = files.filter((file) => demandsOf(file).alone)
  const together = files.filter((file) => !alone.includes(file))
  await Promise.all(Array.from({ length: PARALLEL }, () => work(together)))
  await work(alone)
  if (report.isEmpty) report.failure(`no test's name holds "${name}"`)
  report.failed += Number(failed)
  return report.close()
}

/** Runs again whenever a source changes. */
async function runForever(wanted) {
  let wake = () => {}
  for (const folder of ['src', 'native', 'runtime', 'test']) {
    watch(join(projectFolder, folder), { recursive: true }, () => wake())
  }
  for (;;) {
    const change = new Promise((resolve) => {
      wake = resolve
    })
    await runAll(wanted)
    await change
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
    console.log()
  }
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, async () => {
    await stopAll()
    process.exit(status)
  })
}
const wanted = readWords()
if (wanted.watch) await runForever(wanted)
process.exitCode = (await runAll(wanted)) ? 0 : 1
