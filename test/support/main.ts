/**
 * Runs one test file in this process: `main.js FILE [NAME…]`, or only those of its tests whose name
 * contains one of these. Results go as JSON lines to the descriptor that XO_TEST_REPORT names, where
 * tools/run-tests.mjs listens, or without one to stdout. The process ends with its last test, whatever that
 * left open.
 */
import { existsSync, readFileSync, writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { describe, runSuites } from './suite.ts'

const reportFd = Number(process.env.XO_TEST_REPORT ?? 1)
// The programs that tests start don't get this descriptor.
delete process.env.XO_TEST_REPORT

/** What happens in the process, in order. */
type Notice =
  | { event: 'start'; name: string }
  | { event: 'result'; name: string; error?: string; skipped?: string }
  | { event: 'end' }
  | { event: 'children'; pids: number[] }

const [, , file = '', ...chosen] = process.argv
const notice = (happened: Notice) => writeSync(reportFd, `${JSON.stringify(happened)}\n`)

/** Fails the running test, if there is one, for what failed behind its back. */
let failRunning: ((error: unknown) => void) | undefined
let running = ''
let isDone = false

function stray(error: unknown): void {
  if (failRunning) failRunning(error)
  else notice({ event: 'result', name: 'outside of any test', error: describe(error) })
}

/** By their parent, which is all that is known of some; later they have another one. */
function children(): number[] {
  const path = `/proc/${process.pid}/task/${process.pid}/children`
  if (!existsSync(path)) return []
  return readFileSync(path, 'latin1').split(' ').filter(Boolean).map(Number)
}

process.on('uncaughtException', stray)
process.on('unhandledRejection', stray)
process.on('exit', () => {
  notice({ event: 'children', pids: children() })
  if (isDone) return
  const error = running
    ? 'the process ended in it: it waits for what never comes, or something exits'
    : 'the process ended before its tests began'
  notice({ event: 'result', name: running || 'the file', error })
})
// When the runner ends this file, what it made must still be removed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isDone = true
    process.exit(1)
  })
}

try {
  await import(pathToFileURL(file).href)
} catch (error) {
  notice({ event: 'result', name: 'loading the file', error: describe(error) })
}
await runSuites({
  isChosen: (name) => chosen.length === 0 || chosen.some((part) => name.includes(part)),
  starting(name) {
    running = name
    notice({ event: 'start', name })
  },
  report: (result) => notice({ event: 'result', ...result }),
  watch(handler) {
    const failed = new Promise<never>((_, reject) => {
      failRunning = reject
    })
    const work = (async () => handler())()
    return Promise.race([work, failed]).finally(() => {
      failRunning = undefined
    })
  },
})
running = ''
isDone = true
notice({ event: 'end' })
process.exit()
