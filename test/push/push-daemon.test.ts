/** The daemon, the program itself, makes a round after a push, and none after the same push again. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const PORT = 28_766

test('a push brings a round forward', async () => {
  const folder = scratch('push-daemon')
  for (const name of ['keys', 'store']) mkdirSync(join(folder, name))
  mustRun(PROGRAM, ['keygen', '--to', join(folder, 'sec'), '--name', 'push'])
  cpSync(join(folder, 'sec/push.pub'), join(folder, 'keys/push.pub'))
  const lines = [
    `[store]\npath=${folder}/store`,
    `[trust]\nkeys=${folder}/keys`,
    '[sources]\npeers=off',
    `[push]\nport=${PORT}\nspread-seconds=0`,
    `[daemon]\ncontrol=${folder}/control`,
    '[device]\nserial=SHC1\n',
  ]
  writeFileSync(join(folder, 'conf'), lines.join('\n'))
  const daemon = spawn(PROGRAM, ['daemon', '--config', join(folder, 'conf')])
  let log = ''
  for (const stream of [daemon.stdout, daemon.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log += text
    })
  }
  const heard = () => log.split('a push for version 43').length - 1
  const push = () => {
    const to = ['--address', '127.0.0.1', '--port', String(PORT)]
    mustRun(PROGRAM, ['push', '--version', '43', '--key', join(folder, 'sec/push.sec'), ...to])
  }
  try {
    // It does not say when it begins to listen; whatever comes before is lost, as any datagram may be.
    await until(() => {
      if (heard() === 0) push()
      return heard() > 0
    })
    assert.is(heard(), 1, log)
    const state = readFileSync(join(folder, 'store/state'), 'latin1')
    assert.match(state, /^push-time=/m)
    // Whoever has the key may say "ask", and no more: not what time it is.
    assert.not.match(state, /^trusted-time=/m)
  } finally {
    daemon.kill('SIGKILL')
  }
})

test.run()
