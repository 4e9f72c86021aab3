/**
 * Builds the new tree in `staging`: manifest first, then whatever the disk already has, then what must be
 * fetched. It starts from whatever is there (nothing, what a killed run left, or the tree that ran before
 * the last swap), so starting is resuming. The running tree is only read.
 */
import type { Proof, Undone } from 'native:trees'
import { assert, isDamage } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { type Entry, parseManifestLine } from '../release/manifest-line.ts'
import type { Release } from '../release/release.ts'
import type { Source } from '../source/source.ts'
import { adviceFor, namesAside, resists } from '../store/put-aside.ts'
import { raiseFloor } from '../store/state.ts'
import type { OpenTree, Store, TreeName } from '../store/store.ts'
import type { WantedFile } from '../wanted-file.ts'
import { Fetcher } from './fetch.ts'
import { bringManifest, prepare } from './manifest.ts'
import { type Missing, missingFrom } from './missing.ts'
import { type Placed, Placer } from './place.ts'
import { planWithin, STEP_ENTRIES, type StagePlan } from './plan.ts'
import { rehearse } from './rehearsal.ts'
import type { Staging } from './staging.ts'

/** Wanted files held in memory at once, and the length of their paths. */
const BATCH_FILES = 2048
const BATCH_LENGTH = 512 * 1024
/** Lines held in memory while they wait for another one (units); any more are found by another walk. */
const WAITING_LENGTH_MAX = 512 * 1024

/** The store's trees besides the running one: first the one that waits, which is the newest. */
const OTHERS: TreeName[] = ['upgraded-root', 'previous-root']

export interface StagedTree {
  readonly store: Store
  readonly release: Release
  readonly report: StageReport
  /** What was proved of it already, since when (by the monotonic clock); to be closed. */
  readonly proof: Proof
  readonly provedSinceMs: number
}

export interface StageReport {
  linked: number
  fetchedFiles: number
  fetchedBytes: number
  /** Files of the running tree that somebody edited; the edits are not carried over. */
  edited: number
}

export async function stage(staging: Staging, source: Source): Promise<StagedTree> {
  const { store, progress, mend } = staging
  const hasLeftovers = store.has('staging') || (mend === undefined && store.has('previous-root'))
  try {
    return await stageOnce(staging, source)
  } catch (error) {
    if (!hasLeftovers || !resists(error)) throw error
    progress.note(
      `what was left in staging can't be built upon, so it begins afresh: ${error.message}`,
    )
    store.discard('staging')
    const left = namesAside(store)
    if (left.length > 0) progress.note(adviceFor(left))
    return await stageOnce(staging, source)
  }
}

async function stageOnce(staging: Staging, source: Source): Promise<StagedTree> {
  const { store, release, progress, mend } = staging
  // When mending, the previous tree may be all that this laptop has: it is not recycled.
  prepare(store, mend === undefined)
  await bringManifest(staging, source)
  raiseFloor(store, release.version)
  const provedSinceMs = store.host.clock.monotonicMs()
  const { report, proof } = await store.withTree('staging', (target) =>
    withLive(staging, target, (live) =>
      withSpare(staging, live, (spare) =>
        new Builder(staging, source, target, live, spare).build(),
      ),
    ),
  )
  store.host.files.removeTree(store.directory, 'staging/partial')
  if (report.edited > 0 && mend === undefined) {
    progress.note(
      `${report.edited} files of the running system were edited; the edits are not carried over`,
    )
  }
  return { store, release, report, proof, provedSinceMs }
}

/**
 * Opens the running tree, if there is one. If it is to be mended and its manifest is damaged as well, the
 * new tree's manifest says which of its files to look at; if it is gone, another tree of the store stands
 * in for it.
 */
