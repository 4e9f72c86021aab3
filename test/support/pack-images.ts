/** Images whose packs are far smaller than what changed in them: large files that differ in a few bytes. */
import { file, folder, noise, type Tree } from './tree.ts'

/** Files that change in every version; `large` is much larger than a pack. */
export const CHANGING = ['etc/version', 'usr/large', 'usr/twin']
const LARGE_SIZE = 300_000

export function packedImage(version: number): Tree {
  const tree: Tree = new Map()
  for (const path of ['.', 'etc', 'usr', 'usr/share']) tree.set(path, folder())
  tree.set('etc/version', file(`this is version ${version} of the system\n`, { seconds: version }))
  tree.set('usr/large', file(marked(noise(LARGE_SIZE, 7), version), { seconds: version }))
  // Another new file like it: it may be made out of the first.
  tree.set('usr/twin', file(marked(noise(LARGE_SIZE, 7), version + 100), { seconds: version }))
  for (let at = 0; at < 20; at++) tree.set(`usr/share/${at}`, file(noise(3000, 50 + at)))
  tree.set('usr/empty', file(''))
  tree.set('usr/blank', file('x'.repeat(3_000_000)))
  if (version % 2 === 0) tree.set('usr/share/even', file(noise(500, 90)))
  return tree
}

/** With the version in the middle. */
function marked(content: Uint8Array, version: number): Uint8Array {
  content.set([version % 256, 1, 2, 3], content.length / 2)
  return content
}
