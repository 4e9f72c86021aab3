/**
 * Makes a verified tree wait for its swap. It gets its name only when everything is on the disk:
 * `upgraded-root`. Takes a `VerifiedTree`, which only `verify` makes.
 */
import type { TreeName } from './store.ts'
import type { VerifiedTree } from './verify.ts'

export function commit(tree: VerifiedTree): void {
  place(tree, 'upgraded-root')
}

/**
 * The first tree of a store has nothing to swap with, so it becomes the running one. Leftovers under that
 * name go first; nothing may be running from them.
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
