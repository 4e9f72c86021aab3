/**
 * Some file systems (JFFS2) write the new name of a rename before they drop the old one, so a power cut can
 * leave a directory with both. Nothing can drop one name of a directory that is not empty: it is moved out
 * of the way instead, and goes once its tree has gone. Called before anything else looks at the trees, so
 * that nobody takes one tree for two.
 */
import { isSystemError } from '../errors.ts'
import { rename } from './put-aside.ts'
import type { Store, TreeName } from './store.ts'

/** Where the old tree lies between the two renames of a swap. */
export const ASIDE = 'previous-root.swap'

/**
 * Of two names the one that comes first here is kept: whatever was cut short can begin again from it.
 */
const NAMES: (TreeName | typeof ASIDE)[] = [
  'fakeroot',
  'previous-root',
  'upgraded-root',
  ASIDE,
  'staging',
]
const PARKED = 'second-name-'

export function separate(store: Store): void {
  const { host, directory } = store
  const { files } = host
  const all = files.readDirectory(directory, '.')
  const trees = new Set<string>()
  for (const name of NAMES) {
    const identity = files.stat(directory, name)?.identity
    if (identity === undefined) continue
    if (trees.has(identity)) rename(store, name, PARKED)
    trees.add(identity)
  }
  for (const name of all.filter((each) => each.startsWith(PARKED))) {
    const identity = files.stat(directory, name)?.identity
    if (identity === undefined || trees.has(identity)) continue
    try {
      files.removeTree(directory, name)
    } catch (error) {
      // The directory is gone already; its name goes with the next mount.
      if (!isSystemError(error)) throw error
    }
  }
}
