/** The daily loop of CONTRIBUTING.md: one test by its path, and the debugger on the file that was compiled. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { Page } from '../support/page.ts'
import { shell } from '../support/shell.ts'
import { test } from '../support/suite.ts'

const page = new Page('CONTRIBUTING.md', 'test/docs/contributing.test.ts')
const folder = resolve('.')
const WAIT_MS = 30_000

test('one test is run by its path', () => {
  const said = shell(page.next('sh', 'npm run test:'), { folder })
  assert.match(said, /\b[1-9]\d* passed, 0 failed/)
})

test('the debugger waits at the first line of what was compiled', async () => {
  const words = page.next('sh', 'node --inspect-brk ').trim().split(' ').slice(1)
  const file = words.find((word) => word.endsWith('.js')) ?? ''
  // Any free port, where the page has Node's own.
  const port = words.map((word) => word.replace(/^--inspect-brk$/, '--inspect-brk=127.0.0.1:0'))
  const child = spawn(process.execPath, port, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    const address = new Promise<string>((done) => {
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (text) => {
        said += text
        const found = /ws:\/\/(127\.0\.0\.1:\d+)\//.exec(said)?.[1]
        if (found !== undefined) done(found)
      })
    })
    const list = await fetch(`http://${await deadline(address, WAIT_MS)}/json/list`)
    const [target] = (await list.json()) as { url: string }[]
    assert.ok(target?.url.endsWith('/test/support/main.js'), target?.url)
    assert.ok(existsSync(file), file)
    assert.is(child.exitCode, null)
  } finally {
    child.kill('SIGKILL')
  }
})

test('every block that names this file was run', () => {
  assert.equal(page.left(), [])
})

test.run()
