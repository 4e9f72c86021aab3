/**
 * School server, upstream, waits, what DHCP says and the cap on the line, with the real program.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { Device } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { image41, image42 } from '../support/image.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, freePort, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { copyTree, linesOfTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
const behind = join(scratch('module'), 'xo')
let installed: Device
let daemon: Daemon
let deadPort: number

test.before(async () => {
  publisher.publish(41, image41())
  copyTree(publisher.module, behind)
  publisher.publish(42, image42())
  daemon = await startDaemon('rsync', [
    { name: 'xo', path: publisher.module },
    { name: 'behind', path: behind },
  ])
  deadPort = await freePort()
  installed = new Device({ sources: [`file://${behind}`], keys: publisher.keys.publicFile })
  await installed.succeed('install')
})

test.after(async () => {
  await daemon.stop()
})

const url = (name: string, port = daemon.port) => `rsync://127.0.0.1:${port}/${name}`

function deviceWith(
  sources: Record<string, string>,
  others: Record<string, Record<string, string>> = {},
): Device {
  return installed.copy({ sources: [], configuration: { sources, ...others } })
}

const plain = (root: string) => linesOfTree(host, root, { inodes: false })
const isWhole = (device: Device) =>
  assert.equal(plain(device.root('upgraded-root')), plain(join(publisher.module, '42', 'root')))
const stateOf = (device: Device) => readFileSync(join(device.store, 'state'), 'utf8')
const wanted = ['--version', '42']

test('a school server that lacks the version is waited for, then upstream serves', async () => {
  const device = deviceWith({
    'school[]': url('behind'),
    'upstream[]': url('xo'),
    'school-tries': '2',
    'first-wait-seconds': '2',
  })
  for (const tries of [1, 2]) {
    const { message } = await device.fail('upgrade', 75, 'LaterError', wanted)
    assert.match(message, /behind has no 42\/release; it is asked again, at 20\d\d-/)
    assert.match(stateOf(device), new RegExp(`^wait=${tries} `, 'm'))
    assert.is((await device.succeed('status')).wait.tries, tries)
    assert.not.ok(existsSync(join(device.store, 'staging')))
    await sleep(4_100)
  }
  assert.is((await device.succeed('upgrade', wanted)).outcome, 'staged')
  isWhole(device)
  assert.not.match(stateOf(device), /^wait=/m)
})

test('a school server that stands still is noticed, though nobody names a version', async () => {
  const settings = { 'school-tries': '1', 'first-wait-seconds': '2' }
  const sources = { 'school[]': url('behind'), 'upstream[]': url('xo') }
  const device = deviceWith({ ...sources, ...settings })
  const first = await device.run('upgrade')
  assert.is(first.status, 75, first.stdout)
  assert.match(first.error.message, /behind has no 42\/release; it is asked again/)
  assert.ok(first.events.some(({ text }) => /upstream has version 42/.test(text ?? '')))
  await sleep(2_100)
  assert.is((await device.succeed('upgrade')).outcome, 'staged')
  isWhole(device)
  // It is waiting for its start, and nobody is asked for it again.
  assert.is((await device.succeed('upgrade')).outcome, 'waiting')
})

test('upstream is asked once a day whether the school server stands still, and need not be there', async () => {
  const offline = deviceWith({ 'school[]': url('behind'), 'upstream[]': url('xo', deadPort) })
  assert.is((await offline.succeed('upgrade')).outcome, 'up-to-date')
  const device = deviceWith({ 'school[]': url('behind'), 'upstream[]': url('xo') })
  const instant = (ms: number) => new Date(ms).toISOString().replace(/\.\d+/, '')
  const asked = (ms: number, version: number) =>
    writeFileSync(
      join(device.store, 'upstream-newest'),
      `${instant(ms)} ${instant(ms + 86_400_000)} ${version}\n`,
    )
  asked(Date.now() - 3_600_000, 41)
  assert.is((await device.succeed('upgrade')).outcome, 'up-to-date')
  // A version that never became healthy here since is not wanted again.
  asked(Date.now() - 3_600_000, 42)
  const state = stateOf(device)
  writeFileSync(join(device.store, 'state'), `${state}bad=42\n`)
  assert.is((await device.succeed('upgrade')).outcome, 'up-to-date')
  writeFileSync(join(device.store, 'state'), state)
  asked(Date.now() - 90_000_000, 41)
  await device.fail('upgrade', 75, 'LaterError')
  assert.match(readFileSync(join(device.store, 'upstream-newest'), 'utf8'), / 42\n$/)
})

test('--wait: it waits by itself, and takes the version from the school server once it is there', async () => {
  const school = join(scratch('school'), 'xo')
  copyTree(behind, school)
  const own = await startDaemon('rsync', [{ name: 'xo', path: school }])
  try {
    const device = deviceWith({
      'school[]': url('xo', own.port),
      'upstream[]': url('xo', deadPort),
      'first-wait-seconds': '2',
      'longest-wait-seconds': '2',
    })
    const running = device.run('upgrade', ['--wait', ...wanted])
    await sleep(1_500)
    copyTree(join(publisher.module, '42'), join(school, '.42'))
    renameSync(join(school, '.42'), join(school, '42'))
    const run = await running
    assert.is(run.status, 0, run.stdout)
    assert.ok(run.events.some(({ text }) => /waiting until 20/.test(text ?? '')))
    isWhole(device)
  } finally {
    await own.stop()
  }
})

test('no school server: upstream at once', async () => {
  const device = deviceWith({ 'school[]': url('xo', deadPort), 'upstream[]': url('xo') })
  assert.is((await device.succeed('upgrade', wanted)).outcome, 'staged')
  isWhole(device)
})

test('a lease of DHCP names the school server; garbage in it harms nobody', async () => {
  const lease = join(scratch('lease'), 'dhcp.eth0')
  const device = deviceWith({ 'dhcp-lease[]': lease, 'upstream[]': url('xo', deadPort) })
  writeFileSync(lease, '\0\xff\nsource=file:///etc\n')
  await device.fail('upgrade', 69, 'PeerError')
  writeFileSync(lease, `serverid=127.0.0.1\nopt224=${Buffer.from(url('xo')).toString('hex')}\n`)
  assert.is((await device.succeed('upgrade')).outcome, 'staged')
  isWhole(device)
})

test('the cap holds on average, and is not held against the source', async () => {
  const transfer = { 'timeout-seconds': '5', 'minimum-bytes-per-second': '1000000' }
  const device = deviceWith({ 'upstream[]': url('xo') }, { transfer })
  const began = performance.now()
  const run = await device.run('upgrade', ['--bwlimit', '200'])
  const seconds = (performance.now() - began) / 1000
  assert.is(run.status, 0, run.stdout)
  isWhole(device)
  const received = Math.max(...run.events.map((event) => event.received ?? 0))
  const fair = received / (200 * 1024)
  console.log(
    `${received} bytes at 200 KiB/s: ${seconds.toFixed(1)} s (${fair.toFixed(1)} s at best)`,
  )
  assert.ok(seconds > fair * 0.85, `${seconds} s for ${received} bytes`)
  const capped = deviceWith(
    { 'upstream[]': url('xo') },
    { transfer: { 'bwlimit-at[]': '00:00-00:00 300' } },
  )
  const start = performance.now()
  await capped.succeed('upgrade')
  assert.ok((performance.now() - start) / 1000 > (received / (300 * 1024)) * 0.85)
  // A round takes the option as an upgrade by hand does, and prefers it to the configuration.
  const round = deviceWith(
    { 'upstream[]': url('xo') },
    { policy: { 'on-battery': 'yes' }, transfer: { 'bwlimit-at[]': '00:00-00:00 20' } },
  )
  const roundStart = performance.now()
  await round.succeed('run', ['--bwlimit', '300'])
  isWhole(round)
  const roundSeconds = (performance.now() - roundStart) / 1000
  assert.ok(roundSeconds > (received / (300 * 1024)) * 0.85, `${roundSeconds} s`)
})

test.run()
