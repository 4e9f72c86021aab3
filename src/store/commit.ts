/**
 * Makes a verified tree wait for its swap. Only after everything is on the disk does it get the name
 * `upgraded-root`; it takes a `VerifiedTree`, which only `verify` makes.
 */
import type { TreeName } from './store.ts'
import type { VerifiedTree } from './verify.ts'

export function commit(tree: VerifiedTree): void {
  place(tree, 'upgraded-root')
}

/**
 * The first tree of a store has nothing to be swapped with: it becomes the one that runs. What has its
 * name without being a tree, leftovers of one, goes first; nobody may run from it.
 */
export function commitFirst(tree: VerifiedTree): void {
  place(tree, 'fakeroot')
}

function place({ store }: VerifiedTree, name: TreeName): void {
  const { files } = store.host
  files.syncFileSystem(store.directory)
  store.discard(name)
  files.rename(store.directory, 'staging', store.directory, name)
  store.syncDirectory()
}
