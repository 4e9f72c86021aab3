/**
 * Brings a tree towards a manifest: the Node side of native:trees' reconcile. It may change the tree
 * that is being built, and must never change the live one.
 */
import type { LiveTree, Reason, ReconcileStep, Undone } from 'native:trees'
import type { DiskTimes } from '../../src/disk-times.ts'
import { DAMAGE, isDamage, isSystemError, TrustError } from '../../src/errors.ts'
import type { Fd, Files, Path, Stat } from '../../src/host.ts'
import { type Entry, parseManifestLine } from '../../src/release/manifest-line.ts'
import { differences, look, lookSpare, metadataOf } from './compare.node.ts'
import { Companion, type LineEntry, ManifestLines } from './manifest-lines.node.ts'
import type { Proof } from './proof.node.ts'

/** Of one inode in all trees together: every disk has room for more, and few for many times as many. */
const SHARED_NAMES_MAX = 1000
/** Content copied in one step, so that progress can be shown in between. */
const STEP_BYTES = 16 * 1024 * 1024
/** Lines left in one step. */
const STEP_LINES_LENGTH = 512 * 1024

/**
 * A live file that can't be linked or opened for one of these reasons is left; another way may work.
 */
const OF_SOURCE = ['EXDEV', 'EMLINK', 'EPERM', 'EACCES', 'ENOENT', ...DAMAGE]
/** A name of the live tree that isn't there, or is below something other than a directory. */
const ABSENT = ['ELOOP', 'ENOTDIR']

export interface ReconcileOptions {
  manifest: Fd
  tree: Fd | undefined
  live: LiveTree | undefined
  dryRun: boolean
  unseen?: boolean
  proof?: Proof | undefined
  times?: DiskTimes
}

export class Reconcile {
  private readonly lines: ManifestLines
  private readonly liveLines: Companion | undefined
  /** First names of hard link groups that are in place, or would be in a dry run. */
  private readonly firstNames = new Set<Path>()
  private readonly sum = {
    entries: 0,
    linked: 0,
    linkedBytes: 0,
    made: 0,
    kept: 0,
    copied: 0,
    copiedBytes: 0,
    undoneFiles: 0,
    undoneBytes: 0,
    pathsLength: 0,
  }
  /** Inodes that belong to an entry already, and may have other names. */
  private readonly taken = new Set<string>()
  private undone: Undone[] = []
  /** Of those. */
  private linesLength = 0

  constructor(
    private readonly files: Files,
    private readonly options: ReconcileOptions,
  ) {
    const { manifest, tree, live, dryRun, unseen } = options
    if ((tree === undefined || unseen === true) && !dryRun) {
      throw new TypeError('only a dry run can do without a tree, or a look at the live one')
    }
    this.lines = new ManifestLines(files, manifest)
    this.liveLines = live && new Companion(files, live.manifest)
  }

  step(entriesMax: number): ReconcileStep {
    this.undone = []
    this.linesLength = 0
    const { copiedBytes } = this.sum
    let done = false
    for (let count = 0; count < entriesMax && !done; count++) {
      if (!this.options.dryRun && this.sum.copiedBytes - copiedBytes >= STEP_BYTES) break
      if (this.linesLength >= STEP_LINES_LENGTH) break
      const next = this.lines.next()
      if (next) this.place(next)
      else done = true
    }
    return { done, ...this.sum, undone: this.undone }
  }

