/**
 * Checks a tree against its manifest: the Node side of native:trees' verify. It only reads.
 */
import type { Failure, LiveTree, VerifyStep } from 'native:trees'
import type { DiskTimes } from '../../src/disk-times.ts'
import { isDamage, isSystemError } from '../../src/errors.ts'
import type { Checksums, Fd, Files, Path, Stat } from '../../src/host.ts'
import type { Entry } from '../../src/release/manifest-line.ts'
import { differences, look, lookSpare } from './compare.node.ts'
import { Companion, ManifestLines } from './manifest-lines.node.ts'
import type { Proof } from './proof.node.ts'

/** Content of one step, so that progress can be shown in between. */
const STEP_BYTES = 16 * 1024 * 1024

const UNREADABLE = Symbol('unreadable')

/** What is told of one step. */
const STEP_FAILURES = 64

export interface VerifyOptions {
  manifest: Fd
  tree: Fd
  live: LiveTree | undefined
  full: boolean
  proof?: Proof | undefined
  times?: DiskTimes
}

export class Verify {
  private readonly lines: ManifestLines
  private readonly liveLines: Companion | undefined
  /** The first path of each inode that has more than one name somewhere. */
  private readonly owners = new Map<string, Path>()
  private readonly sum = { entries: 0, bytes: 0 }
  private doubtful = false
  private failures: Failure[] = []

  constructor(
    private readonly files: Files,
    private readonly checksums: Checksums,
    private readonly options: VerifyOptions,
  ) {
    if (options.full && options.proof) throw new TypeError('who checks in full relies on no proof')
    this.lines = new ManifestLines(files, options.manifest)
    this.liveLines = options.live && new Companion(files, options.live.manifest)
  }

  step(entriesMax: number): VerifyStep {
    this.failures = []
    const bytesBefore = this.sum.bytes
    let done = false
    for (let count = 0; count < entriesMax && !done; count++) {
      if (this.sum.bytes - bytesBefore >= STEP_BYTES) break
      if (this.failures.length >= STEP_FAILURES) break
      const next = this.lines.next()
      if (!next) {
        done = true
        break
      }
      this.sum.entries++
      const sameLine = this.liveLines?.at(next.entry.path) === next.line
      if (this.options.proof?.holds(this.sum.entries)) continue
      this.check(next.entry, sameLine)
      done = this.doubtful
    }
    return { done, ...this.sum, doubtful: this.doubtful, failures: this.failures }
  }

  private check(entry: Entry, sameLine: boolean): void {
    const { tree } = this.options
    const { path } = entry
    const stat = this.read('type', entry, () => look(this.files, tree, path))
    if (stat === UNREADABLE) return
    if (!stat) {
      this.failures.push({ path, what: 'missing', found: '', expected: entry.type })
      return
    }
    const wrong = this.read('xattr', entry, () =>
      differences(this.files, tree, entry, stat, this.options.times),
    )
    if (wrong === UNREADABLE) return
    this.failures.push(...wrong)
    if (entry.type !== 'file' || stat.type !== 'file') return
    this.checkInode(entry, stat)
    if (entry.hardLinkTo !== undefined || wrong.some(({ what }) => what === 'size')) return
    if (this.options.full || !sameLine || !this.isLive(path, stat)) this.checkContent(entry)
  }

  /** Whatever the disk can't give is damage. */
  private read<Result>(what: 'type' | 'xattr', { path, type }: Entry, read: () => Result) {
    try {
      return read()
    } catch (error) {
      if (!isDamage(error)) throw error
      const [failed, expected] =
        what === 'type'
          ? ([what, type] as const)
          : error.call === 'readlink'
            ? (['link', 'readable'] as const)
            : ([what, 'readable'] as const)
      this.failures.push({ path, what: failed, found: 'unreadable', expected })
      return UNREADABLE
    }
  }

  private isLive(path: Path, stat: Stat): boolean {
    const { live } = this.options
    return live !== undefined && lookSpare(this.files, live.root, path)?.identity === stat.identity
  }

  /** Names must share an inode with their group and with nothing else in the tree. */
  private checkInode({ path, hardLinkTo, links }: Entry, stat: Stat): void {
    if (stat.links < links) {
      this.failures.push({ path, what: 'nlink', found: `${stat.links}`, expected: `${links}` })
    }
    if (this.options.proof?.hasInode(stat)) {
      this.doubtful = true
      return
    }
    const found = this.owners.get(stat.identity) ?? path
    if (found === path && stat.links > 1) this.owners.set(stat.identity, path)
    const expected = hardLinkTo ?? path
    if (found !== expected) this.failures.push({ path, what: 'inode', found, expected })
  }

  private checkContent({ path, size, digest: expected }: Entry): void {
    const fd = this.files.openRead(this.options.tree, path)
    try {
      const found = this.checksums.digestFile(fd, size)
      this.sum.bytes += found.size
      if (found.digest === expected) return
      this.failures.push({ path, what: 'sha256digest', found: found.digest, expected })
    } catch (error) {
      if (isDamage(error)) {
        this.failures.push({ path, what: 'sha256digest', found: '', expected })
        return
      }
      // It grows while it is read.
      if (!isSystemError(error, 'EFBIG')) throw error
      this.failures.push({ path, what: 'size', found: `more than ${size}`, expected: `${size}` })
    } finally {
      this.files.close(fd)
    }
  }
}
