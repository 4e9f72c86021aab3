/** `npm run emulate` as a person uses it: its own words, the disk tools, the panel, a run that fails. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { shapeOf } from '../../runtime/emulator/options.ts'
import { ConfigError } from '../../src/errors.ts'
import { smallImage } from '../support/image.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const RUN_TIMEOUT_MS = 60_000
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
const folder = scratch('emulate')
const disk = join(folder, 'disks', 'laptop.disk')

function emulate(...words: string[]) {
  return spawnSync(process.execPath, ['tools/emulate.mjs', '--disk', disk, ...words], {
    encoding: 'utf8',
    timeout: RUN_TIMEOUT_MS,
  })
}

function output(...words: string[]): string {
  const { status, stdout, stderr } = emulate(...words)
  assert.is(status, 0, `${words.join(' ')}: ${stderr}`)
  return stdout
}

test('a disk is filled, looked at, and installed to, and stays from run to run', () => {
  const publisher = new Publisher()
  publisher.publish(1, smallImage(1))
  output('put', publisher.keys.publicFile, '/etc/xo-upgrade/keys/release.pub')
  const words = ['install', '--source', 'file:///module']
  const panel = output('--mount', `/module=${publisher.module}`, '--panel', ...words)
  assert.match(panel, /emulated laptop/)
  assert.match(panel, /fakeroot {7}1 {6}runs/)
  assert.match(panel, /ended {10}status 0; JavaScript took at most [0-9.]+ MB/)
  assert.is(output('cat', '/xo/fakeroot/root/etc/release'), '1\n')
  assert.match(output('tree', '/xo/fakeroot/root'), /├── etc\n│ {3}├── only-1\n/)
  assert.match(output('ls', '/'), /^d0755 .* etc\n/)
  assert.not.match(output('ls', '/'), /module/)
  assert.match(output('df'), /^[0-9]+ bytes and [0-9]+ inodes free/)
  assert.is(output('--version'), `xo-upgrade ${version}\n`)
})

test('a run that fails says how it is repeated, on the disk from before', () => {
  const { status, stderr } = emulate('--seed', '5', 'upgrade', '--source', 'file:///nowhere')
  assert.ok(status !== 0 && status !== null)
  const again = `npm run emulate -- --disk ${disk}.before --seed 5 upgrade --source file:///nowhere`
  assert.ok(stderr.includes(again), stderr)
  assert.ok(existsSync(`${disk}.before`))
})

test('what can not be is refused by name, and nothing is overwritten', () => {
  const file = join(folder, 'file')
  writeFileSync(file, 'new')
  mkdirSync(join(folder, 'empty'))
  for (const [words, complaint] of [
    [['--net', 'speed=1', 'status'], /"speed=1" is not a shape/],
    [['--memory', 'much', 'status'], /"much" is not a size/],
    [['--mount', 'nothing', 'status'], /"nothing" is not a mount/],
    [['--unknown', 'status'], /--unknown/],
    [['put', file, '/xo/state'], /already exists/],
    [['put', join(folder, 'none'), '/x'], /is not on this machine/],
    [['cat', '/../x'], /has \.\. in it/],
  ] as const) {
    const { status, stderr } = emulate(...words)
    assert.is(status, 64, words.join(' '))
    assert.match(stderr, complaint)
  }
})

test('a shape of the network is read in its units', () => {
  assert.equal(shapeOf('latency=2s,bandwidth=64k,cut=10,stall=1M'), {
    latencyMs: 2000,
    bytesPerSecond: 65_536,
    cutAfter: 10,
    stallAfter: 1_048_576,
  })
  for (const text of ['latency=5', 'cut=5s', 'bandwidth', 'cut=-1']) {
    assert.throws(
      () => shapeOf(text),
      (error: Error) => error instanceof ConfigError,
    )
  }
})

test.run()