  private place({ line, entry }: LineEntry): void {
    this.sum.entries++
    this.sum.pathsLength += entry.path.length
    const live = this.liveLines?.at(entry.path)
    if (this.options.proof?.holds(this.sum.entries)) {
      this.sum.kept++
      return
    }
    const stat = this.standing(entry.path)
    if (stat && this.mayStay(entry, stat, line === live)) {
      this.sum.kept++
      this.inPlace(entry, stat, this.isProved(entry, stat, line === live))
      return
    }
    if (stat) this.change((tree) => this.files.removeTree(tree, entry.path))
    if (entry.type !== 'file') {
      this.make(entry)
      return
    }
    if (this.copyFromLive(entry, line, live)) return
    const reason =
      entry.hardLinkTo === undefined
        ? this.linkFromLive(entry, line, live)
        : this.linkToFirst(entry, entry.hardLinkTo)
    if (reason) {
      this.leave(reason, entry, line)
    } else if (entry.hardLinkTo === undefined) {
      this.sum.linked++
      this.sum.linkedBytes += entry.size
    } else {
      this.sum.made++
    }
  }

  private differ(root: Fd, entry: Entry, stat: Stat): boolean {
    return differences(this.files, root, entry, stat, this.options.times).length > 0
  }

  /** Of the live tree: what its disk can't give differs. */
  private differsLive(root: Fd, entry: Entry, stat: Stat): boolean {
    try {
      return this.differ(root, entry, stat)
    } catch (error) {
      if (isDamage(error)) return true
      throw error
    }
  }

  private standing(path: Path): Stat | undefined {
    const { tree } = this.options
    return tree === undefined ? undefined : look(this.files, tree, path)
  }

  private mayStay(entry: Entry, stat: Stat, sameLine: boolean): boolean {
    const { tree, live } = this.options
    if (entry.type === 'dir') return stat.type === 'dir'
    if (tree === undefined || this.differ(tree, entry, stat)) return false
    if (entry.hardLinkTo !== undefined) {
      if (!this.firstNames.has(entry.hardLinkTo)) return false
      // In a dry run the first name may be one that would be made only now.
      return this.standing(entry.hardLinkTo)?.identity === stat.identity
    }
    if (this.isTaken(stat)) return false
    // An inode that is shared with the live tree under another line would change with it.
    if (live === undefined || sameLine) return true
    return lookSpare(this.files, live.root, entry.path)?.identity !== stat.identity
  }

  /** Whether what stands needs no further look; a file only if its content is the live tree's. */
  private isProved({ path, type }: Entry, stat: Stat, sameLine: boolean): boolean {
    if (type !== 'file') return type !== 'dir'
    const { live } = this.options
    if (live === undefined || !sameLine) return false
    return lookSpare(this.files, live.root, path)?.identity === stat.identity
  }

  private isTaken(stat: Stat): boolean {
    return this.taken.has(stat.identity) || this.options.proof?.hasInode(stat) === true
  }

  private inPlace(entry: Entry, stat: Stat, proved: boolean): void {
    if (proved && entry.links === 1) this.options.proof?.add(this.sum.entries, stat)
    if (entry.type !== 'file' || entry.hardLinkTo !== undefined) return
    if (entry.links > 1) this.firstNames.add(entry.path)
    if (stat.links > 1) this.taken.add(stat.identity)
  }

  private linkToFirst(entry: Entry, first: Path): Reason | undefined {
    if (!this.firstNames.has(first)) return 'waiting'
    this.change((tree) => this.files.hardLink(tree, first, tree, entry.path))
    return undefined
  }

  /** Why it can't be linked, or undefined if it was. */
  private linkFromLive(
    entry: Entry,
    line: string,
    liveLine: string | undefined,
  ): Reason | undefined {
    const { live } = this.options
    if (live === undefined || liveLine === undefined) return 'new'
    if (liveLine !== line) return 'changed'
    return this.options.dryRun
      ? this.foreseeLink(entry, live.root)
      : this.linkAndLook(entry, live.root, this.options.tree as Fd)
  }

  private foreseeLink(entry: Entry, live: Fd): Reason | undefined {
    if (this.options.unseen) {
      if (entry.links > 1) this.firstNames.add(entry.path)
      return undefined
    }
    const stat = lookSpare(this.files, live, entry.path)
    if (!stat || this.differsLive(live, entry, stat) || this.isTaken(stat)) return 'edited'
    this.inPlace(entry, { ...stat, links: stat.links + 1 }, false)
    return undefined
  }

