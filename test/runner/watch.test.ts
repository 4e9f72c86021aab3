/** `--watch`: what was asked for runs again after each save, in whichever way an editor saves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { suite } from '../support/suite.ts'

const test = suite('--watch')
const CASE = 'test/runner/cases/passes.ts'

/** A new inode with the same bytes takes the file's name at once, so that nobody sees half of it. */
function saveByRenaming(): void {
  const folder = mkdtempSync('build/saved-')
  copyFileSync(CASE, join(folder, 'saved'))
  renameSync(join(folder, 'saved'), CASE)
  rmSync(folder, { recursive: true })
}

test('a file is run again after each save, until the runner is ended', async () => {
  const words = ['tools/run-tests.mjs', '--as', 'one', CASE, '--watch']
  const runner = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  runner.stdout.setEncoding('utf8').on('data', (piece) => {
    text += piece
  })
  const runs = () => text.split('\n4 passed, 0 failed, 0 skipped\n').length - 1
  const untilRun = async (count: number) => {
    while (runs() < count) await deadline(once(runner.stdout, 'data'))
  }
  try {
    await untilRun(1)
    for (const count of [2, 3, 4]) {
      saveByRenaming()
      await untilRun(count)
    }
    utimesSync(CASE, new Date(), new Date())
    await untilRun(5)
  } finally {
    const ended = once(runner, 'exit')
    runner.kill('SIGINT')
    assert.equal(await deadline(ended), [130, null])
  }
})

test.run()
