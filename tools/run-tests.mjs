/**
 * Runs tests: the files whose path holds one of the words, and of their tests those whose name was asked
 * for. Sources that changed are transpiled first; types are `npm run check`'s business.
 *
 * Each file is a process of its own with a deadline, and the longest begin. The last line is always
 * `N passed, N failed, N skipped`; no tests at all is a failure, of a file as of the whole.
 */
import { readdirSync, watch } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { runCommand, UsageError, wholeNumber } from './command-line.mjs'
import { adviceFor } from './tests/programs.mjs'
import { Report } from './tests/report.mjs'
import { demandsOf, stopAll, TestFile } from './tests/test-file.mjs'
import { inOrder, remember } from './tests/times.mjs'
import { transpile } from './tests/transpile.mjs'
import { projectFolder } from './workplace.mjs'

/** One more than there are processors, since most files wait now and then; memory sets the end. */
const PARALLEL = Math.min(4, availableParallelism() + 1)
/** An editor writes a file in several steps. */
const SETTLED_MS = 50

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
}

async function runAll({ words, name, one, failed = 0 }) {
  const report = new Report()
  const { faults } = await transpile()
  if (faults) report.failure(faults)
  const files = findTests(words)
  if (files.length === 0) report.failure(`no test file's path holds ${words.join(' or ')}`)
  for (const advice of adviceFor(files)) console.log(advice)
  const passed = []
  const work = async (queue) => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const file = new TestFile(path, { name, ...(one && { heard: report.result }) })
      await file.run()
      if (report.file(file, { shown: one }) && name === undefined) passed.push(file)
    }
  }
  const alone = files.filter((file) => demandsOf(file).alone)
  const together = inOrder(files.filter((file) => !alone.includes(file)))
  await Promise.all(Array.from({ length: PARALLEL }, () => work(together)))
  await work(alone)
  remember(passed)
  if (report.isEmpty) report.failure(`no test's name holds "${name}"`)
  report.failed += failed
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

const USAGE = {
  call: 'npm run test:node --',
  about: 'Runs all tests or some, without set-up, builds and check.',
  options: {
    name: { takes: 'NAME', about: 'only tests whose name holds it' },
    one: { about: 'shows each test; the words are WORD [NAME], as npm run test:one has them' },
    watch: { about: 'runs them again whenever a source changes' },
    failed: { takes: 'N', about: 'what failed before, for the sum', reads: wholeNumber(0) },
  },
  words: { takes: 'WORD…', about: 'only files whose path holds one of them, or is it' },
  check({ one }, words) {
    if (one && (words.length === 0 || words.length > 2)) {
      throw new UsageError('npm run test:one takes a word of a path, and perhaps a name')
    }
  },
  needs: [],
}

await runCommand(import.meta.url, USAGE, async (options, words) => {
  const [word, name] = words
  const wanted = options.one ? { name, ...options, words: [word] } : { ...options, words }
  if (options.watch) await runForever(wanted)
  process.exitCode = (await runAll(wanted)) ? 0 : 1
})