  /** The look is of what the new tree has, whatever happens to the live name meanwhile. */
  private linkAndLook(entry: Entry, live: Fd, tree: Fd): Reason | undefined {
    const { path } = entry
    try {
      this.files.hardLink(live, path, tree, path)
    } catch (error) {
      if (isSystemError(error, ...OF_SOURCE, ...ABSENT)) return 'edited'
      throw error
    }
    const stat = look(this.files, tree, path)
    if (!stat || this.differsLive(tree, entry, stat) || this.isTaken(stat)) {
      this.files.removeFile(tree, path)
      return 'edited'
    }
    this.inPlace(entry, stat, true)
    return undefined
  }

  /**
   * Copies a live file that has the content but not the metadata, or too many names to be shared, if it is
   * as its own line says.
   */
  private copyFromLive(entry: Entry, line: string, liveLine: string | undefined): boolean {
    const { live } = this.options
    if (live === undefined || liveLine === undefined) return false
    if (entry.hardLinkTo !== undefined || entry.size === 0) return false
    const before = parsed(liveLine)
    if (before?.digest !== entry.digest || before.size !== entry.size) return false
    if (!this.mayBeCopied(entry, line === liveLine, before)) return false
    if (!this.options.dryRun && !this.opens(live.root, entry.path)) return false
    try {
      this.change((tree) => {
        this.files.copyFile(live.root, entry.path, tree, entry.path)
        this.files.setMetadata(tree, entry.path, metadataOf(entry))
      })
    } catch (error) {
      if (isDamage(error)) return false
      throw error
    }
    this.sum.copied++
    this.sum.copiedBytes += entry.size
    if (entry.links > 1) this.firstNames.add(entry.path)
    return true
  }

  private mayBeCopied(entry: Entry, sameLine: boolean, before: Entry): boolean {
    const { live, unseen } = this.options
    const isCrowded = (names: number) => names + entry.links > SHARED_NAMES_MAX
    if (unseen) return !sameLine || isCrowded(entry.links)
    const stat = live && lookSpare(this.files, live.root, entry.path)
    if (!stat || this.differsLive(live.root, before, stat)) return false
    if (!sameLine || this.isTaken(stat)) return true
    return entry.links > 1 && isCrowded(stat.links)
  }

  private opens(root: Fd, path: Path): boolean {
    try {
      this.files.close(this.files.openRead(root, path))
      return true
    } catch (error) {
      if (isSystemError(error, ...OF_SOURCE)) return false
      throw error
    }
  }

  private make(entry: Entry): void {
    this.sum.made++
    this.change((tree) => {
      const { path, type } = entry
      if (type === 'dir') {
        // Directories get their metadata once nothing more is put into them.
        this.files.makeDirectory(tree, path, 0o700)
        return
      }
      if (type === 'link') this.files.makeLink(entry.link, tree, path)
      else if (type !== 'file') this.files.makeNode(tree, path, type, entry.major, entry.minor)
      this.files.setMetadata(tree, path, metadataOf(entry))
    })
  }

  private leave(reason: Reason, entry: Entry, line: string): void {
    if (!this.options.dryRun) {
      this.undone.push({ reason, number: this.sum.entries, line })
      this.linesLength += line.length
    }
    if (entry.hardLinkTo !== undefined) return
    this.sum.undoneFiles++
    this.sum.undoneBytes += entry.size
  }

  /** Everything that touches the tree goes through here, so that a dry run touches nothing. */
  private change(run: (tree: Fd) => void): void {
    const { tree, dryRun } = this.options
    if (!dryRun && tree !== undefined) run(tree)
  }
}

/** A line of the live manifest; undefined if it is malformed. */
function parsed(line: string): Entry | undefined {
  try {
    return parseManifestLine(line)
  } catch (error) {
    if (!(error instanceof TrustError)) throw error
    return undefined
  }
}
