/**
 * Leftovers without a release under each name that a tree may have: install, upgrade and swap go on, or
 * name the command that does.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { ConfigError } from '../../src/errors.ts'
import { finishCutSwap, rollBack, swap } from '../../src/store/swap.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'

const publisher = new Publisher()
const SAME = 'the same in every version'
/** Of every entry of an image (seconds). */
const MTIME = 1_700_000_000
const FIRST = { change: { version: 1 } }

test.before(() => {
  for (const version of [1, 2]) publisher.publish(version, smallImage(version))
})

const NAMES = ['fakeroot', 'upgraded-root', 'previous-root', 'staging', 'previous-root.swap']

/** What a removal that was cut short leaves of a tree. */
function leave(store: string, name: string): void {
  mkdirSync(join(store, name, 'root', 'etc'), { recursive: true })
  writeFileSync(join(store, name, 'root', 'etc', 'left'), 'left')
  // With everything that is looked at first, but not its content.
  const damaged = join(store, name, 'root', 'etc', 'same')
  writeFileSync(damaged, SAME.replace('same', 'SAME'))
  utimesSync(damaged, MTIME, MTIME)
  writeFileSync(join(store, name, 'manifest'), 'left')
}

/** The versions, and whatever else is there of a tree's name. */
const versions = (path: string) =>
  withStore(path, (store) => ({
    runs: store.version('fakeroot'),
    ran: store.version('previous-root'),
    others: NAMES.filter((name) => store.has(name)).filter(
      (name) => !/^(fake|prev.*)root$/.test(name),
    ),
  }))

for (const name of NAMES) {
  test(`install where ${name} is leftovers`, async () => {
    const path = newStorePath()
    leave(path, name)
    assert.is((await bring('install', path, publisher, FIRST)).outcome, 'installed')
    assert.is((await versions(path)).runs, 1)
    assert.is(readFileSync(join(path, 'fakeroot/root/etc/same'), 'utf8'), SAME)
  })
}

for (const name of NAMES.filter((each) => each !== 'fakeroot')) {
  test(`upgrade, swap and the way back where ${name} is leftovers`, async () => {
    const path = newStorePath()
    await bring('install', path, publisher, FIRST)
    leave(path, name)
    assert.is((await bring('upgrade', path, publisher)).outcome, 'staged')
    leave(path, name)
    await withStore(path, (store) => {
      if (name !== 'upgraded-root') assert.equal(swap(store), { source: 1, target: 2 })
      else swap(store)
    })
    assert.equal(await versions(path), {
      runs: 2,
      ran: 1,
      others: name === 'staging' ? [name] : [],
    })
    await withStore(path, (store) => rollBack(store))
    assert.equal((await versions(path)).runs, 1)
  })
}

test('where nothing but leftovers stands in place of the system, upgrade names what mends it', async () => {
  const path = newStorePath()
  mkdirSync(path)
  const empty = await rejects(bring('upgrade', path, publisher))
  assert.match(`${(empty as ConfigError).cure}`, /xo-upgrade install/)
  leave(path, 'fakeroot')
  const left = await rejects(bring('upgrade', path, publisher))
  assert.match(`${(left as ConfigError).cure}`, /xo-upgrade recover/)
})

test('install does not touch leftovers that are the root of what runs', async () => {
  const path = newStorePath()
  leave(path, 'fakeroot')
  const { files } = nodeHost()
  // The root of this process is that folder.
  const host = nodeHost({
    ...files,
    openRoot: (at) => files.openRoot(at === '/' ? `${path}/fakeroot/root` : at),
  })
  const error = await rejects(bring('install', path, publisher, { ...FIRST, host }))
  assert.match(`${(error as ConfigError).cure}`, /xo-upgrade recover/)
  assert.ok(existsSync(join(path, 'fakeroot/root/etc/left')))
})

test('of a swap whose record was lost the old tree becomes the previous one', async () => {
  const path = newStorePath()
  await bring('install', path, publisher, FIRST)
  await bring('upgrade', path, publisher)
  await withStore(path, (store) => swap(store))
  renameSync(join(path, 'previous-root'), join(path, 'previous-root.swap'))
  await withStore(path, (store) => finishCutSwap(store))
  assert.equal(await versions(path), { runs: 2, ran: 1, others: [] })
})

test.run()
