/**
 * The tree that all servers serve to all clients: every kind of entry that a release may hold, with names,
 * owners, times and contents that are hard on a file list and on matching; and what a tree looks like when
 * two must be the same.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Path } from '../../src/host.ts'
import { nodeHost } from '../support/host.ts'
import {
  type Described,
  file,
  folder,
  hardLink,
  linesOfTree,
  link,
  makeTree,
  node,
  noise,
  type Tree,
} from '../support/tree.ts'

const host = nodeHost()

/** Longer than the 255 bytes that a short entry of a list can have. */
const DEEP = ['d'.repeat(120), 'e'.repeat(120), 'f'.repeat(120)].join('/')
const STRANGE = ['a b', 'n\nl', '#x', ';y', '-z', '\xc3\xbc', '\xff\xfe', 'back\\slash', 'st*r']

/** Two thirds of it can be found in what an older tree has (see `older`). */
export const LARGE = noise(700_000, 1)
/** All blocks of it have the same sums. */
const ZEROS = new Uint8Array(300_000)

function* names(): Generator<[Path, Described]> {
  yield ['strange', folder()]
  for (const name of STRANGE) yield [`strange/${name}`, file(`I am ${name}`)]
  let path = ''
  for (const piece of DEEP.split('/')) {
    path += path ? `/${piece}` : piece
    yield [path, folder()]
  }
  yield [`${DEEP}/leaf`, file('deep')]
  // Siblings that differ only where a folder sorts as if its name ended in a slash.
  for (const name of ['sort', 'sort-', 'sort.d', 'sort0']) yield [name, folder()]
  for (const name of ['sort/a', 'sort-/a', 'sort.d/a', 'sort0/a']) yield [name, file(name)]
  yield ['sort!', file('before a folder')]
  yield ['sortz', file('after a folder')]
}

/** `root`: with what only root can make. */
function treeOfEverything(root: boolean): Tree {
  const tree: Tree = new Map<Path, Described>([
    ['.', folder({ mode: 0o750, seconds: 1_600_000_000, nanoseconds: 123_456_789 })],
    ['latest', file('kind=release\nversion=42\n', { seconds: 1_700_000_001 })],
    ['empty', file('', { mode: 0o600 })],
    ['large', file(LARGE, { nanoseconds: 999_999_999 })],
    ['text', file('all work and no play\n'.repeat(20_000))],
    ['zeros', file(ZEROS)],
    ['old', file('before 1970', { seconds: 1 })],
    ['late', file('after 2038', { seconds: 4_000_000_000 })],
    ['setuid', file('#!', { mode: 0o4755 })],
    ['unreadable', file('for its owner alone', { mode: 0o400 })],
    ['sticky', folder({ mode: 0o1777 })],
    ['hollow', folder()],
    ['link', link('latest', { seconds: 1_650_000_000 })],
    ['link-away', link('../../etc/passwd')],
    ['link-to-nothing', link('\xff\xfe not here')],
    ['link-to-folder', link('sort')],
    ['first', file('of three names')],
    ['sort-of-links', folder()],
    ['sort-of-links/second', hardLink('first')],
    ['third', hardLink('first')],
    ['pipe', node('fifo')],
    ...names(),
  ])
  if (!root) return tree
  const owned = { uid: 1, gid: 2 }
  tree.set('owned', folder({ ...owned, mode: 0o2775 }))
  tree.set('owned/by-daemon', file('by name', owned))
  tree.set('owned/by-nobody', file('by number', { uid: 54_321, gid: 4_000_000_000 }))
  tree.set('owned/link', link('by-daemon', owned))
  tree.set('disk', node('block', 8, 1, { gid: 6 }))
  tree.set('null', node('char', 1, 3, { mode: 0o666 }))
  tree.set('far', node('char', 511, 70_000))
  tree.set('listener', node('socket'))
  return tree
}

export const isRoot = process.geteuid?.() === 0

/** Makes it at a path that does not exist yet. */
export function makeEverything(path: string): void {
  makeTree(host, path, treeOfEverything(isRoot))
}

/**
 * What a client has from before: contents that differ in one place, a file that was cut, one that holds the
 * blocks in another order, and one that only its content tells apart.
 */
export function makeOlder(path: string): void {
  mkdirSync(path)
  const changed = Buffer.from(LARGE)
  changed.write('another word', 400_000)
  const put = (name: string, content: Uint8Array) => writeFileSync(join(path, name), content)
  put('large', Buffer.concat([changed.subarray(0, 500_000), changed.subarray(500_100)]))
  put('text', Buffer.from('all work and no play\n'.repeat(7000)))
  put('zeros', ZEROS.subarray(0, 123_457))
  put('latest', Buffer.from('kind=release\nversion=41\n'))
}

/** A line for each entry, with everything that a session can bring. */
export const seenOf = (path: string): string[] => linesOfTree(host, path, { inodes: 'by-name' })
