/** What must hold of a store on a real disk, whatever happened to the program: see boot.ts for the model's. */
import { silent } from '../../src/progress.ts'
import type { TreeName } from '../../src/store/store.ts'
import { finishCutSwap } from '../../src/store/swap.ts'
import { describe, verify } from '../../src/store/verify.ts'
import { withStore } from '../support/node-device.ts'

const TREES: TreeName[] = ['fakeroot', 'upgraded-root', 'previous-root']

/** Which versions are in a store. */
export type Versions = Partial<Record<TreeName, number>>

/** Recovers as a boot does, proves every tree that has a release, and says which versions there are. */
export function recoverAndProve(path: string): Promise<Versions> {
  return withStore(path, async (store) => {
    finishCutSwap(store)
    const versions: Versions = {}
    for (const name of TREES) {
      const release = store.tree(name)?.release
      if (!release) continue
      const { damage } = await verify(store, name, { release, full: true, progress: silent })
      const [first] = damage
      if (first) throw new Error(`${name} has ${damage.length} damages: ${describe(first)}`)
      versions[name] = release.version
    }
    return versions
  })
}