async function withLive<Result>(
  { store, mend }: Staging,
  target: OpenTree,
  use: (live: OpenTree | undefined) => Promise<Result>,
): Promise<Result> {
  const { files } = store.host
  if (mend === undefined) {
    return store.has('fakeroot') ? store.withTree('fakeroot', use) : use(undefined)
  }
  if (!hasRoot(store)) {
    const standIn = OTHERS.find((name) => store.hasManifest(name))
    return standIn === undefined ? use(undefined) : store.withTree(standIn, use)
  }
  if (store.hasManifest('fakeroot')) return store.withTree('fakeroot', use)
  const root = files.openDirectory(store.directory, 'fakeroot/root')
  try {
    return await use({ manifest: target.manifest, root })
  } finally {
    files.close(root)
  }
}

function hasRoot({ host: { files }, directory }: Store): boolean {
  try {
    return files.stat(directory, 'fakeroot/root')?.type === 'dir'
  } catch (error) {
    if (isDamage(error)) return false
    throw error
  }
}

/**
 * For a repair: every tree from which whole files may be taken, the live one first, because a file that
 * merely has another mode there still has its content.
 */
async function withSpare<Result>(
  { store, mend }: Staging,
  live: OpenTree | undefined,
  use: (spare: OpenTree[]) => Promise<Result>,
): Promise<Result> {
  if (mend === undefined) return use([])
  const { files } = store.host
  const identity = live && files.statHandle(live.root).identity
  const names = OTHERS.filter(
    (name) =>
      store.hasManifest(name) && files.stat(store.directory, `${name}/root`)?.identity !== identity,
  )
  const open = (rest: TreeName[], trees: OpenTree[]): Promise<Result> => {
    const [name, ...others] = rest
    if (name === undefined) return use(trees)
    return store.withTree(name, (tree) => open(others, [...trees, tree]))
  }
  return open(names, live ? [live] : [])
}

class Builder {
  readonly #host: Host
  readonly #placer: Placer
  readonly #fetcher: Fetcher
  readonly #proof: Proof
  readonly #report: StageReport = { linked: 0, fetchedFiles: 0, fetchedBytes: 0, edited: 0 }
  /** The live tree, if its files may be linked. */
  readonly #links: OpenTree | undefined
  /**
   * Entries that wait for another one of the new tree, in its order, and how many more there are than are
   * held.
   */
  #waiting: Undone[] = []
  #waitingLength = 0
  #unheld = 0

  constructor(
    readonly staging: Staging,
    readonly source: Source,
    readonly target: OpenTree,
    readonly live: OpenTree | undefined,
    spare: readonly OpenTree[],
  ) {
    this.#host = staging.store.host
    this.#links = staging.mend === 'basis' ? undefined : live
    this.#placer = new Placer(staging.store, target, this.#links, spare)
    this.#proof = this.#host.trees.openProof(target.root, staging.store.times)
    this.#fetcher = new Fetcher(staging, target, live, this.#proof)
  }

