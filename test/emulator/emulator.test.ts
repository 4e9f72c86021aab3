/** The bundle on the emulated laptop, upgraded from a stock rsync daemon and from a folder. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { image41, image42 } from '../support/image.ts'
import { Publisher } from '../support/release.ts'
import { startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { linesOfTree, makeTree, type Tree } from '../support/tree.ts'
import { EmulatedLaptop, type EmulatedRun, type RunOptions } from './kit.ts'

const RUN_DEADLINE_MS = 60_000
const publisher = new Publisher()
publisher.publish(41, image41())
const daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
const source = ['--json', '--source', `rsync://127.0.0.1:${daemon.port}/xo`]
const fromFolder = ['--json', '--source', 'file:///module']

function newLaptop(): EmulatedLaptop {
  const laptop = new EmulatedLaptop()
  laptop.put(publisher.keys.publicFile, '/etc/xo-upgrade/keys/release.pub')
  return laptop
}

async function succeeds(
  laptop: EmulatedLaptop,
  words: string[],
  options: RunOptions = {},
): Promise<EmulatedRun> {
  const run = await deadline(laptop.run(words, options), RUN_DEADLINE_MS)
  assert.is(run.status, 0, `${words.join(' ')}: ${run.stderr}${JSON.stringify(run.last)}`)
  return run
}

/** What a real disk holds after `makeTree`, entry by entry. */
function expected(tree: Tree): string[] {
  const image = join(scratch('image'), 'image')
  makeTree(nodeHost(), image, tree)
  return linesOfTree(nodeHost(), image, { inodes: false })
}

function running(laptop: EmulatedLaptop): string[] {
  const host = { ...nodeHost(), files: laptop.files }
  return linesOfTree(host, '/xo/fakeroot/root', { inodes: false })
}

const laptop = newLaptop()

test('installs from a stock daemon', async () => {
  const { last, network } = await succeeds(laptop, ['install', ...source])
  assert.is(last.outcome, 'installed')
  assert.equal(running(laptop), expected(image41()))
  assert.ok(network.connections >= 1 && network.line.received > 100_000)
})

test('a peer that falls silent costs the time-out by the clock of the laptop, not by ours', async () => {
  publisher.publish(42, image42())
  const run = await deadline(laptop.run(['upgrade', ...source], { net: { stallAfter: 2_000 } }))
  assert.is(run.status, 75, JSON.stringify(run.last))
  assert.ok(run.elapsedMs >= 60_000, `${run.elapsedMs} ms there`)
  assert.equal(running(laptop), expected(image41()))
})

test('upgrades over a slow line that is cut once, and swaps', async () => {
  const net = { latencyMs: 40, bytesPerSecond: 1_000_000, cutAfter: 60_000 }
  const { last, elapsedMs, memory, network } = await succeeds(laptop, ['upgrade', ...source], {
    net,
  })
  assert.is(last.outcome, 'staged')
  assert.equal(network.line.events, ['cut after byte 60000'])
  assert.ok(elapsedMs >= 8 * 40, `${elapsedMs} ms`)
  assert.ok(memory.mostBytes > 1_000_000 && memory.mostBytes <= 24 * 1024 * 1024)
  await succeeds(laptop, ['swap'])
  assert.equal(running(laptop), expected(image42()))
  await succeeds(laptop, ['verify', '--json'])
  await succeeds(laptop, ['roll-back'])
  assert.equal(running(laptop), expected(image41()))
})

test('the same seed gives the same run, to the last call; another seed another one', async () => {
  const traces: string[] = []
  for (const seed of [7, 7, 8]) {
    const other = newLaptop()
    other.put(publisher.module, '/module')
    const installed = await succeeds(other, ['install', ...fromFolder], { seed, traced: true })
    const made = await succeeds(other, ['keygen', '--to', '/root'], { seed, traced: true })
    assert.ok(installed.trace.length > 1000)
    traces.push([...installed.trace, ...made.trace].join('\n'))
  }
  assert.ok(traces[0] === traces[1], 'two runs of seed 7 differ')
  assert.ok(traces[0] !== traces[2], 'seeds 7 and 8 give the same')
})

test('the daemon runs, makes a round at a signal, and ends at another', async () => {
  const other = newLaptop()
  other.put(publisher.module, '/module')
  await succeeds(other, ['install', ...fromFolder])
  const signals = [1, 15]
  const nextSignal = async () => {
    await sleep(500)
    return signals.shift() ?? new Promise<never>(() => {})
  }
  const { events, elapsedMs } = await succeeds(other, ['daemon', ...fromFolder], { nextSignal })
  const said = events.map(({ text }) => text)
  assert.ok(
    said.some((text) => /^a signal: a round/.test(text)),
    said.join('\n'),
  )
  assert.ok(
    said.some((text) => /Version 42 is the newest/.test(text)),
    said.join('\n'),
  )
  // A run to which signals may be sent goes by our clock.
  assert.ok(elapsedMs >= 900, `${elapsedMs} ms`)
})

test('less memory than the bundle needs is an internal error, and no tree is harmed', async () => {
  const other = newLaptop()
  other.put(publisher.module, '/module')
  const run = await deadline(other.run(['install', ...fromFolder], { memoryBytes: 1_400_000 }))
  assert.is(run.status, 70)
  assert.match(run.stderr, /internal error/)
  await succeeds(other, ['install', ...fromFolder])
  assert.equal(running(other), expected(image42()))
})

test.after(() => daemon.stop())
test.run()
