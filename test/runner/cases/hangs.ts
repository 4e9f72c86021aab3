// deadline: 0.05 minutes
/** A test that waits for what never comes, with a server that keeps the process. */
import { createServer } from 'node:net'
import { scratch } from '../../support/scratch.ts'
import { test } from '../../support/suite.ts'

test('passes', () => {})
test('waits for a guest', async () => {
  console.log(`made ${scratch('hangs')}`)
  createServer().listen(0, '127.0.0.1')
  await new Promise(() => {})
})
test('is never reached', () => {})
test.run()
