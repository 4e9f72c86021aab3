/** A promise that nobody waits for is rejected, and an error comes out of a timer, while a test waits. */
import { test } from '../../support/suite.ts'

const waiting = () => new Promise((resolve) => setTimeout(resolve, 60_000))

test('drops a promise', async () => {
  void Promise.reject(new Error('dropped'))
  await waiting()
})
test('throws later', async () => {
  setTimeout(() => {
    throw new Error('thrown later')
  }, 1)
  await waiting()
})
test('passes', () => {})
test.run()
