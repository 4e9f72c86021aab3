/**
 * One pack, read once in the order of the new manifest: files are asked for by their paths in that order, and
 * made from their bases. A pack may lie, so a file counts only with the digest that the manifest gives it; what
 * does not come out is left to others.
 */
import type { PackedFile } from 'native:packs'
import { isPackError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { comparePaths } from '../release/manifest-line.ts'
import type { Bases } from './bases.ts'

interface PackParts {
  fd: Fd
  /** For messages. */
  name: string
  /** The version that it builds upon; undefined: none. */
  old: Bases | undefined
  /** The new version: its manifest, which is proved, and the folder where its files come to lie. */
  manifest: Fd
  openNew(file: { path: Path }): Fd | undefined
}

export class PackReader {
  /** Why nothing more of it can be used. */
  broken: string | undefined
  /** The first file that did not come out, and why. */
  firstFailure: string | undefined
  #pack: object | undefined
  #file: PackedFile | undefined
  #reached: Path | undefined
  #inStretch = false
  #ended = false

  /** The handles stay the caller's, and open until `close`. */
  constructor(
    readonly host: Host,
    readonly parts: PackParts,
  ) {}

  close(): void {
    if (this.#pack) this.host.packs.closePack(this.#pack)
    this.#pack = undefined
    this.#file = undefined
    this.#reached = undefined
    this.#inStretch = false
    this.#ended = false
  }

  /** Whether the pack has the file. One that comes before the last is looked for from the start again. */
  has(path: Path): boolean {
    if (this.#reached !== undefined && comparePaths(path, this.#reached) < 0) this.close()
    this.#reached = path
    for (let file = this.#current(); file; file = this.#current()) {
      const order = comparePaths(file.path, path)
      if (order >= 0) return order === 0
      this.#pass(file)
    }
    return false
  }

  /** The next file of all; for those who want every one. */
  next(): PackedFile | undefined {
    return this.#current()
  }

  /** Leaves out the file at which it stands. */
  skip(): void {
    if (this.#file) this.#pass(this.#file)
  }

  /** Makes the file at which it stands; undefined if that is not what the manifest says. */
  make(target: () => Fd): { size: number; digest: string } | undefined {
    const file = this.#current()
    if (!file) return undefined
    this.#file = undefined
    const base = this.#openBase(file)
    if (file.base && base === undefined) return this.#failed(file, 'its base is missing')
    try {
      const made = this.#guarded(() => this.host.packs.applyFile(this.#open(), base, target()))
      if (!made) return this.#failed(file, this.broken ?? 'the pack is broken')
      if ('failed' in made) return this.#failed(file, made.reason)
      if (made.digest !== file.digest) return this.#failed(file, 'its digest is another')
      return made
    } finally {
      if (base !== undefined) this.host.files.close(base)
    }
  }

  #failed({ path }: PackedFile, reason: string): undefined {
    this.firstFailure ??= `${path}: ${reason}`
  }

  /** A file that nobody wants may have something to teach the others of its stretch. */
  #pass(file: PackedFile): void {
    this.#file = undefined
    if (!file.teaches) return
    const base = this.#openBase(file)
    if (base === undefined) return
    try {
      this.#guarded(() => this.host.packs.applyFile(this.#open(), base, undefined))
    } finally {
      this.host.files.close(base)
    }
  }

  #openBase({ base }: PackedFile): Fd | undefined {
    if (!base) return undefined
    return base.tree === 'new' ? this.parts.openNew(base) : this.parts.old?.open(base.path)
  }

  #current(): PackedFile | undefined {
    if (this.#file || this.#ended || this.broken !== undefined) return this.#file
    this.#file = this.#guarded(() => {
      const { packs } = this.host
      const pack = this.#open()
      for (;;) {
        const file = this.#inStretch ? packs.nextFile(pack) : undefined
        if (file) return file
        this.#inStretch = packs.nextStretch(pack) !== undefined
        this.#ended = !this.#inStretch
        if (this.#ended) return undefined
      }
    })
    return this.#file
  }

  #open(): object {
    if (this.#pack) return this.#pack
    const { fd, name, old, manifest } = this.parts
    const { packs } = this.host
    const pack = packs.openPack(fd, name)
    this.#pack = pack
    if (!packs.openFiles(pack, { old: old?.manifest, new: manifest })) {
      this.broken = `${name} is cut short`
    }
    return pack
  }

  #guarded<Result>(use: () => Result): Result | undefined {
    if (this.broken !== undefined) return undefined
    try {
      return use()
    } catch (error) {
      if (!isPackError(error)) throw error
      this.broken = error.message
      return undefined
    }
  }
}
