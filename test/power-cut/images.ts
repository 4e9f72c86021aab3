/**
 * Three small system images with everything that is hard to replace: hard links, a capability, devices, odd
 * names, a closed directory, kinds that change, content that moves, doubles, or differs behind the same
 * size and time.
 */
import { arrayOfBytes } from '../../src/text.ts'
import { file, folder, hardLink, link, node, noise, type Tree } from '../support/tree.ts'

const CAPABILITY = {
  name: 'security.capability',
  value: arrayOfBytes('\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0'),
}

export const VERSIONS = [1, 2, 3]

/** With packs from each to the next. */
export const PACKED_VERSIONS = [4, 5, 6] as const
const LARGE_SIZE = 60_000

/** The same images again, with files that make a pack worth it; one of them is made out of another new one. */
export function packableImage(version: number): Tree {
  const large = (change: number) => {
    const content = noise(LARGE_SIZE, 40)
    content.set([version, change], LARGE_SIZE / 2)
    return content
  }
  const tree = nastyImage(version - PACKED_VERSIONS[0] + 1)
  tree.set('usr/large', file(large(1)))
  tree.set(`usr/large-${version}`, file(large(2)))
  return tree
}

export function nastyImage(version: number): Tree {
  const tree: Tree = new Map()
  for (const path of ['.', 'dev', 'etc', 'usr', 'usr/bin']) tree.set(path, folder())
  tree.set('bin', link('usr/bin'))
  tree.set('dev/null', node('char', 1, 3, { mode: 0o666 }))
  tree.set('etc/empty', file(''))
  tree.set('etc/new\nline \xff', file('odd name'))
  tree.set('usr/bin/su', file(noise(700, 1), { mode: 0o4755 }))
  tree.set('usr/bin/ping', file(noise(500, 2), { mode: 0o755, xattrs: [CAPABILITY] }))
  tree.set('usr/locked', folder({ mode: 0o000, uid: 1000, gid: 1000 }))
  tree.set('usr/locked/secret', file('secret', { mode: 0o400, uid: 1000, nanoseconds: 5 }))
  tree.set('usr/same', file(noise(600, 3)))
  tree.set('etc/release', file(`${version}\n`))
  // The same size and time in every version, but other content.
  tree.set('usr/bin/perl', file(noise(900, 10 + version), { mode: 0o755 }))
  tree.set('usr/bin/perl5', hardLink('usr/bin/perl'))
  tree.set('etc/mode', file('mode changes', { mode: version === 2 ? 0o600 : 0o644 }))
  if (version === 2) {
    tree.set('etc/kind', folder({ mode: 0o711 }))
    tree.set('etc/kind/below', file('below'))
    tree.set('usr/moved-to', file(noise(800, 4)))
    tree.set('usr/twin-1', file(noise(400, 5)))
    tree.set('usr/twin-2', file(noise(400, 5), { mode: 0o600 }))
  } else {
    tree.set('etc/kind', file(`a file in ${version}`))
    tree.set('usr/moved-from', file(noise(800, 4)))
    tree.set('usr/copied', file(noise(600, 3), { uid: version }))
  }
  tree.set(`usr/only-${version}`, file(noise(5_000, 20 + version), { seconds: 1_600_000_000 }))
  return tree
}
