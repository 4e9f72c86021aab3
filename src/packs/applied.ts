/**
 * The packs that were taken, applied one upon the other: the manifests between them, the files that only
 * steps of a chain have (in scratch folders of the store, gone afterwards), and the files of the new version
 * as they are asked for.
 */
import { isPackError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { MANIFEST_SIZE_MAX } from '../limits.ts'
import { parseManifestLine } from '../release/manifest-line.ts'
import { nameOfPack, type Pack } from '../release/packs.ts'
import type { Store } from '../store/store.ts'
import type { WantedFile } from '../wanted-file.ts'
import { type Bases, openBelow, StepBases, TreeBases } from './bases.ts'
import { openKept } from './kept.ts'
import { baseTree, type PackJob } from './offered.ts'
import { PackReader } from './reader.ts'

const STEPS_FOLDER = 'packs/steps'

interface MadeContent {
  size: number
  digest: string
}

/** What a pack builds upon was here when it was chosen, and can't be read any more. */
class NoBaseError extends Error {
  constructor() {
    super('the tree that the pack builds upon can no longer be read')
  }
}

export class AppliedPacks {
  /** Why nothing of them can be used. */
  broken: string | undefined
  readonly #host: Host
  readonly #fds: Fd[]
  /** What the last pack builds upon. */
  #old: Bases | undefined
  #reader: PackReader | undefined
  /** The new tree's manifest and root; open as long as the reader is. */
  #target: { manifest: Fd; root: Fd } | undefined
  /** A file that a step of the chain made, and the last pack leaves out because nothing changed. */
  #found: { fd: Fd; digest: string } | undefined

  private constructor(
    readonly store: Store,
    readonly packs: readonly Pack[],
    fds: Fd[],
  ) {
    this.#host = store.host
    this.#fds = fds
  }

  /** Packs that lie in the store, whole and proved, in the order to apply them. */
  static open({ store }: PackJob, packs: readonly Pack[]): AppliedPacks {
    const fds: Fd[] = []
    const applied = new AppliedPacks(store, packs, fds)
    for (const pack of packs) {
      const fd = openKept(store, pack)
      if (fd === undefined) {
        applied.broken = `${nameOfPack(pack)} can't be read again from the store`
        break
      }
      fds.push(fd)
    }
    return applied
  }

  close(): void {
    const { files } = this.#host
    this.#reader?.close()
    this.#reader = undefined
    this.#old?.close()
    this.#old = undefined
    if (this.#found) files.close(this.#found.fd)
    this.#found = undefined
    if (this.#target) {
      files.close(this.#target.manifest)
      files.close(this.#target.root)
    }
    this.#target = undefined
    for (const fd of this.#fds.splice(0)) files.close(fd)
    files.removeTree(this.store.directory, STEPS_FOLDER)
  }

  /** The first file that did not come out, and why. */
  get firstFailure(): string | undefined {
    return this.#reader?.broken ?? this.#reader?.firstFailure
  }

  /** Writes the new manifest; undefined if the packs don't give one. */
  rebuild(target: () => Fd, sizeMax: number): MadeContent | undefined {
    return this.#guarded(() => {
      const at = this.packs.length - 1
      this.#climb()
      return this.#manifestOf(at, this.#old?.manifest, target(), sizeMax)
    })
  }

  /** Whether they have the file; names come in the manifest's order. */
  has(path: Path): boolean {
    const found = this.#found
    this.#found = undefined
    if (found) this.#host.files.close(found.fd)
    return this.#guarded(() => this.#open().has(path) || this.#isOfStep(path)) ?? false
  }

  /** Makes the file that `has` found; undefined if it does not come out as the manifest says. */
  make({ target, sizeMax }: WantedFile): MadeContent | undefined {
    const { delta } = this.#host
    if (!this.#found) return this.#open().make(target)
    const made = delta.copyWhole(this.#found.fd, target(), sizeMax)
    return made.digest === this.#found.digest ? made : undefined
  }

  #isOfStep(path: Path): boolean {
    const old = this.#old
    if (!(old instanceof StepBases) || !this.#target) return false
    const line = this.#host.trees.findLine(this.#target.manifest, path)
    if (line === undefined) return false
    const { digest } = parseManifestLine(line)
    const fd = old.openContent(digest)
    if (fd !== undefined) this.#found = { fd, digest }
    return fd !== undefined
  }

  #open(): PackReader {
    if (this.#reader) return this.#reader
    const { files } = this.#host
    this.#climb()
    const { directory } = this.store
    const manifest = files.openRead(directory, 'staging/manifest')
    const root = files.openDirectory(directory, 'staging/root')
    this.#target = { manifest, root }
    this.#reader = this.#readerOf(this.packs.length - 1, manifest, (path) =>
      openBelow(this.#host, root, path),
    )
    return this.#reader
  }

  #readerOf(at: number, manifest: Fd, openNew: (path: Path) => Fd | undefined): PackReader {
    return new PackReader(this.#host, {
      fd: this.#fds[at] as Fd,
      name: nameOfPack(this.packs[at] as Pack),
      old: this.#old,
      manifest,
      openNew: ({ path }) => openNew(path),
    })
  }

  /** Opens what the last pack builds upon: the tree here, and whatever the steps before make of it. */
  #climb(): void {
    if (this.#old || this.packs[0]?.from === 0) return
    const { files } = this.#host
    const { directory } = this.store
    const name = baseTree(this.store)
    if (name === undefined) throw new NoBaseError()
    const manifest = files.openRead(directory, `${name}/manifest`)
    this.#old = new TreeBases(this.#host, manifest, files.openDirectory(directory, `${name}/root`))
    if (this.packs.length === 1) return
    files.removeTree(directory, STEPS_FOLDER)
    files.makeDirectory(directory, STEPS_FOLDER, 0o700)
    for (let at = 0; at < this.packs.length - 1; at++) this.#old = this.#step(at)
  }

  /** Makes all files of a pack into a folder, each named by its digest. */
  #step(at: number): Bases {
    const { files } = this.#host
    const path = `${STEPS_FOLDER}/${this.packs[at]?.to}`
    files.makeDirectory(this.store.directory, path, 0o700)
    const made = files.openDirectory(this.store.directory, path)
    const manifest = files.createFile(made, 'manifest', 0o600)
    this.#manifestOf(at, this.#old?.manifest, manifest, MANIFEST_SIZE_MAX)
    const step = new StepBases(this.#host, manifest, made, this.#old)
    const reader = this.#readerOf(at, manifest, (name) => step.open(name))
    try {
      for (let file = reader.next(); file; file = reader.next()) this.#makeInto(made, reader, file)
    } finally {
      reader.close()
    }
    return step
  }

  #makeInto(folder: Fd, reader: PackReader, { digest }: { digest: string }): void {
    const { files } = this.#host
    let fd: Fd | undefined
    const target = () => {
      fd = files.createFile(folder, digest, 0o600)
      return fd
    }
    const made = files.stat(folder, digest) ? reader.skip() : reader.make(target)
    if (fd !== undefined) files.close(fd)
    if (fd !== undefined && !made) files.removeFile(folder, digest)
  }

  #manifestOf(
    at: number,
    old: Fd | undefined,
    target: Fd,
    sizeMax: number,
  ): MadeContent | undefined {
    const { packs } = this.#host
    const pack = packs.openPack(this.#fds[at] as Fd, nameOfPack(this.packs[at] as Pack))
    try {
      return packs.rebuildManifest(pack, old, target, sizeMax)
    } finally {
      packs.closePack(pack)
    }
  }

  #guarded<Result>(use: () => Result): Result | undefined {
    if (this.broken !== undefined) return undefined
    try {
      return use()
    } catch (error) {
      if (!isPackError(error) && !(error instanceof NoBaseError)) throw error
      this.broken = error.message
      return undefined
    }
  }
}
