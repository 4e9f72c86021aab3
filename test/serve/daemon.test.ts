/**
 * The server as a part of the daemon, with the program: a process of its own that comes and goes with it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { Device } from '../support/device.ts'
import { smallImage } from '../support/image.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { freePort } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const publisher = new Publisher()
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

test.before(() => {
  if (process.getuid?.() !== 0) skip('the daemon needs root')
  publisher.publish(1, smallImage(1))
})

interface Running {
  child: ChildProcess
  ended: Promise<unknown>
  port: number
  file: string
  log(): string
}

async function startDaemon(push = '0'): Promise<Running> {
  const port = await freePort()
  const device = new Device({
    sources: [`file://${publisher.module}`],
    keys: publisher.keys.publicFile,
    configuration: {
      policy: { 'on-battery': 'yes' },
      push: { port: push },
      daemon: { control: join(scratch('control'), 'socket') },
      serve: { enabled: 'yes', 'listen[]': `127.0.0.1:${port}`, 'on-battery': 'yes' },
    },
  })
  await device.succeed('install')
  const stdio = ['ignore', 'ignore', 'pipe'] as const
  const child = spawn(PROGRAM, ['daemon', ...device.words], { stdio: [...stdio] })
  children.add(child)
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (more) => {
    text += more
  })
  const ended = new Promise((done) => child.once('exit', done))
  const [file = ''] = device.words.slice(device.words.indexOf('--config') + 1)
  return { child, ended, port, file, log: () => text }
}

/** What a stock client hears there. */
const listing = (port: number) =>
  spawnSync('rsync', ['--contimeout=5', `rsync://127.0.0.1:${port}/`], { encoding: 'utf8' })

const serves = ({ port, log }: Running) =>
  until(() => /^xo\b/.test(listing(port).stdout), 'the server').catch((error) => {
    throw new Error(log(), { cause: error })
  })
const servesNoMore = ({ port }: Running) =>
  until(() => /refused/.test(listing(port).stderr), 'nobody at its port')

test('it serves while the daemon runs, and ends with it', async () => {
  const daemon = await startDaemon()
  await serves(daemon)
  daemon.child.kill('SIGTERM')
  await deadline(daemon.ended)
  await servesNoMore(daemon)
})

test('it ends by itself when the daemon was killed', async () => {
  const daemon = await startDaemon()
  await serves(daemon)
  daemon.child.kill('SIGKILL')
  await deadline(daemon.ended)
  await servesNoMore(daemon)
})

test('a configuration that wants none any more ends it with the next round', async () => {
  const daemon = await startDaemon()
  await serves(daemon)
  const text = readFileSync(daemon.file, 'utf8')
  writeFileSync(daemon.file, text.replace('enabled = yes', 'enabled = no'))
  daemon.child.kill('SIGHUP')
  await servesNoMore(daemon)
  assert.is(daemon.child.exitCode, null, daemon.log())
  daemon.child.kill('SIGTERM')
  await deadline(daemon.ended)
})

test.run()
