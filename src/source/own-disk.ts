/**
 * The store as the first source of a repair: what its own trees hold comes before any stick or network.
 * Their files are placed by staging itself (src/staging/place.ts), so whatever is still asked of it
 * here is what this disk lacks. It never writes into a tree.
 */
import { isSystemError, PeerError } from '../errors.ts'
import type { Release } from '../release/release.ts'
import type { Store, TreeName } from '../store/store.ts'
import type { WantedFile } from '../wanted-file.ts'
import type { Source } from './source.ts'

const TREES: readonly TreeName[] = ['fakeroot', 'upgraded-root', 'previous-root']
const CURE = 'a stick or a network with the release brings it'

export class OwnDisk implements Source {
  readonly name = 'this disk'

  constructor(
    readonly store: Store,
    readonly release: Release,
  ) {}

  async statement(): Promise<Uint8Array> {
    throw new PeerError(`${this.name} has no newer release`, 'absent')
  }

  /** A tree of the same release may have it whole, however damaged the rest of that tree is. */
  async manifest(version: number, wanted: Omit<WantedFile, 'name'>): Promise<void> {
    const found = TREES.find((name) => this.#digestOf(name) === this.release.manifestDigest)
    if (found === undefined) {
      throw new PeerError(
        `${this.name} has no whole manifest of version ${version}`,
        'absent',
        CURE,
      )
    }
    const { host, directory } = this.store
    const fd = host.files.openRead(directory, `${found}/manifest`)
    try {
      wanted.done(host.delta.copyWhole(fd, wanted.target(), wanted.sizeMax))
    } finally {
      host.files.close(fd)
    }
  }

  async content(version: number): Promise<void> {
    throw new PeerError(`${this.name} lacks files of version ${version}`, 'absent', CURE)
  }

  close(): void {}

  #digestOf(name: TreeName): string | undefined {
    try {
      return this.store.manifestDigest(name)
    } catch (error) {
      if (isSystemError(error)) return undefined
      throw error
    }
  }
}
