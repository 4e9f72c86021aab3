/**
 * The recipe of docs/FORMATS.md by which stock tools make a release, and a device that takes it.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { Page } from '../support/page.ts'
import { scratch } from '../support/scratch.ts'
import { shell } from '../support/shell.ts'
import { test } from '../support/suite.ts'
import {
  file,
  folder,
  linesOfTree,
  link,
  makeTree,
  node,
  noise,
  type Tree,
} from '../support/tree.ts'

const page = new Page('docs/FORMATS.md', 'test/docs/stock-release.test.ts')
const host = nodeHost()
const place = scratch('stock')

/** What a system has, in an order of names that is not that of a walk. */
const image: Tree = new Map([
  ['.', folder()],
  ['bin', link('usr/bin')],
  ['dev', folder()],
  ['dev/null', node('char', 1, 3, { mode: 0o666 })],
  ['dev/pipe', node('fifo', 0, 0, { mode: 0o640 })],
  ['bin', folder()],
  ['bin/sh', file('a shell', { mode: 0o755 })],
  ['etc', folder()],
  ['etc/os-release', file('NAME=tiny\n')],
  ['etc/empty', file('')],
  ['etc/shadow', file('root:*:0\n', { mode: 0o640, gid: 42, nanoseconds: 7 })],
  ['etc-more', file('after etc, before what is in it')],
  ['usr', folder({ seconds: 1_600_000_000, nanoseconds: 123_456_789 })],
  ['usr/bin', folder()],
  ['usr/bin/su', file(noise(20_000, 1), { mode: 0o4755 })],
  ['usr/locked', folder({ mode: 0o700, uid: 1000, gid: 1000 })],
  ['usr/locked/secret', file('secret', { mode: 0o400, uid: 1000 })],
])

test('a release made by stock tools alone is installed, and is the very tree', async () => {
  makeTree(host, join(place, 'image'), image)
  shell(page.next('sh', 'signify-openbsd -G'), { folder: place })
  const keys = join(place, 'release.pub')
  const device = new Device({ sources: [`file://${join(place, 'module')}`], keys })
  const { version } = await device.succeed('install')
  assert.is(version, 42)
  const lines = (root: string) => linesOfTree(host, root, { inodes: false })
  assert.equal(lines(device.root()), lines(join(place, 'image')))
  await device.succeed('verify', ['--full'])
  // `publish` counts the same for the same tree.
  const publish = join(place, 'published')
  execFileSync('mkdir', [publish])
  const words = ['--image image --version 42 --to published --key release.sec']
  shell(`xo-upgrade publish ${words}`, { folder: place })
  for (const key of ['entries', 'image-bytes']) {
    const value = (path: string) =>
      new RegExp(`^${key}=(.*)$`, 'm').exec(readFileSync(join(place, path, '42/release'), 'utf8'))
    assert.is(value('module')?.[1], value('published')?.[1], key)
  }
})

test('every block that names this file was run', () => {
  assert.equal(page.left(), [])
})

test.run()
