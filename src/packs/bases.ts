/**
 * Where a pack finds the files that it builds upon: in a tree of the store, or, for the later packs of a
 * chain, among what the ones before it made. Only reads; what it finds is proved by what comes of it.
 */
import { isSystemError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { parseManifestLine } from '../release/manifest-line.ts'

/** The files of one version. */
export interface Bases {
  readonly manifest: Fd
  /** The caller closes it; undefined: it is not to be had. */
  open(path: Path): Fd | undefined
  close(): void
}

/** A file below a folder; undefined if it can't be opened as one. */
export function openBelow({ files }: Pick<Host, 'files'>, folder: Fd, path: Path): Fd | undefined {
  try {
    return files.openRead(folder, path)
  } catch (error) {
    if (!isSystemError(error)) throw error
    return undefined
  }
}

/** A whole tree. Closes its handles. */
export class TreeBases implements Bases {
  constructor(
    readonly host: Host,
    readonly manifest: Fd,
    readonly root: Fd,
  ) {}

  open(path: Path): Fd | undefined {
    return openBelow(this.host, this.root, path)
  }

  close(): void {
    this.host.files.close(this.manifest)
    this.host.files.close(this.root)
  }
}

/**
 * A version between two packs of a chain, of which no tree is here: the files that its pack made lie in a
 * folder, named by their digests, and all others are those of the version before.
 */
export class StepBases implements Bases {
  readonly #digests: object

  constructor(
    readonly host: Host,
    readonly manifest: Fd,
    readonly made: Fd,
    readonly before: Bases | undefined,
  ) {
    this.#digests = before ? host.trees.openDigests(before.manifest) : {}
  }

  open(path: Path): Fd | undefined {
    const line = this.host.trees.findLine(this.manifest, path)
    return line === undefined ? undefined : this.openContent(parseManifestLine(line).digest)
  }

  /** A file of this content, whatever its path. */
  openContent(digest: string): Fd | undefined {
    if (digest === '') return undefined
    const made = openBelow(this.host, this.made, digest)
    if (made !== undefined || !this.before) return made
    const [line] = this.host.trees.findDigest(this.#digests, digest)
    return line === undefined ? undefined : this.before.open(parseManifestLine(line).path)
  }

  close(): void {
    if (this.before) this.host.trees.closeDigests(this.#digests)
    this.before?.close()
    this.host.files.close(this.manifest)
    this.host.files.close(this.made)
  }
}
