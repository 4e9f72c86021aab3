/** Leaves a child, one that led a life of its own, and one whose parent is gone. */
import { spawn, spawnSync } from 'node:child_process'
import { test } from '../../support/suite.ts'

test('starts what nobody ends', () => {
  spawn('sleep', ['7001'], { stdio: 'inherit' })
  spawn('sleep', ['7002'], { stdio: 'ignore', detached: true, env: {} }).unref()
  spawnSync('sh', ['-c', 'setsid sleep 7003 &'], { stdio: 'inherit' })
})
test.run()
