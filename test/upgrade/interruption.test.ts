/**
 * Power cuts and crashes: killed at any time, twice at once, in the middle of a swap. Whatever was
 * interrupted, the running tree is the same to the last bit, and the same command finishes the work.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { Device } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { image41, image42, smallImage } from '../support/image.ts'
import { startProxy } from '../support/proxy.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { test } from '../support/suite.ts'
import { digestOfTree, linesOfTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
const small = new Publisher()
let installed: Device
/** 1 runs, 2 waits. */
let waiting: Device
let daemon: Daemon
/** Slow enough that a kill can hit any moment of the transfer. */
let slow: Awaited<ReturnType<typeof startProxy>>
let slowUrl: string

const KILLS = 20
const SEED = 20261122

const plain = (root: string) => linesOfTree(host, root, { inodes: false })
const published = (version: number) => plain(join(publisher.module, String(version), 'root'))

test.before(async () => {
  publisher.publish(41, image41())
  publisher.publish(42, image42())
  daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
  slow = await startProxy(daemon.port, { bytesPerSecond: 1_500_000 })
  slowUrl = `rsync://127.0.0.1:${slow.port}/xo`
  installed = new Device({ sources: [slowUrl], keys: publisher.keys.publicFile })
  await installed.succeed('install', ['--version', '41'])
  small.publish(1, smallImage(1))
  small.publish(2, smallImage(2))
  const folder = [`file://${small.module}`]
  waiting = new Device({ sources: folder, keys: small.keys.publicFile })
  await waiting.succeed('install', ['--version', '1'])
  await waiting.succeed('upgrade')
})

test.after(async () => {
  slow.close()
  await daemon.stop()
})

const deviceOn41 = () => installed.copy()

/**
 * Runs `command`, and kills it with SIGKILL after so long; returns whether it was still running.
 */
async function killed(device: Device, command: string, afterMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const { status, signal, stdout } = await device.run(command, [], {
    started: (child) => {
      timer = setTimeout(() => child.kill('SIGKILL'), afterMs)
    },
  })
  clearTimeout(timer)
  assert.ok(status === 0 || signal === 'SIGKILL', stdout)
  return signal === 'SIGKILL'
}

test(`killed ${KILLS} times in a row at random times, then finished`, async () => {
  const device = deviceOn41()
  const before = digestOfTree(host, device.root())
  const began = performance.now()
  await device.succeed('upgrade')
  const wholeMs = performance.now() - began
  const chance = new SeededRandom(SEED)
  let kills = 0
  for (let round = 0; kills < KILLS; round++) {
    assert.ok(round < KILLS * 3, 'most runs should be killed before they end')
    if (existsSync(join(device.store, 'upgraded-root'))) {
      // Finished before it was killed: what was built is removed again, all of it or a part.
      renameSync(join(device.store, 'upgraded-root'), join(device.store, 'staging'))
      if (round % 2) spawnSync('rm', ['-rf', join(device.store, 'staging', 'root', 'usr')])
      else spawnSync('rm', ['-rf', join(device.store, 'staging')])
    }
    if (await killed(device, 'upgrade', chance.fraction() * wholeMs)) kills++
    assert.is(digestOfTree(host, device.root()), before)
    const { running } = await device.succeed('status')
    assert.is(running, 41)
  }
  await device.succeed('upgrade')
  assert.equal(plain(device.root('upgraded-root')), published(42))
  const { damage } = await device.succeed('verify', ['--full', '--tree', 'upgraded-root'])
  assert.equal(damage, [])
  assert.is(digestOfTree(host, device.root()), before)
  await device.succeed('swap')
  assert.equal((await device.succeed('verify', ['--full'])).damage, [])
})

test('an install that is killed again and again finishes', async () => {
  const device = new Device({ sources: [slowUrl], keys: publisher.keys.publicFile })
  const chance = new SeededRandom(SEED + 1)
  for (let kills = 0; kills < 8; ) {
    if (!(await killed(device, 'install', 30 + chance.fraction() * 900))) break
    kills++
    assert.not.ok(existsSync(join(device.store, 'fakeroot')))
  }
  if (!existsSync(join(device.store, 'fakeroot'))) await device.succeed('install')
  assert.equal(plain(device.root()), published(42))
  assert.equal((await device.succeed('verify', ['--full'])).damage, [])
})

test('a swap that is killed is the old tree or the new one, and then the new one', async () => {
  const chance = new SeededRandom(SEED + 2)
  for (let round = 0; round < 12; round++) {
    const device = waiting.copy({ sources: [] })
    await killed(device, 'swap', chance.fraction() * 60)
    const release = () => readFileSync(join(device.root(), 'etc/release'), 'utf8')
    assert.ok(['1\n', '2\n'].includes(release()))
    const { status, error } = await device.run('swap')
    // Nothing is waiting if the killed one got to its end.
    assert.ok(status === 0 || /no upgrade waits/.test(error.message), error.message)
    assert.is(release(), '2\n')
    const { running, previous, intent } = await device.succeed('status')
    assert.equal([running, previous, intent], [2, 1, undefined])
  }
})

