/**
 * What an upgrade will take, worked out before anything is written: files and bytes to fetch, entries to
 * make, and whether the disk has room for it all.
 */
import type { Proof } from 'native:trees'
import { SpaceError } from '../errors.ts'
import type { Fd, Host } from '../host.ts'
import type { OpenTree, Store } from '../store/store.ts'
import { megabytes } from '../text.ts'

export interface StagePlan {
  /** Regular files whose content is not in the live tree at the same path, and their bytes. */
  files: number
  bytes: number
  /** Regular files to be copied because only their metadata is new, and their bytes. */
  copied: number
  copiedBytes: number
  /** Entries to be linked, and the sum of their sizes; entries to be made. */
  linked: number
  linkedBytes: number
  made: number
  /** Of all entries of the new tree. */
  pathsLength: number
}

/** `root` undefined: nothing is there yet. */
interface PlannedTree {
  manifest: Fd
  root: Fd | undefined
}

/** Entries of one native step: some 20 ms of work. */
export const STEP_ENTRIES = 2048

/** What is known or assumed of the trees of a plan. */
interface Knowledge {
  /** The live tree is not looked at, but taken to be as its manifest says. */
  unseen?: boolean
  /** What was proved of the new tree so far; it learns what is found right. */
  proof?: Proof | undefined
}

export function planStaging(
  store: Store,
  { manifest, root }: PlannedTree,
  live: OpenTree | undefined,
  { unseen = false, proof }: Knowledge = {},
): StagePlan {
  const { trees } = store.host
  const job = trees.openReconcile({
    manifest,
    tree: root,
    live,
    dryRun: true,
    unseen,
    proof,
    times: store.times,
  })
  try {
    let step = trees.reconcile(job, STEP_ENTRIES)
    while (!step.done) step = trees.reconcile(job, STEP_ENTRIES)
    const { undoneFiles: files, undoneBytes: bytes, copied, copiedBytes } = step
    const { linked, linkedBytes, made, pathsLength } = step
    return { files, bytes, copied, copiedBytes, linked, linkedBytes, made, pathsLength }
  } finally {
    trees.closeReconcile(job)
  }
}

/**
 * The plan of an upgrade that the disk has room for; else a SpaceError. Edits of the live tree cost room, and
 * it takes a look at every file to find them: it is taken only if the disk would be too small for a live tree
 * that is edited all over.
 */
export function planWithin(
  store: Store,
  target: OpenTree,
  live: OpenTree | undefined,
  { proof, reserveBytes }: { proof: Proof; reserveBytes: number },
): StagePlan {
  const { host, directory } = store
  const plan = planStaging(store, target, live, { unseen: true, proof })
  if (live === undefined || !shortage(host, directory, worstOf(plan), reserveBytes)) {
    checkSpace(host, directory, plan, reserveBytes)
    return plan
  }
  const seen = planStaging(store, target, live, { proof })
  checkSpace(host, directory, seen, reserveBytes)
  return seen
}

/** The same upgrade from a live tree of which nothing can be used. */
function worstOf(plan: StagePlan): StagePlan {
  return {
    files: plan.files + plan.copied + plan.linked,
    bytes: plan.bytes + plan.copiedBytes + plan.linkedBytes,
    copied: 0,
    copiedBytes: 0,
    linked: 0,
    linkedBytes: 0,
    pathsLength: plan.pathsLength,
    made: plan.made,
  }
}

/**
 * What a directory entry and its share of an inode table cost at most, apart from the content (bytes).
 */
const ENTRY_BYTES = 128
/** One part in so many of the content is added for the blocks that say where it is. */
const INDEX_SHARE = 256

/** Bytes of the disk that a plan takes at most, apart from what must stay free. */
export function bytesNeeded(plan: StagePlan, blockSize: number): number {
  const content = plan.bytes + plan.copiedBytes
  const inodes = plan.files + plan.copied + plan.made
  const index = Math.ceil(content / INDEX_SHARE)
  return content + index + inodes * blockSize + plan.linked * ENTRY_BYTES
}

/** Throws a SpaceError unless the plan fits and leaves `reserveBytes` free. */
export function checkSpace(host: Host, store: Fd, plan: StagePlan, reserveBytes: number): void {
  const error = shortage(host, store, plan, reserveBytes)
  if (error) throw error
}

function shortage(
  host: Host,
  store: Fd,
  plan: StagePlan,
  reserveBytes: number,
): SpaceError | undefined {
  const space = host.files.space(store)
  const inodes = plan.files + plan.copied + plan.made
  const needed = bytesNeeded(plan, space.blockSize) + reserveBytes
  if (needed > space.bytes) {
    return new SpaceError(
      `this upgrade needs ${megabytes(needed)} of free space, and the store's disk has ` +
        `${megabytes(space.bytes)}: ${megabytes(needed - space.bytes)} are missing`,
      needed - space.bytes,
      'free that much, then run this again; none of its files was fetched',
    )
  }
  if (inodes > space.inodes) {
    return new SpaceError(
      `this upgrade needs ${inodes} inodes, and the store's disk has ${space.inodes} left`,
      0,
      'remove files, then run this again; none of its files was fetched',
    )
  }
  return undefined
}
