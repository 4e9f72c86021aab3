/**
 * Runs tests, in one of the ways of tests/ways.mjs: sets up and builds what that needs, transpiles the
 * sources that changed (types are `npm run check`'s business), and runs the files whose path contains one
 * of the words, or only those of their tests whose name was asked for.
 *
 * Each file is a process of its own with a deadline; the longest go first. The last line is always `N
 * passed, N failed, N skipped`; no tests at all is a failure, of a file as of the whole.
 */
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { build } from './build.mjs'
import { runCommand } from './command-line.mjs'
import { adviceFor } from './tests/programs.mjs'
import { Report } from './tests/report.mjs'
import { demandsOf, stopAll, TestFile } from './tests/test-file.mjs'
import { inOrder, remember } from './tests/times.mjs'
import { transpile } from './tests/transpile.mjs'
import { watchFolders } from './tests/watch.mjs'
import { USAGE } from './tests/ways.mjs'
import { projectFolder } from './workplace.mjs'

/**
 * One more than there are processors, since most files wait now and then; memory sets the limit.
 */
const PARALLEL = Math.min(4, availableParallelism() + 1)
/** An editor writes a file in several steps. */
const SETTLED_MS = 50

/** A signal came: what is running is ended, and nothing new begins. */
let isEnding = false

/**
 * A word that is the whole path of a file means that file, even if its name is not that of a test.
 */
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

/** @param wanted a `Run` of tests/ways.mjs, whose builds are made */
async function runAll({ paths, names = [], shown, failed = 0, ...given }) {
  const report = new Report()
  const { faults } = await transpile()
  if (faults) report.failure(faults)
  const files = findTests(paths)
  if (files.length === 0) report.failure(`no test file's path holds ${paths.join(' or ')}`)
  for (const advice of adviceFor(files)) console.log(advice)
  const live = shown && { heard: report.result, said: (text) => process.stdout.write(text) }
  const passed = []
  const work = async (queue) => {
    for (let path = queue.shift(); path !== undefined && !isEnding; path = queue.shift()) {
      const file = new TestFile(path, { names, ...given, ...live })
      await file.run()
      if (report.file(file, { shown }) && names.length === 0) passed.push(file)
    }
  }
  const alone = files.filter((file) => demandsOf(file).alone)
  const together = inOrder(files.filter((file) => !alone.includes(file)))
  await Promise.all(Array.from({ length: PARALLEL }, () => work(together)))
  await work(alone)
  remember(passed)
  if (report.isEmpty)
    report.failure(`no test's name holds ${names.map((name) => `"${name}"`).join(' or ')}`)
  report.failed += failed
  return report.close()
}

/** Runs again whenever a source changes. */
async function runForever(wanted) {
  let wake = () => {}
  const sources = ['src', 'native', 'runtime', 'test'].map((name) => join(projectFolder, name))
  watchFolders(sources, () => wake())
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
    isEnding = true
    await stopAll()
    process.exit(status)
  })
}

await runCommand(import.meta.url, USAGE, async (options, words, way) => {
  const { builds = [], watch: isWatched, ...wanted } = way.run(options, words)
  for (const wish of builds) await build(wish)
  if (isWatched) await runForever(wanted)
  process.exitCode = (await runAll(wanted)) ? 0 : 1
})
