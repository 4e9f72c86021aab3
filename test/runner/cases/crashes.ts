/** A test in which the whole process is ended by a signal. */
import { test } from '../../support/suite.ts'

test('passes', () => {})
test('falls', async () => {
  process.kill(process.pid, 'SIGSEGV')
  await new Promise((resolve) => setTimeout(resolve, 60_000))
})
test.run()
