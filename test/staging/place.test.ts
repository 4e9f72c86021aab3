/**
 * Files of the new tree that come from another path of the running one: linked, or copied if they differ.
 */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Path } from '../../src/host.ts'
import { nodeHost } from '../support/host.ts'
import { bring, newStorePath } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'
import { type Described, file, folder, linesOfTree, noise, type Tree } from '../support/tree.ts'

const host = nodeHost()
const identity = (path: string) => lstatSync(path, { bigint: true }).ino
const live = (path: string, name: string) => join(path, 'fakeroot', 'root', name)
const next = (path: string, name: string) => join(path, 'upgraded-root', 'root', name)

test('what moved and has other metadata as well is copied: its inode stays what the running tree has', async () => {
  const own = new Publisher()
  const content = noise(5_000, 1)
  const owned = { uid: 7, gid: 8, seconds: 1_600_000_000, nanoseconds: 5 }
  const changes = {
    mode: { mode: 0o600 },
    uid: { uid: 9 },
    gid: { gid: 9 },
    seconds: { seconds: 1_600_000_001 },
    nanoseconds: { nanoseconds: 6 },
    nothing: {},
  }
  const names = Object.entries(changes)
  const tree = (place: string, moved: boolean): Tree =>
    new Map([
      ['.', folder()],
      [place, folder()],
      ...names.map(([name, change], index): [Path, Described] => [
        `${place}/${name}`,
        // Each has content of its own, so that its origin is known.
        file(
          content.map((byte, at) => (at === 0 ? index : byte)),
          { ...owned, ...(moved ? change : {}) },
        ),
      ]),
    ])
  own.publish(1, tree('old', false))
  own.publish(2, tree('new', true))
  const path = newStorePath()
  await bring('install', path, own, { change: { version: 1 } })
  const before = linesOfTree(host, live(path, ''), { inodes: true })
  const { report } = await bring('upgrade', path, own)
  assert.is(report?.fetchedFiles, 0)
  const shared = names.filter(
    ([name]) => identity(live(path, `old/${name}`)) === identity(next(path, `new/${name}`)),
  )
  assert.equal(
    shared.map(([name]) => name),
    ['nothing'],
  )
  assert.equal(
    linesOfTree(host, next(path, ''), { inodes: false }),
    linesOfTree(host, join(own.module, '2', 'root'), { inodes: false }),
  )
  assert.equal(linesOfTree(host, live(path, ''), { inodes: true }), before)
})

test('equal files of the new tree never share an inode, wherever their content came from', async () => {
  const own = new Publisher()
  const tree = (...names: Path[]): Tree =>
    new Map([
      ['.', folder()],
      ...names.map((name): [Path, Described] => [
        name,
        file(noise(5_000, name.startsWith('stays') ? 1 : 2)),
      ]),
    ])
  own.publish(1, tree('moves', 'stays'))
  // One that stays gets copies before and behind it; of one that moves there are two.
  own.publish(2, tree('moved-1', 'moved-2', 'stays', 'stays-too'))
  const path = newStorePath()
  await bring('install', path, own, { change: { version: 1 } })
  const { report } = await bring('upgrade', path, own)
  assert.is(report?.fetchedFiles, 0)
  const inodes = ['moved-1', 'moved-2', 'stays', 'stays-too'].map((name) =>
    identity(next(path, name)),
  )
  assert.is(new Set(inodes).size, 4)
  assert.ok(inodes.includes(identity(live(path, 'moves'))), 'one of them is the one that moved')
  assert.is(inodes[2], identity(live(path, 'stays')))
})

test.run()
