/**
 * A small pair of system images with everything that a real one has and everything that is hard: odd names,
 * devices, set-uid, capabilities, hard links, moved and copied content, files that change in a few places,
 * and entries of which only the metadata changes.
 */
import type { Path } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { file, folder, hardLink, link, node, noise, type Tree } from './tree.ts'

/** Names that a Linux file system can hold and that code likes to break on. */
const ODD_NAMES: Path[] = [
  'a name with spaces',
  'new\nline',
  '\xff\xfe no utf-8 \x80',
  '-rf',
  '\\back\\slash',
  'quote\'"',
  'x'.repeat(255),
  '\u00c3\u00a9 utf-8',
  '\x01\x7f',
  'wild*card?[a]',
  '#comment',
  'equals=sign,comma:colon',
]

/** Of /usr/bin/ping: cap_net_raw, as the kernel keeps it. */
const CAPABILITY = {
  name: 'security.capability',
  value: arrayOfBytes('\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0'),
}

/** The file that changes only in a few places: its delta is far smaller than the file. */
export const BIG = 'usr/lib/big.so.1'
export const BIG_SIZE = 600_000
/** New in 42, and unlike anything in 41. */
export const FRESH = 'usr/lib/fresh.bin'
export const FRESH_SIZE = 1_000_000
/** In 41, the path of content that 42 has elsewhere, with the same metadata. */
export const MOVED_FROM = 'usr/share/moved-from.dat'
export const MOVED_TO = 'usr/share/elsewhere/moved-to.dat'
/** In both; 42 also has a copy of it under this name. */
export const COPIED = 'usr/share/original.dat'
export const COPY = 'usr/share/elsewhere/copy.dat'
/** The same content in both, with another mode, owner or time. */
export const TOUCHED = ['etc/mode', 'etc/owner', 'etc/time'] as const
/** The same in both. */
export const SAME = 'usr/share/same.dat'

const MEDIUM_SIZE = 60_000
const SMALL_FILES = 60

function common(): Tree {
  const tree: Tree = new Map()
  for (const path of ['.', 'dev', 'etc', 'odd', 'usr', 'usr/bin', 'usr/lib', 'usr/share']) {
    tree.set(path, folder())
  }
  tree.set('bin', link('usr/bin'))
  tree.set('dev/null', node('char', 1, 3, { mode: 0o666 }))
  tree.set('dev/sda', node('block', 8, 0, { mode: 0o660, gid: 6 }))
  tree.set('dev/pipe', node('fifo', 0, 0, { mode: 0o640 }))
  tree.set('etc/empty', file(''))
  tree.set('etc/shadow', file('root:*:0\n', { mode: 0o640, gid: 42 }))
  tree.set('etc/dangling', link('../no where\n\xff'))
  tree.set('usr/bin/su', file(noise(20_000, 1), { mode: 0o4755 }))
  tree.set('usr/bin/ping', file(noise(9_000, 2), { mode: 0o755, xattrs: [CAPABILITY] }))
  tree.set('usr/bin/perl', file(noise(30_000, 3), { mode: 0o755 }))
  tree.set('usr/bin/perl5.36', hardLink('usr/bin/perl'))
  tree.set('usr/share/locked', folder({ mode: 0o000, uid: 1000, gid: 1000 }))
  tree.set('usr/share/locked/secret', file('secret', { mode: 0o400, uid: 1000, nanoseconds: 5 }))
  tree.set('usr/share/sticky', folder({ mode: 0o1777, seconds: 1, nanoseconds: 999_999_999 }))
  tree.set('usr/share/ancient', file('before 1970', { seconds: -1_000_000 }))
  tree.set(SAME, file(noise(MEDIUM_SIZE, 4)))
  tree.set(COPIED, file(noise(MEDIUM_SIZE, 5)))
  for (const [index, name] of ODD_NAMES.entries()) {
    tree.set(`odd/${name}`, file(`content of odd name ${index}`))
  }
  for (let index = 0; index < SMALL_FILES; index++) {
    tree.set(`usr/share/small-${index}`, file(noise(100 + index * 20, 100 + index)))
  }
  return tree
}

/** BIG with some bytes changed in the middle of it. */
function big(edits: number): Uint8Array {
  const content = noise(BIG_SIZE, 6)
  for (let edit = 1; edit <= edits; edit++) content.fill(edit, edit * 99_000, edit * 99_000 + 10)
  return content
}

export function image41(): Tree {
  const tree = common()
  tree.set(BIG, file(big(0)))
  tree.set(MOVED_FROM, file(noise(MEDIUM_SIZE, 7)))
  tree.set('etc/mode', file('mode changes'.repeat(200)))
  tree.set('etc/owner', file('owner changes'.repeat(200)))
  tree.set('etc/time', file('time changes'.repeat(200)))
  tree.set('etc/becomes-folder', file('a file'))
  tree.set('etc/becomes-file', folder())
  tree.set('etc/becomes-file/below', file('gone'))
  tree.set('etc/release', file('41\n'))
  tree.set('usr/lib/removed.so', file(noise(5_000, 8)))
  tree.set('usr/lib/libversion.so.3.0.16', file(noise(80_000, 9)))
  return tree
}

export function image42(): Tree {
  const tree = common()
  tree.set(BIG, file(big(3), { seconds: 1_700_100_000 }))
  tree.set('usr/share/elsewhere', folder())
  tree.set(MOVED_TO, file(noise(MEDIUM_SIZE, 7)))
  tree.set(COPY, file(noise(MEDIUM_SIZE, 5), { mode: 0o600 }))
  tree.set('etc/mode', file('mode changes'.repeat(200), { mode: 0o600 }))
  tree.set('etc/owner', file('owner changes'.repeat(200), { uid: 7, gid: 8 }))
  tree.set('etc/time', file('time changes'.repeat(200), { seconds: 1_700_000_001 }))
  tree.set('etc/becomes-folder', folder())
  tree.set('etc/becomes-folder/below', file('new'))
  tree.set('etc/becomes-file', file('now a file'))
  tree.set('etc/release', file('42\n'))
  const version17 = noise(80_000, 9)
  version17.fill(0, 1_000, 1_010)
  tree.set('usr/lib/libversion.so.3.0.17', file(version17))
  tree.set(FRESH, file(noise(FRESH_SIZE, 10)))
  tree.set('usr/lib/fresh-twin.bin', file(noise(70_000, 11), { mode: 0o755 }))
  tree.set('usr/lib/fresh-twin-2.bin', file(noise(70_000, 11)))
  tree.set('usr/bin/python', file(noise(15_000, 12), { mode: 0o755 }))
  tree.set('usr/bin/python3', hardLink('usr/bin/python'))
  return tree
}

/** A tree of a handful of entries, for steps that need no more. */
/** As much of a system as `publish` asks for, with the small image in it. */
export function systemImage(version: number): Tree {
  return smallImage(version)
    .set('bin', folder())
    .set('bin/sh', file('a shell', { mode: 0o755 }))
    .set('etc/os-release', file(`VERSION_ID=${version}\n`))
}

export function smallImage(version: number): Tree {
  return new Map([
    ['.', folder()],
    ['etc', folder()],
    ['etc/release', file(`${version}\n`)],
    ['etc/same', file('the same in every version')],
    [`etc/only-${version}`, file(noise(3_000, version))],
    ['link', link('etc/release')],
  ])
}
