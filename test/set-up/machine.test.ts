/**
 * What set-up installs on the machine, in a machine's place that is a folder: without package lists, with
 * old ones, and while another apt is at work.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'
import { inWorld, SCREEN_LINES, type World } from './world.ts'

/** A folder in the place of a whole machine, whose only source is the world's archive. */
function makeMachine(world: World) {
  const root = scratch('machine')
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'var/lib/dpkg', 'log']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  for (const folder of ['info', 'updates', 'triggers']) {
    mkdirSync(join(root, 'var/lib/dpkg', folder))
  }
  for (const file of ['status', 'available']) writeFileSync(join(root, 'var/lib/dpkg', file), '')
  const aptOptions = [
    ['Acquire::http::Proxy', 'DIRECT'],
    ['Dir::State', join(root, 'state')],
    ['Dir::State::status', join(root, 'var/lib/dpkg/status')],
    ['Dir::Cache', join(root, 'cache')],
    ['Dir::Log', join(root, 'log')],
    ['Dir::Etc::sourcelist', '/dev/null'],
    ['Dir::Etc::sourceparts', join(world.aptFolder, 'sources.list.d')],
    ['Dir::Etc::preferencesparts', '/dev/null'],
    ['APT::Architecture', 'amd64'],
    ['APT::Update::Post-Invoke', ''],
    ['DPkg::Post-Invoke', ''],
    ['DPkg::Options::', `--root=${root}`],
    ['DPkg::Options::', '--log=/dev/null'],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const has = join(root, 'usr/share/tool/version')
  const install = (more: Record<string, unknown> = {}) => {
    const wanted = [{ package: 'tool', has }]
    return world.run('setup.mjs', 'installMissing', [wanted, '{here}'], {
      ...world.here(),
      aptOptions,
      ...more,
    })
  }
  const version = () => (existsSync(has) ? readFileSync(has, 'utf8') : undefined)
  return { root, aptOptions, install, version }
}

const asRoot = (title: string, run: (world: World) => Promise<void>) =>
  inWorld(title, (world) => {
    if (process.getuid?.() !== 0) skip('dpkg installs for root alone')
    return run(world)
  })

asRoot('where apt-get update never ran, the lists are brought first', async (world) => {
  world.archive.publish('bookworm', [world.archive.deb('tool', '1')])
  const machine = makeMachine(world)
  const { said } = await machine.install()
  assert.is(machine.version(), '1', said)
  // What is there is not touched again.
  world.mischief.set('/', 'error')
  assert.is((await machine.install()).said, '')
})

asRoot(
  'where the lists are old, what they name is gone, and newer ones are brought',
  async (world) => {
    const { archive } = world
    const old = archive.deb('tool', '1')
    archive.publish('bookworm', [old])
    const machine = makeMachine(world)
    await runApt(['update'], machine.aptOptions)
    archive.publish('bookworm', [archive.deb('tool', '2')])
    archive.drop(old)
    const { said } = await machine.install()
    assert.is(machine.version(), '2', said)
  },
)

asRoot('another apt holds the lock: set-up says who, waits, and goes on', async (world) => {
  world.archive.publish('bookworm', [world.archive.deb('tool', '1')])
  const machine = makeMachine(world)
  world.mischief.set('dists/', 'stand still')
  const other = runApt(['-o', 'Acquire::http::Timeout=100', 'update'], machine.aptOptions)
  await world.isAsked('dists/')
  const installing = machine.install()
  const waiting = world.says('waiting for it')
  await deadline(waiting, 60_000)
  world.release()
  await deadline(other, 60_000)
  const { said } = await installing
  assert.match(said, /apt-get, process \d+, holds .*\/lists\/lock; waiting for it/)
  assert.is(machine.version(), '1', said)
})

asRoot('a lock that is never given back: an end, and who holds it', async (world) => {
  world.archive.publish('bookworm', [world.archive.deb('tool', '1')])
  const machine = makeMachine(world)
  world.mischief.set('dists/', 'stand still')
  const other = runApt(['-o', 'Acquire::http::Timeout=100', 'update'], machine.aptOptions)
  await world.isAsked('dists/')
  const { failed, said } = await machine.install({ lockSeconds: 2 })
  world.release()
  await deadline(other, 60_000)
  assert.ok(failed)
  assert.match(said, 'could not install tool')
  assert.match(said, /lists\/lock. It is held by process \d+ \(apt-get\)/)
})

for (const how of ['error', 'missing', 'stand still', 'cut short'] as const) {
  asRoot(`the archive, ${how}: one screen says what to install by hand`, async (world) => {
    world.archive.publish('bookworm', [world.archive.deb('tool', '1')])
    world.mischief.set('/', how)
    const { failed, said } = await makeMachine(world).install()
    assert.ok(failed)
    assert.ok(said.trim().split('\n').length <= SCREEN_LINES, said)
    assert.match(said, 'could not install tool')
    assert.match(said, 'as root: apt-get update && apt-get install tool')
  })
}

asRoot('two set-ups at once install the same, and neither fails', async (world) => {
  world.archive.publish('bookworm', [world.archive.deb('tool', '1')])
  const machine = makeMachine(world)
  for (const { failed, said } of await Promise.all([machine.install(), machine.install()])) {
    assert.not.ok(failed, said)
  }
  assert.is(machine.version(), '1')
})

/** An apt of somebody else. */
function runApt(words: string[], options: string[]): Promise<void> {
  const child = spawn('apt-get', ['-q', ...options, ...words], { stdio: 'ignore' })
  return new Promise((done) => child.on('close', () => done()))
}

test.run()
