/**
 * Packs, from the publisher's program over a stock daemon to the device's: round trips, cuts on the line, and
 * what a pack lacks.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device, type Event, run } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { packedImage } from '../support/pack-images.ts'
import { PUBLISHER } from '../support/program.ts'
import { type ProxyOptions, startProxy } from '../support/proxy.ts'
import { makeKeys } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { file, linesOfTree, makeTree, noise, type Tree } from '../support/tree.ts'

/** Fetching, from the connection to the last byte, takes as many at most; one is TCP's own. */
const ROUND_TRIPS_MAX = 6
const FRESH_SIZE = 60_000

const host = nodeHost()
const keys = makeKeys()
const module = join(scratch('module'), 'xo')
let daemon: Daemon
let installed: Device

/** With something new in each version, so that a pack is worth cutting. */
function image(version: number): Tree {
  return packedImage(version).set('usr/fresh', file(noise(FRESH_SIZE, version)))
}

/** What the publisher's program says of it. */
async function publisher(command: string, words: string[]): Promise<Event> {
  const secret = ['--key', keys.secretFile]
  const { status, result, stderr } = await run([command, '--json', ...secret, ...words], {
    program: PUBLISHER,
  })
  assert.is(status, 0, stderr)
  return result
}

async function publish(version: number, from: string[] = []): Promise<Event> {
  const tree = join(scratch('image'), String(version))
  makeTree(host, tree, image(version))
  const deltas = from.flatMap((one) => ['--delta-from', one])
  const words = ['--image', tree, '--version', String(version), '--to', module]
  return publisher('publish', ['--any-tree', ...words, ...deltas])
}

test.before(async () => {
  await publish(41)
  await publish(42, ['41', 'none'])
  daemon = await startDaemon('rsync', [{ name: 'xo', path: module }])
  installed = new Device({ sources: [`file://${module}`], keys: keys.publicFile })
  await installed.succeed('install', ['--version', '41', '--no-packs'])
})

test.after(async () => {
  await daemon.stop()
})

/** A device at 41, and the line to its source. */
async function onLine(
  options: ProxyOptions,
  use: (
    device: Device,
    line: { turns: number; connections: number; received: number },
  ) => Promise<void>,
) {
  const proxy = await startProxy(daemon.port, options)
  try {
    await use(installed.copy({ sources: [`rsync://127.0.0.1:${proxy.port}/xo`] }), proxy)
  } finally {
    proxy.close()
  }
}

const plain = (root: string) => linesOfTree(host, root, { inodes: false })

function isWhole(
  device: Device,
  version: number,
  name: 'fakeroot' | 'upgraded-root' = 'upgraded-root',
) {
  assert.equal(plain(device.root(name)), plain(join(module, String(version), 'root')))
}

const packSize = (name: string) => statSync(join(module, 'deltas', name)).size

test('an upgrade by pack is one connection of few round trips', () =>
  onLine({}, async (device, line) => {
    const result = await device.succeed('upgrade')
    assert.is(result.packs.way, 'pack')
    assert.equal(result.packs.packs, ['41-42'])
    assert.is(result.packs.otherFiles, 0)
    assert.is(result.packs.madeFiles, result.fetchedFiles)
    assert.is(line.connections, 1)
    // TCP's own is not among them, but the goodbye is, which comes after the last byte.
    assert.ok(line.turns <= ROUND_TRIPS_MAX, `${line.turns} turns`)
    assert.ok(line.received < packSize('41-42') + 2000, `${line.received} bytes`)
    isWhole(device, 42)
    assert.not.ok(existsSync(join(device.store, 'packs')))
  }))

test('keys cost one round trip more, and no connection', async () => {
  writeFileSync(join(module, 'keys'), '')
  try {
    await onLine({}, async (device, line) => {
      await device.succeed('upgrade')
      assert.is(line.connections, 1)
      assert.ok(line.turns <= ROUND_TRIPS_MAX, `${line.turns} turns`)
    })
  } finally {
    rmSync(join(module, 'keys'))
  }
})

test('a line that is cut in the middle of a pack is gone on with where it was', async () => {
  const half = packSize('41-42') / 2
  await onLine({ cutAfter: half + 1000 }, async (device) => {
    await device.fail('upgrade', 69, 'PeerError')
    const left = readdirSync(join(device.store, 'packs'))
    assert.ok(left.includes('41-42') || left.includes('41-42.basis'), left.join())
    const whole = await startProxy(daemon.port)
    try {
      const again = device.copy({ sources: [`rsync://127.0.0.1:${whole.port}/xo`] })
      const result = await again.succeed('upgrade')
      assert.is(result.packs.way, 'pack')
      assert.ok(whole.received < packSize('41-42') * 0.75, `${whole.received} bytes`)
      isWhole(again, 42)
    } finally {
      whole.close()
    }
  })
})

test('a base that was edited only makes its file come from the source, in the same run', () =>
  onLine({}, async (device) => {
    const large = join(device.root(), 'usr/large')
    const content = readFileSync(large)
    content[17] = (content[17] as number) ^ 0xff
    writeFileSync(large, content)
    const result = await device.succeed('upgrade')
    assert.is(result.packs.way, 'pack')
    assert.ok(result.packs.otherFiles >= 1)
    assert.ok(result.packs.madeFiles >= 1)
    isWhole(device, 42)
  }))

test('a fresh device takes the whole image by pack, from a server as from a stick', async () => {
  for (const source of [`rsync://127.0.0.1:${daemon.port}/xo`, `file://${module}`]) {
    const device = new Device({ sources: [source], keys: keys.publicFile })
    const result = await device.succeed('install')
    assert.equal(result.packs.packs, ['0-42'])
    assert.is(result.packs.otherFiles, 0)
    isWhole(device, 42, 'fakeroot')
  }
})

test('one word, and one line of the configuration, keep to files', async () => {
  await onLine({}, async (device) => {
    assert.is((await device.succeed('upgrade', ['--no-packs'])).packs, undefined)
    isWhole(device, 42)
  })
  await onLine({}, async (device) => {
    device.configure({ transfer: { packs: 'no' }, store: { 'keep-packs': 'yes' } })
    assert.is((await device.succeed('upgrade')).packs, undefined)
  })
  await onLine({}, async (device) => {
    device.configure({ store: { 'keep-packs': 'yes' } })
    assert.is((await device.succeed('upgrade')).packs.way, 'pack')
    assert.equal(readdirSync(join(device.store, 'packs')), ['41-42'])
  })
})

test('a chain leads over versions that the device never had', async () => {
  const { packs } = await publish(43, ['42'])
  assert.equal(packs, ['42-43'])
  await onLine({}, async (device, line) => {
    const result = await device.succeed('upgrade')
    assert.is(result.packs.way, 'chain')
    assert.equal(result.packs.packs, ['41-42', '42-43'])
    assert.is(result.packs.otherFiles, 0)
    assert.is(line.connections, 1)
    isWhole(device, 43)
  })
  const made = await publisher('delta', ['--in', module, '--from', '41', '--to', '43', '--prune'])
  assert.is(made.packs.length, 1)
  assert.ok(made.pruned.includes('0-42'))
  await onLine({}, async (device, line) => {
    const result = await device.succeed('upgrade')
    assert.equal(result.packs.packs, ['41-43'])
    assert.ok(line.turns <= ROUND_TRIPS_MAX, `${line.turns} turns`)
    isWhole(device, 43)
  })
})

test.run()
