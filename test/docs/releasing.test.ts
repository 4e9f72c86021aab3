/** What RELEASING.md shows: the digest of the program that was built. (The build itself made this very program.) */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { Page } from '../support/page.ts'
import { PROGRAM } from '../support/program.ts'
import { shell } from '../support/shell.ts'
import { test } from '../support/suite.ts'

const page = new Page('RELEASING.md', 'test/docs/releasing.test.ts')

test('the digest of the program', () => {
  const [build, ...rest] = page.next('sh', 'npm run build\n').trim().split('\n')
  assert.is(build, 'npm run build')
  const digest = createHash('sha256').update(readFileSync(PROGRAM)).digest('hex')
  assert.ok(shell(rest.join('\n'), { folder: resolve('.') }).startsWith(digest))
  assert.equal(page.left(), [])
})

test.run()
