/** Packages that tests and boots run against, while the archive they come from moves on or fails. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'
import { type Deb, Key, sha256 } from './archive.ts'
import { inWorld, SCREEN_LINES, type World } from './world.ts'

interface Brought {
  version: string
  sha256: string
  file: string
}

const SUITES = ['bookworm', 'trixie']
const MISCHIEF = ['missing', 'error', 'stand still', 'cut short'] as const

const wanted = ({ name, version, sha256 }: Deb, suites = SUITES) => {
  return { name, pins: [{ version, sha256 }], suites }
}

async function bring(world: World, debs: Deb[], suites = SUITES) {
  const words = [debs.map((deb) => wanted(deb, suites)), '{here}']
  const outcome = await world.run('sources/packages.mjs', 'bringPackages', words)
  const brought = (outcome.value ?? []) as Brought[]
  // Whatever happened: what stands in the cache under a package's name is that package.
  for (const { file, sha256: digest } of brought) assert.is(sha256(readFileSync(file)), digest)
  return { ...outcome, versions: brought.map(({ version }) => version) }
}

inWorld('a pin that is there comes, and is not asked for again', async (world) => {
  const deb = world.archive.deb('tool', '1:1.0-1')
  world.archive.publish('bookworm', [deb])
  assert.equal((await bring(world, [deb])).versions, ['1:1.0-1'])
  world.mischief.set('/', 'error')
  const again = await bring(world, [deb])
  assert.equal(again.versions, ['1:1.0-1'])
  assert.is(again.said, '')
})

inWorld('a pin that was replaced: what the suite has today, and it is said', async (world) => {
  const { archive } = world
  const [old, kept] = [archive.deb('tool', '1.0-1'), archive.deb('other', '7')]
  archive.publish('bookworm', [archive.deb('tool', '1.0-2'), kept])
  archive.drop(old)
  const { versions, said } = await bring(world, [old, kept])
  assert.equal(versions, ['1.0-2', '7'])
  assert.match(said, 'Debian no longer has tool 1.0-1; taking 1.0-2 of bookworm.')
  // It is had without a network from then on.
  world.mischief.set('/', 'error')
  assert.equal((await bring(world, [old, kept])).versions, ['1.0-2', '7'])
})

inWorld('a pin that no index names, but that the pool still has, comes', async (world) => {
  const old = world.archive.deb('tool', '1.0-1')
  world.archive.publish('bookworm', [world.archive.deb('tool', '1.0-2')])
  const { versions, said } = await bring(world, [old])
  assert.equal(versions, ['1.0-1'])
  assert.not.match(said, 'no longer')
})

inWorld('the newest of all suites, where that is asked for', async (world) => {
  const { archive } = world
  const gone = archive.deb('tool', '1.0~rc1')
  archive.drop(gone)
  archive.publish('bookworm', [archive.deb('tool', '1.9')])
  archive.publish('trixie', [archive.deb('tool', '1.10')])
  for (const [newest, version] of [
    [false, '1.9'],
    [true, '1.10'],
  ] as const) {
    const words = [[{ ...wanted(gone), newest }], '{here}']
    const { value } = await world.run('sources/packages.mjs', 'bringPackages', words)
    assert.is((value as Brought[])[0]?.version, version)
  }
})

inWorld('an index that is newer than the pool: the next suite serves', async (world) => {
  const { archive } = world
  const [old, coming] = [archive.deb('tool', '1.0'), archive.deb('tool', '1.1')]
  archive.publish('bookworm', [coming])
  archive.publish('trixie', [archive.deb('tool', '2.0')])
  archive.drop(old)
  archive.drop(coming)
  assert.equal((await bring(world, [old])).versions, ['2.0'])
})

inWorld('an index of ours that is older than the pool is read again', async (world) => {
  const { archive } = world
  const [first, old] = [archive.deb('first', '1'), archive.deb('tool', '1.0')]
  archive.publish('bookworm', [first, old])
  assert.equal((await bring(world, [first], ['bookworm'])).versions, ['1'])
  archive.publish('bookworm', [first, archive.deb('tool', '1.1')])
  archive.drop(old)
  assert.equal((await bring(world, [old], ['bookworm'])).versions, ['1.1'])
})

for (const how of MISCHIEF) {
  inWorld(`a file of the pool, ${how}: another suite's serves`, async (world) => {
    const { archive } = world
    const deb = archive.deb('tool', '1.0')
    archive.publish('bookworm', [deb])
    archive.publish('trixie', [archive.deb('tool', '2.0')])
    world.mischief.set('tool_1.0', how)
    assert.equal((await bring(world, [deb])).versions, ['2.0'])
  })

  inWorld(`an index, ${how}: the other suite serves`, async (world) => {
    const { archive } = world
    const deb = archive.deb('tool', '1.0')
    archive.publish('bookworm', [deb])
    archive.publish('trixie', [archive.deb('tool', '2.0')])
    archive.drop(deb)
    world.mischief.set('dists/bookworm', how)
    assert.equal((await bring(world, [deb])).versions, ['2.0'])
  })

  inWorld(`the whole archive, ${how}: one screen says what to do`, async (world) => {
    const debs = Array.from({ length: 30 }, (_, at) => world.archive.deb(`tool${at}`, '1.0'))
    for (const suite of SUITES) world.archive.publish(suite, debs)
    world.mischief.set('/', how)
    const { failed, said } = await bring(world, debs)
    assert.ok(failed)
    assert.ok(said.trim().split('\n').length <= SCREEN_LINES, said)
    assert.match(said, /30 Debian packages could not be had:\n {2}tool0 \(1\.0, or what bookworm/)
    assert.match(said, world.aptFolder)
    assert.match(said, 'docs/BUILDING.md')
    const left = join(world.cacheFolder, 'packages')
    assert.equal(
      readdirSync(left).filter((name) => name.endsWith('.deb')),
      [],
    )
  })
}

inWorld('old lists serve where no new ones can be had', async (world) => {
  const { archive } = world
  const [first, second] = [archive.deb('first', '1'), archive.deb('second', '2')]
  archive.publish('bookworm', [first, second])
  await bring(world, [first], ['bookworm'])
  // As if they were from another day.
  writeFileSync(join(world.cacheFolder, 'apt/deb-bookworm/stamp'), 'of another day')
  world.mischief.set('dists', 'error')
  const { versions, said } = await bring(world, [second], ['bookworm'])
  assert.equal(versions, ['2'])
  assert.match(said, 'No newer index of bookworm can be had; going on with the last one.')
})

inWorld('an index that somebody else signed counts for nothing', async (world) => {
  const { archive } = world
  const deb = archive.deb('tool', '1.0')
  archive.publish('bookworm', [archive.deb('tool', '6.6.6')])
  archive.drop(deb)
  const stranger = new Key()
  const folder = join(archive.folder, 'dists/bookworm')
  stranger.sign(join(folder, 'Release'), join(folder, 'InRelease'))
  stranger.end()
  const { failed, said } = await bring(world, [deb], ['bookworm'])
  assert.ok(failed, said)
  assert.not.ok(existsSync(join(world.cacheFolder, 'packages/tool_6.6.6_amd64.deb')))
})

inWorld('a package that is broken in the cache is fetched again', async (world) => {
  const deb = world.archive.deb('tool', '1.0')
  world.archive.publish('bookworm', [deb])
  await bring(world, [deb])
  writeFileSync(join(world.cacheFolder, 'packages/tool_1.0_amd64.deb'), 'half')
  const { versions, said } = await bring(world, [deb])
  assert.equal(versions, ['1.0'])
  assert.match(said, 'is broken')
})

inWorld('two set-ups at once bring the same, and neither fails', async (world) => {
  const { archive } = world
  const debs = Array.from({ length: 12 }, (_, at) => archive.deb(`tool${at}`, '1.0'))
  const gone = archive.deb('gone', '1.0')
  archive.publish('bookworm', [...debs, archive.deb('gone', '1.1')])
  archive.drop(gone)
  const expected = [...debs.map(() => '1.0'), '1.1']
  const all = Array.from({ length: 3 }, () => bring(world, [...debs, gone], ['bookworm']))
  for (const { versions, said } of await Promise.all(all)) assert.equal(versions, expected, said)
})

test.run()