/** The states that a cut can leave in the middle of a swap, and of a roll-back. */
const INTERRUPTED: [string, string, (store: string) => void][] = [
  ['the intent was written', 'swap 1 2', () => {}],
  ['the trees were exchanged', 'swap 1 2', (store) => exchange(store, 'upgraded-root')],
  [
    'the old tree was set aside, without exchange',
    'swap 1 2',
    (store) => renameSync(join(store, 'fakeroot'), join(store, 'previous-root.swap')),
  ],
  [
    'both renames were done, without exchange',
    'swap 1 2',
    (store) => {
      renameSync(join(store, 'fakeroot'), join(store, 'previous-root.swap'))
      renameSync(join(store, 'upgraded-root'), join(store, 'fakeroot'))
    },
  ],
  [
    'the old tree has its last name',
    'swap 1 2',
    (store) => {
      renameSync(join(store, 'fakeroot'), join(store, 'previous-root'))
      renameSync(join(store, 'upgraded-root'), join(store, 'fakeroot'))
    },
  ],
]

function exchange(store: string, other: string): void {
  const aside = join(store, 'aside')
  renameSync(join(store, 'fakeroot'), aside)
  renameSync(join(store, other), join(store, 'fakeroot'))
  renameSync(aside, join(store, other))
}

for (const [title, intent, interrupt] of INTERRUPTED) {
  for (const command of ['swap', 'upgrade', 'roll-back'] as const) {
    test(`a swap that was cut when ${title} is finished by ${command}`, async () => {
      const device = waiting.copy()
      interrupt(device.store)
      writeFileSync(join(device.store, 'state'), `floor=2\nintent=${intent}\n`)
      assert.equal((await device.succeed('status')).intent, { verb: 'swap', source: 1, target: 2 })
      const result = await device.succeed(command)
      if (command === 'upgrade') assert.is(result.outcome, 'up-to-date')
      // The roll-back finishes the swap first, and then goes back.
      const runs = command === 'roll-back' ? 1 : 2
      const { running, waiting: left, previous, intent: open } = await device.succeed('status')
      assert.equal([running, left, previous, open], [runs, undefined, 3 - runs, undefined])
      const text = readFileSync(join(device.root(), 'etc/release'), 'utf8')
      assert.is(text, `${runs}\n`)
      assert.not.ok(existsSync(join(device.store, 'previous-root.swap')))
    })
  }
}

test('swap and roll-back without anything to swap with are told apart, and change nothing', async () => {
  const device = installed.copy({ sources: [] })
  assert.match((await device.fail('swap', 64, 'ConfigError')).message, /no upgrade waits/)
  assert.match((await device.fail('roll-back', 64, 'ConfigError')).message, /no previous tree/)
  assert.is((await device.succeed('status')).running, 41)
})

test('two upgrades at once: the second is told so, with status 75, and the first finishes', async () => {
  const device = deviceOn41()
  // Slow enough to be caught, and too fast to be taken for one that only waits.
  const first = device.run('upgrade', ['--bwlimit', '100'])
  while (!existsSync(join(device.store, 'staging', 'partial'))) await sleep(5)
  const commands = ['upgrade', 'swap', 'roll-back', 'verify']
  const errors = commands.map((command) => device.fail(command, 75, 'BusyError'))
  for (const { message } of await Promise.all(errors)) {
    assert.match(message, /another upgrade is at work/)
  }
  assert.is((await device.succeed('status')).running, 41, 'status needs no lock')
  const { status } = await first
  assert.is(status, 0)
  assert.equal(plain(device.root('upgraded-root')), published(42))
})

test('leftovers of every kind in the store are in nobody’s way', async () => {
  const device = deviceOn41()
  mkdirSync(join(device.store, 'staging', 'root', 'etc', 'release'), { recursive: true })
  writeFileSync(join(device.store, 'staging', 'manifest'), 'rubbish')
  writeFileSync(join(device.store, 'staging', 'release'), 'rubbish')
  mkdirSync(join(device.store, 'upgraded-root', 'root'), { recursive: true })
  mkdirSync(join(device.store, 'previous-root'))
  writeFileSync(join(device.store, 'state.new'), 'rubbish')
  writeFileSync(join(device.store, 'scratch'), 'rubbish')
  await device.succeed('upgrade')
  assert.equal(plain(device.root('upgraded-root')), published(42))
  await device.succeed('swap')
  assert.is((await device.succeed('status')).running, 42)
})

test.run()