  async build(): Promise<Pick<StagedTree, 'report' | 'proof'>> {
    const { store, release, progress, reserveBytes } = this.staging
    const { trees } = this.#host
    const proof = this.#proof
    try {
      progress.begin('compare', release.entries, 'entries')
      const needs = planWithin(store, this.target, this.#links, { proof, reserveBytes })
      rehearse(store, this.target)
      trees.extras(this.target.manifest, this.target.root, { remove: true, pathsMax: 1 })
      progress.begin('fetch', needs.bytes + needs.copiedBytes, 'bytes')
      let left = Number.POSITIVE_INFINITY
      while (left > 0) {
        const before = left
        await this.#round(needs)
        this.#fetcher.settle(this.source)
        left = this.#placeWaiting()
        assert(
          left === 0 || left < before,
          'staging goes on in rounds, and the last brought nothing',
        )
      }
      trees.finishDirectories(this.target.manifest, this.target.root, store.times, proof)
      this.#report.fetchedFiles = this.#fetcher.files
      this.#report.fetchedBytes = this.#fetcher.bytes
      return { report: this.#report, proof }
    } catch (error) {
      trees.closeProof(proof)
      throw error
    } finally {
      this.#placer.close()
      this.#fetcher.close()
    }
  }

  /** One walk over the manifest; what waits for another entry of the new tree is left for later. */
  async #round(needs: StagePlan): Promise<void> {
    this.#waiting = []
    this.#waitingLength = 0
    this.#unheld = 0
    const undone = this.#undone()
    const { version, entries } = this.staging.release
    // If nearly everything is wanted, the names would cost more than the list of the whole tree.
    const whole = needs.files * 2 > entries && !this.source.inBatches
    for (;;) {
      const batch = take(undone, whole ? 1 : BATCH_FILES, BATCH_LENGTH)
      if (batch.length === 0) return
      await this.source.content(version, {
        names: () => namesOf(batch),
        wanted: (takes) => this.#wantedOf(whole ? chain(batch, undone) : batch, takes),
        ...(whole ? { whole: { entries, pathsLength: needs.pathsLength } } : {}),
      })
    }
  }

  *#wantedOf(
    files: Iterable<Missing>,
    takes: (path: Path) => boolean = () => true,
  ): Generator<WantedFile> {
    for (const missing of files) if (takes(missing.entry.path)) yield this.#fetcher.wanted(missing)
  }

  /** Brings the tree forward and yields the entries that only the source has. */
  *#undone(): Generator<Missing, void, void> {
    const { trees } = this.#host
    const { manifest, root: tree } = this.target
    const { times } = this.staging.store
    const job = trees.openReconcile({
      ...{ manifest, tree, live: this.#links, dryRun: false, times },
      proof: this.#proof,
    })
    try {
      let done = false
      let copiedBytes = 0
      while (!done) {
        const step = trees.reconcile(job, STEP_ENTRIES)
        done = step.done
        for (const undone of step.undone) {
          const entry = parseManifestLine(undone.line)
          if (this.#place(undone, entry) === 'fetch') yield missingFrom(undone, entry)
        }
        if (step.copiedBytes > copiedBytes) this.#fetcher.placed(step.copiedBytes - copiedBytes)
        copiedBytes = step.copiedBytes
        if (done) this.#report.linked += step.linked
      }
    } finally {
      trees.closeReconcile(job)
    }
  }

  #place(undone: Undone, entry: Entry): Placed {
    const placed = this.#placer.place(entry, undone.line)
    if (placed === 'later') {
      if (this.#waitingLength < WAITING_LENGTH_MAX) {
        this.#waiting.push(undone)
        this.#waitingLength += undone.line.length
      } else this.#unheld++
      return placed
    }
    if (undone.reason === 'edited') this.#report.edited++
    // The size of a later name was counted with the first one.
    if (placed === 'placed') {
      this.#fetcher.placed(entry.hardLinkTo === undefined ? entry.size : 0, entry.path)
    }
    return placed
  }

  /** Now that everything has come, places what waited. Returns how many are still waiting. */
  #placeWaiting(): number {
    const unheld = this.#unheld
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingLength = 0
    for (const undone of waiting) {
      const placed = this.#place(undone, parseManifestLine(undone.line))
      assert(placed !== 'fetch', 'an entry that waited for another one must be fetched')
    }
    return unheld + this.#waiting.length
  }
}

function* namesOf(files: Missing[]): Generator<Path> {
  for (const { entry } of files) yield entry.path
}

/**
 * Up to `countMax` of what a generator still has to give, or fewer if their paths are as long as
 * `lengthMax`; it stays open.
 */
function take(
  files: Generator<Missing, void, void>,
  countMax: number,
  lengthMax: number,
): Missing[] {
  const taken: Missing[] = []
  let length = 0
  while (taken.length < countMax && length < lengthMax) {
    const next = files.next()
    if (next.done) break
    taken.push(next.value)
    length += next.value.entry.path.length
  }
  return taken
}

function* chain(first: Missing[], rest: Iterable<Missing>): Generator<Missing> {
  yield* first
  yield* rest
}
