/** The plain rc script and the real daemon: start, a round at a word, a daemon that fails, stop. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { DEADLINE_MS } from '../support/deadline.ts'
import { PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const SCRIPT = resolve('firmware/system/xo-upgrade.rc')
const folder = scratch('rc')
const pidFile = join(folder, 'pid')
const log = join(folder, 'log')
const program = join(folder, 'program')

function rc(word: string): number {
  const environment = { XO_UPGRADE: program, XO_UPGRADE_PID: pidFile, XO_UPGRADE_PAUSE: '0.2' }
  const options = { env: { PATH: process.env.PATH, ...environment }, timeout: DEADLINE_MS }
  const { status } = spawnSync('sh', [SCRIPT, word], options)
  return status ?? -1
}

const logged = () => (existsSync(log) ? readFileSync(log, 'utf8') : '')

const happens = (what: () => boolean) =>
  until(what).catch((error) => {
    throw new Error(`it did not happen; the log: ${logged()}`, { cause: error })
  })

test.after(() => {
  rc('stop')
})

test('it starts once, hears a word, and stops', async () => {
  const configuration = join(folder, 'conf')
  execFileSync('mkdir', [join(folder, 'store')])
  writeFileSync(
    configuration,
    `[store]\npath = ${folder}/store\n[daemon]\ncontrol = ${folder}/control\n`,
  )
  const words = `daemon --config ${configuration}`
  writeFileSync(program, `#!/bin/sh\nexec ${PROGRAM} ${words} 2>>${log}\n`, { mode: 0o755 })
  assert.is(rc('status'), 1)
  assert.is(rc('start'), 0)
  await happens(() => existsSync(join(folder, 'control')))
  const pid = readFileSync(pidFile, 'utf8')
  assert.is(rc('start'), 0)
  assert.is(readFileSync(pidFile, 'utf8'), pid)
  assert.is(rc('status'), 0)
  assert.is(rc('reload'), 0)
  await happens(() => logged().includes('No system is installed'))
  // The word did not end it.
  assert.is(rc('status'), 0)
  assert.is(rc('stop'), 0)
  assert.is(rc('status'), 1)
  assert.not.ok(existsSync(join(folder, 'control')))
  assert.not.ok(existsSync(pidFile))
})

test('a daemon that fails is started again; one that is configured wrong is not', async () => {
  writeFileSync(log, '')
  writeFileSync(program, `#!/bin/sh\necho failed >>${log}\nexit 70\n`, { mode: 0o755 })
  assert.is(rc('start'), 0)
  await happens(() => logged().split('\n').length > 3)
  assert.is(rc('stop'), 0)
  writeFileSync(log, '')
  writeFileSync(program, `#!/bin/sh\necho wrong >>${log}\nexit 64\n`, { mode: 0o755 })
  assert.is(rc('start'), 0)
  await happens(() => logged() !== '' && rc('status') === 1)
  assert.is(logged(), 'wrong\n')
})

test.run()
