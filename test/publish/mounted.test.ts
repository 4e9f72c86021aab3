/** What image tools leave mounted in a tree is the host's, and not published; a btrfs subvolume is the image's. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { mountImage, mountOver } from '../support/mounts.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'
import { publishTree, refuses } from './support.ts'

function image(tree: string): string {
  mkdirSync(join(tree, 'etc'), { recursive: true })
  mkdirSync(join(tree, 'mnt'))
  writeFileSync(join(tree, 'etc/resolv.conf'), 'of the image')
  return tree
}

for (const [what, path, make] of [
  ['a file', 'etc/resolv.conf', (host: string) => writeFileSync(host, 'of the host')],
  ['a folder', 'mnt', (host: string) => mkdirSync(host)],
] as const) {
  test(`${what} of the same disk that is bound over one of the image is refused by its path`, () => {
    const tree = image(scratch('image'))
    const host = join(scratch('host'), 'bound')
    make(host)
    mountOver(join(tree, path), ['--bind', host])
    refuses(
      () => publishTree(tree, scratch('module'), 1),
      new RegExp(`${path}: something is mounted there`),
    )
  })
}

test('another file system in the image is refused by its path', () => {
  const tree = image(scratch('image'))
  mountOver(join(tree, 'mnt'), ['-t', 'tmpfs', 'tmpfs'])
  refuses(() => publishTree(tree, scratch('module'), 1), /mnt: something is mounted there/)
  assert.ok(publishTree(tree, scratch('module'), 1, { allow: ['mounts'] }).published)
})

test('an image that is the root of a mount itself is published', () => {
  const tree = scratch('image')
  mountOver(tree, ['-t', 'tmpfs', 'tmpfs'])
  assert.is(publishTree(image(tree), scratch('module'), 1).entries, 4)
})

test('a btrfs subvolume is published as a folder, and everything else of the image by hard link', () => {
  const disk = mountImage(128_000_000, 'mkfs.btrfs', '-q')
  const tree = image(join(disk, 'image'))
  const volume = join(tree, 'mnt/volume')
  mustRun('btrfs', ['-q', 'subvolume', 'create', volume])
  writeFileSync(join(volume, 'inside'), 'inside')
  writeFileSync(join(tree, 'z'), 'comes after it')
  const module = join(disk, 'module')
  mkdirSync(module)
  const result = publishTree(tree, module, 1)
  assert.is(result.entries, 7)
  assert.is(readFileSync(join(module, '1/root/mnt/volume/inside'), 'utf8'), 'inside')
  assert.equal([result.linked, result.copied], [2, 1])
})

test.run()
