/** Leaves a child that ends by itself, a little later than its file. */
import { spawn } from 'node:child_process'
import { test } from '../../support/suite.ts'

test('starts what ends by itself', () => {
  spawn('sleep', ['0.7'], { stdio: 'ignore' })
})
test.run()
