/**
 * Files that must come from the source: each goes to `partial/DIGEST`, is checked against its digest, gets
 * its metadata there and is renamed into the tree. What a broken connection leaves in `partial` is the
 * basis of the next try.
 */
import type { Proof } from 'native:trees'
import { isDamage, isSystemError, PeerError, TrustError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import type { Progress } from '../progress.ts'
import type { Entry } from '../release/manifest-line.ts'
import type { Source } from '../source/source.ts'
import type { OpenTree } from '../store/store.ts'
import { show } from '../text.ts'
import type { FileOutcome, WantedFile } from '../wanted-file.ts'
import { Counterparts } from './counterpart.ts'
import { lineOf, type Missing } from './missing.ts'
import type { Staging } from './staging.ts'

/** For smaller files a basis costs as much as it saves (bytes). */
const BASIS_SIZE_MIN = 1024

/**
 * Files that failed in one way. A source may fail with a whole image, so only the first file is named.
 */
interface Failed {
  count: number
  first?: Path
}

export class Fetcher {
  files = 0
  bytes = 0
  /** Bytes that this disk turned out to have: part of what is done. */
  #placed = 0
  /** What the source sent wrong or lacks. */
  readonly #altered: Failed = { count: 0 }
  readonly #absent: Failed = { count: 0 }
  readonly #unreadable: Failed = { count: 0 }
  readonly #partial: Fd
  /** What earlier tries left in `partial`. */
  readonly #left: Set<Path>
  readonly #counterparts: Counterparts | undefined
  readonly #host: Host
  readonly progress: Progress

  constructor(
    readonly staging: Staging,
    readonly target: OpenTree,
    readonly live: OpenTree | undefined,
    readonly proof: Proof,
  ) {
    const { store, progress } = staging
    this.#host = store.host
    this.progress = progress
    this.#partial = store.host.files.openDirectory(store.directory, 'staging/partial')
    this.#left = new Set(store.host.files.readDirectory(this.#partial, '.'))
    this.#counterparts = live && new Counterparts(store.host.files, live.root)
  }

  close(): void {
    this.#host.files.close(this.#partial)
  }

  /** Notes what needed no source: it counts only as progress. */
  placed(bytes: number, path?: Path): void {
    this.#placed += bytes
    this.progress.advance(this.bytes + this.#placed, path)
  }

  /**
   * The request for one entry. Its files are closed when its outcome is known or it is given up.
   */
  wanted(missing: Missing): WantedFile {
    const { entry } = missing
    const { files } = this.#host
    const basis = this.#openBasis(entry)
    let target: Fd | undefined
    let settled = false
    return {
      name: entry.path,
      sizeMax: entry.size,
      basis,
      target: () => {
        if (target === undefined) this.progress.advance(this.bytes + this.#placed, entry.path)
        else this.#drop(entry.digest, target)
        target = files.createFile(this.#partial, entry.digest, 0o600)
        return target
      },
      abandoned: () => {
        if (settled) return
        settled = true
        if (basis) files.close(basis.fd)
        if (target === undefined) return
        files.close(target)
        this.#left.add(entry.digest)
      },
      done: (outcome) => {
        // If anything fails in here the session ends, and gives up this request as well.
        settled = true
        if (basis) files.close(basis.fd)
        if (this.#hasLeftOver(entry)) files.removeFile(this.#partial, basisName(entry))
        if (!('failed' in outcome) && outcome.digest === entry.digest) {
          this.#keep(missing, target as Fd)
        } else {
          if (target !== undefined) this.#drop(entry.digest, target)
          const failed = this.#failedBy(outcome)
          failed.count++
          failed.first ??= entry.path
        }
        this.bytes += entry.size
        this.progress.advance(this.bytes + this.#placed, entry.path)
      },
    }
  }

  #failedBy(outcome: FileOutcome): Failed {
    if (!('failed' in outcome)) return this.#altered
    if (outcome.failed === 'unreadable') return this.#unreadable
    return outcome.failed === 'absent' ? this.#absent : this.#altered
  }

  /** Throws what the source did wrong, after everything else has arrived. */
  settle({ name: source, said }: Pick<Source, 'name' | 'said'>): void {
    const { first: altered } = this.#altered
    if (altered !== undefined) {
      throw new TrustError(
        `altered: ${source} sent ${count(this.#altered)} that the signed manifest does not allow, ` +
          `the first ${show(altered)}`,
        'that happened on the server or on the way; the rest was kept; publish the version again on that server, or name another source',
      )
    }
    const { first: unreadable } = this.#unreadable
    if (unreadable !== undefined) {
      throw new PeerError(
        `${source} can't read ${count(this.#unreadable)} of this version, the first ${show(unreadable)}`,
        'broken',
        'look at its disk, or name another source',
      )
    }
    const { first: absent } = this.#absent
    if (absent !== undefined) {
      throw new PeerError(
        `${source} lacks ${count(this.#absent)} of this version, the first ${show(absent)}` +
          (said === undefined ? '' : `; it said: ${said}`),
        'absent',
        'the server may still be filling itself, or hide the files (exclude, filter in its ' +
          'rsyncd.conf): try again later, or name another source',
      )
    }
  }

  /** Its content was hashed while it came, and is what the manifest says. */
  #keep(missing: Missing, fd: Fd): void {
    const { files, trees } = this.#host
    try {
      const { number, entry } = missing
      const line = lineOf(this.#host, this.target.manifest, missing)
      trees.settle(this.proof, { number, line }, fd, this.#partial, entry.digest)
    } finally {
      files.close(fd)
    }
    this.files++
  }

  #drop(name: Path, fd: Fd): void {
    this.#host.files.close(fd)
    this.#host.files.removeFile(this.#partial, name)
  }

  /** What an earlier try left of this very file, or what the live tree has that is like it. */
  #openBasis(entry: Entry): { fd: Fd; size: number } | undefined {
    const { files } = this.#host
    const left = this.#leftOver(entry)
    const like = this.#likeness(entry)
    if (left !== undefined && (like === undefined || left * 2 >= entry.size)) {
      return { fd: files.openRead(this.#partial, basisName(entry)), size: left }
    }
    if (like === undefined) return undefined
    const { path, size } = like
    return spared(() => ({ fd: files.openRead(this.live?.root as Fd, path), size }))
  }

  /** Brings the larger leftover of earlier tries to its basis name; its size. */
  #leftOver(entry: Entry): number | undefined {
    if (!this.#hasLeftOver(entry)) return undefined
    const { files } = this.#host
    const newer = files.stat(this.#partial, entry.digest)?.size
    const older = files.stat(this.#partial, basisName(entry))?.size
    if (newer === undefined) return older
    if (older === undefined || newer >= older) {
      files.rename(this.#partial, entry.digest, this.#partial, basisName(entry))
      return newer
    }
    files.removeFile(this.#partial, entry.digest)
    return older
  }

  #hasLeftOver(entry: Entry): boolean {
    return this.#left.has(entry.digest) || this.#left.has(basisName(entry))
  }

  #likeness(entry: Entry): { path: Path; size: number } | undefined {
    if (entry.size < BASIS_SIZE_MIN || !this.live) return undefined
    const { root } = this.live
    const path = this.#counterparts?.find(entry.path)
    if (path === undefined) return undefined
    const stat = spared(() => this.#host.files.stat(root, path))
    if (stat?.type !== 'file' || stat.size < BASIS_SIZE_MIN) return undefined
    if (this.staging.mend && !this.#isReadable(path, stat.size)) return undefined
    return { path, size: stat.size }
  }

  /** If the disk can't read this file, the transfer would fail in the middle. */
  #isReadable(path: Path, size: number): boolean {
    const { files, checksums } = this.#host
    try {
      const fd = files.openRead(this.live?.root as Fd, path)
      try {
        checksums.digestFile(fd, size)
        return true
      } finally {
        files.close(fd)
      }
    } catch (error) {
      if (!isSystemError(error)) throw error
      return false
    }
  }
}

/** A tree that merely could help does without what its disk can't give. */
function spared<Result>(use: () => Result): Result | undefined {
  try {
    return use()
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  }
}

function basisName(entry: Entry): Path {
  return `${entry.digest}.basis`
}

function count(failed: Failed): string {
  return failed.count === 1 ? 'one file' : `${failed.count} files`
}
