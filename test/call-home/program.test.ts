/**
 * The real program and home servers: what leaves the laptop, what a round does, a stolen laptop and its way
 * back, the daemon. First a server of the test's own, at the end the real one.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { makeKeyPair, readSecretKey } from '../../src/release/signify.ts'
import { deadline } from '../support/deadline.ts'
import { Device, run } from '../support/device.ts'
import { HomeServer, replying } from '../support/home-server.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const host = nodeHost()
const publisher = new Publisher()
const keys = scratch('keys')
const secretFile = join(scratch('secret'), 'home.sec')
const pair = makeKeyPair(host, 'home')
const secret = readSecretKey(host, pair.secretFile)
const DAY = 86_400
const now = () => Math.floor(Date.now() / 1000)

let home: HomeServer
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

test.before(async () => {
  for (const version of [41, 42, 43]) publisher.publish(version, smallImage(version))
  copyFileSync(publisher.keys.publicFile, join(keys, 'release.pub'))
  writeFileSync(join(keys, 'home.pub'), pair.publicFile)
  writeFileSync(secretFile, pair.secretFile, { mode: 0o600 })
  home = await HomeServer.start(replying(secret, {}))
})
test.after(() => home.stop())

type Sections = Record<string, Record<string, string>>

async function laptop(url = home.url, more: Sections = {}): Promise<Device> {
  const device = new Device({
    sources: [`file://${publisher.module}`],
    keys,
    configuration: sections(url, more),
  })
  await device.succeed('install', ['--version', '41'])
  return device
}

function sections(url: string, more: Sections = {}): Sections {
  return {
    device: { serial: 'SHC1', hardware: 'xo-1', deployment: 'peru' },
    home: { url, 'timeout-seconds': '10' },
    daemon: { control: join(scratch('control'), 'socket') },
    policy: { 'on-battery': 'yes', ...more.policy },
    ...Object.fromEntries(Object.entries(more).filter(([section]) => section !== 'policy')),
  }
}

const controlOf = (device: Device) =>
  /control = (.*)/.exec(readFileSync(device.configurationFile, 'utf8'))?.[1] ?? ''
const stateOf = (device: Device) => readFileSync(join(device.store, 'state'), 'utf8')

test('nothing but what is documented leaves the laptop', async () => {
  home.script = replying(secret, {})
  const device = await laptop()
  home.requests.length = 0
  await device.succeed('check')
  const [request = ''] = home.requests
  const { nonce } = home.questions.at(-1) ?? {}
  // What came from where: a stick, here; how much depends on the signature's comments.
  const received = /\nreceived=stick ([0-9]+)\n/.exec(request)?.[1]
  const body = `kind=call-home\nserial=SHC1\nnonce=${nonce}\nhardware=xo-1\ndeployment=peru\ninstalled=41\nlast-outcome=installed\nbrought=41 stick\nreceived=stick ${received}\n`
  assert.is(
    request,
    `POST /call-home HTTP/1.1\r\nHost: ${home.url.slice(7)}\r\nUser-Agent: xo-upgrade\r\n` +
      `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  )
  assert.match(nonce ?? '', /^[0-9a-f]{32}$/)
  await device.succeed('check')
  assert.is.not(home.questions.at(-1)?.nonce, nonce)
})

test('check tells the verdict, and changes only what home said and the time', async () => {
  const leaseEnd = now() + 30 * DAY
  home.script = replying(secret, { version: 42, leaseEnd, message: 'Feria el lunes' })
  const device = await laptop()
  const before = stateOf(device)
  const result = await device.succeed('check')
  assert.is(result.act, 'upgrade')
  assert.is(result.version, 42)
  assert.is(result.home, 'answered')
  assert.is(result.said.message, 'Feria el lunes')
  const isOfHome = (line: string) => /^(home-|trusted-time|ran-seconds)/.test(line)
  const rest = (text: string) => text.split('\n').filter((line) => !isOfHome(line))
  assert.equal(rest(stateOf(device)), rest(before))
  assert.ok(!existsSync(join(device.store, 'upgraded-root')))
  const status = await device.succeed('status')
  assert.is(status.home.version, 42)
  assert.is(status.daemon, undefined)
})

test('run brings the version that home wants, and once', async () => {
  home.script = replying(secret, { version: 42 })
  const device = await laptop()
  const first = await device.succeed('run')
  assert.is(first.upgraded.outcome, 'staged')
  assert.is(first.upgraded.version, 42)
  const second = await device.succeed('run')
  assert.is(second.act, 'stay')
  assert.match(second.reason, /^Version 42 waits/)
  await device.succeed('swap')
  const third = await device.succeed('run')
  assert.match(third.reason, /^Version 42 is on trial/)
  assert.is(home.questions.at(-1)?.trial, 42)
  // The next one must wait for the end of the trial: it would be built out of the way back.
  home.script = replying(secret, { version: 43 })
  assert.match((await device.succeed('run')).reason, /on trial/)
  await device.succeed('roll-back')
  assert.match((await device.succeed('check')).reason, /^Version 43 is wanted; version 41/)
  assert.equal(home.questions.at(-1)?.bad, [42])
  home.script = replying(secret, { version: 42 })
  assert.match((await device.succeed('run')).reason, /never became healthy/)
})

test('without its home server a laptop goes on', async () => {
  const gone = await HomeServer.start(() => {})
  gone.stop()
  const device = await laptop(gone.url)
  assert.is((await device.run('check')).status, 69)
  const ended = await device.succeed('run')
  assert.is(ended.home, 'away')
  assert.is(ended.upgraded.version, 43)
})

test('forged replies change nothing, are told, and hold nothing up', async () => {
  const foreign = readSecretKey(host, makeKeyPair(host, 'foreign').secretFile)
  home.script = replying(foreign, { stolen: true, version: 42 })
  const device = await laptop()
  const before = stateOf(device)
  const { message } = await device.fail('check', 65, 'TrustError')
  assert.match(message, /^unknown key: /)
  assert.is(stateOf(device), before)
  await device.fail('run', 65, 'TrustError')
  const status = await device.succeed('status')
  assert.is(status.waiting, 43)
  assert.is(status.last.outcome, 'TrustError')
  assert.match(status.last.message, /^unknown key: /)
  home.script = replying(secret, { version: 43 })
  await device.succeed('check')
  assert.is(home.questions.at(-1)?.code, 'unknown key')
})

test('the daemon keeps the name of an attack on its home server’s replies as well', async () => {
  const foreign = readSecretKey(host, makeKeyPair(host, 'foreign').secretFile)
  home.script = replying(foreign, { stolen: true })
  const device = await laptop()
  const daemon = start(['daemon', ...device.words])
  await until(async () => (await device.succeed('status')).daemon)
  daemon.child.kill('SIGHUP')
  const last = await until(async () => {
    const { last } = await device.succeed('status')
    return last.outcome === 'TrustError' && last
  }, 'the attack in the status')
  assert.match(last.message, /^unknown key: /)
  daemon.child.kill('SIGTERM')
  assert.is(await deadline(daemon.ended), 0, daemon.text())
})

test('an attack on the last upgrade is told at home by its name, and nothing else of it', async () => {
  home.script = replying(secret, { version: 42 })
  const device = await laptop()
  await device.succeed('run')
  await device.succeed('swap')
  await device.succeed('confirm', ['--force'])
  await device.fail('upgrade', 65, 'TrustError', ['--version', '41'])
  await device.succeed('check')
  assert.is(home.questions.at(-1)?.outcome, 'TrustError')
  assert.is(home.questions.at(-1)?.code, 'rollback')
})

test('sources that home names are used, and those of a later program are passed over', async () => {
  const daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
  home.script = replying(secret, {
    sources: ['carrier-pigeon://loft/xo', `rsync://127.0.0.1:${daemon.port}/xo`],
  })
  const device = await laptop()
  const empty = scratch('empty')
  const away = new Device({
    sources: [`file://${empty}`],
    keys,
    store: device.store,
    configuration: sections(home.url),
  })
  const ended = await away.run('run')
  await daemon.stop()
  assert.is(ended.status, 0, ended.stdout)
  assert.is(ended.result.upgraded.version, 43)
  assert.match(ended.stdout, /the home server names carrier-pigeon/)
})

test('a stolen laptop is not upgraded, its hook runs, and home frees it again', async () => {
  const told = join(scratch('hook'), 'told')
  const hook = join(scratch('hook'), 'stolen')
  writeFileSync(hook, `#!/bin/sh\necho stolen >> ${told}\n`, { mode: 0o755 })
  const device = await laptop(home.url, { 'anti-theft': { 'stolen-hook': hook } })
  home.script = replying(secret, { stolen: true, version: 42 })
  const stolen = await device.succeed('run')
  assert.is(stolen.act, 'lock out')
  assert.is(stolen.upgraded, undefined)
  assert.is(readFileSync(told, 'utf8'), 'stolen\n')
  // A silent home server frees nobody.
  home.script = (socket) => socket.destroy()
  assert.is((await device.succeed('run')).act, 'lock out')
  // Nor does whoever has it in hand upgrade it.
  for (const words of [[], ['--version', '42'], ['--source', 'file:///media/stick']]) {
    const { message, cure } = await device.fail('upgrade', 75, 'BusyError', words)
    assert.match(message, /reported stolen/)
    assert.match(cure, /unlock/)
  }
  assert.is((await device.succeed('status')).waiting, undefined)
  home.script = replying(secret, { stolen: false, version: 42 })
  assert.is((await device.succeed('run')).upgraded.version, 42)
})

test('an unlock statement frees a stolen laptop, once, and only the one it is for', async () => {
  const device = await laptop()
  home.script = replying(secret, { stolen: true, time: now() - 100 })
  assert.is((await device.succeed('check')).act, 'lock out')
  const stick = scratch('stick')
  const make = (serial: string) =>
    run(['make-unlock', '--json', '--serial', serial, '--key', secretFile, '--to', stick])
  assert.is((await make('SHC1')).status, 0)
  assert.is((await make('SHC2')).status, 0)
  const other = await device.fail('unlock', 65, 'TrustError', [
    '--from',
    join(stick, 'unlock-SHC2'),
  ])
  assert.match(other.message, /^wrong serial: /)
  await device.succeed('unlock', ['--from', stick])
  assert.is((await device.succeed('status')).home.stolen, false)
  home.script = replying(secret, { stolen: true, time: now() })
  assert.is((await device.succeed('check')).act, 'lock out')
  const again = await device.fail('unlock', 65, 'TrustError', ['--from', stick])
  assert.match(again.message, /^replay: /)
})

test('a lease locks out after its grace where that is enforced, and not otherwise', async () => {
  const enforced = { 'anti-theft': { enforce: 'yes', 'grace-days': '2' } }
  const device = await laptop(home.url, enforced)
  const verdict = async (leaseEnd: number) => {
    home.script = replying(secret, { leaseEnd, version: 41 })
    return (await device.succeed('check')).act
  }
  assert.is(await verdict(now() + DAY), 'stay')
  assert.is(await verdict(now() - DAY), 'stay')
  assert.is(await verdict(now() - 3 * DAY), 'lock out')
  device.configure(sections(home.url))
  assert.is(await verdict(now() - 3 * DAY), 'stay')
})

test('the configuration holds and pins', async () => {
  home.script = replying(secret, { version: 43 })
  const device = await laptop(home.url, { policy: { hold: 'yes' } })
  assert.match((await device.succeed('run')).reason, /holds this laptop at version 41/)
  device.configure(sections(home.url, { policy: { version: '42' } }))
  assert.is((await device.succeed('run')).upgraded.version, 42)
  await device.succeed('swap')
  await device.succeed('confirm', ['--force'])
  device.configure(sections(home.url, { policy: { version: '41' } }))
  assert.match((await device.succeed('run')).reason, /downgrade is not allowed/)
  device.configure(sections(home.url, { policy: { version: '41', 'allow-downgrade': 'yes' } }))
  assert.is((await device.succeed('run')).upgraded.version, 41)
})

/** The program in the background, ended by its own pid. */
function start(words: string[]): { child: ChildProcess; text(): string; ended: Promise<number> } {
  const child = spawn(PROGRAM, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let text = ''
  child.stdout.on('data', (bytes) => {
    text += bytes
  })
  child.stderr.on('data', (bytes) => {
    text += bytes
  })
  const ended = new Promise<number>((resolve) =>
    child.once('close', (status) => resolve(status ?? -1)),
  )
  ended.then(() => children.delete(child))
  return { child, text: () => text, ended }
}

test('the daemon makes rounds, tells what it does, and ends cleanly', async () => {
  home.script = replying(secret, { version: 42, intervalSeconds: 7200 })
  const device = await laptop()
  const daemon = start(['daemon', ...device.words])
  const first = await until(async () => (await device.succeed('status')).daemon)
  assert.is(first.activity, 'waiting')
  assert.is(first.rounds, 0)
  daemon.child.kill('SIGHUP')
  const second = await until(async () => {
    const { daemon, waiting } = await device.succeed('status')
    return daemon.rounds === 1 ? { ...daemon, waiting } : undefined
  })
  assert.is(second.waiting, 42)
  assert.match(second.outcome, /^Version 42 is wanted.*staged and proved/)
  assert.is(second.because, 'the interval')
  const inSeconds = second.nextSeconds - now()
  assert.ok(inSeconds > 5700 && inSeconds <= 8640, String(inSeconds))
  // Whoever connects and never reads holds nothing up.
  const idle = connect(controlOf(device))
  await deadline(once(idle, 'connect'))
  assert.ok((await device.succeed('status')).daemon)
  idle.destroy()
  daemon.child.kill('SIGTERM')
  assert.is(await deadline(daemon.ended), 0, daemon.text())
  assert.not.ok(existsSync(controlOf(device)))
  assert.is((await device.succeed('status')).daemon, undefined)
})

test('the daemon lives through a broken configuration, and a busy store', async () => {
  home.script = replying(secret, { version: 41 })
  const device = await laptop()
  const daemon = start(['daemon', ...device.words])
  const round = async (count: number) => {
    daemon.child.kill('SIGHUP')
    return until(async () => {
      const status = (await run(['status', '--json', ...device.words])).result.daemon
      return status?.rounds === count ? status : undefined
    })
  }
  await until(async () => (await device.succeed('status')).daemon)
  assert.is((await round(1)).failures, 0)
  const good = readFileSync(device.configurationFile, 'utf8')
  writeFileSync(device.configurationFile, good.replace('[policy]', '[policy]\nhold = perhaps'))
  daemon.child.kill('SIGHUP')
  await until(() => /allowed: yes or no/.test(daemon.text()))
  writeFileSync(device.configurationFile, good)
  assert.is((await round(3)).failures, 0)
  daemon.child.kill('SIGINT')
  assert.is(await deadline(daemon.ended), 0, daemon.text())
})

test('the reference home server and a laptop understand each other', async () => {
  const folder = scratch('home')
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  write('latest', '42\n')
  const words = ['--folder', folder, '--key', secretFile, '--listen', '127.0.0.1:0']
  const server = start(['home', '--json', ...words])
  const port = await until(() => /"port":([0-9]+)/.exec(server.text())?.[1])
  const device = await laptop(`http://127.0.0.1:${port}`)
  assert.is((await device.succeed('run')).upgraded.version, 42)
  write('stolen', 'SHC1\n')
  const acts = (act: string) => until(async () => (await device.succeed('check')).act === act)
  await acts('lock out')
  write('stolen', '')
  await acts('stay')
  const fleet = await run(['home', '--json', '--folder', folder, '--fleet'])
  assert.match(fleet.stdout, /SHC1/)
  server.child.kill('SIGKILL')
  await deadline(server.ended)
})

test.run()
