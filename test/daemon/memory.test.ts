/**
 * What the daemon holds after many rounds. Only in Node, whose collector can be told to collect and to
 * count.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'
import { TimedLaptop } from './kit.ts'

test('a thousand rounds leave nothing behind', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const laptop = new TimedLaptop()
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  await laptop.until(100)
  const before = heap()
  for (let i = 1; i <= 10; i++) {
    await laptop.until(100 * (i + 1))
    laptop.hint({ reason: 'a push', withinSeconds: 10 })
  }
  const grown = heap() - before
  // The test's own list of rounds is some 100 KB.
  assert.ok(grown < 600_000, `${grown} bytes more`)
  assert.is(laptop.daemon.status().rounds >= 1100 - 1, true)
  laptop.daemon.end()
})

test.run()
