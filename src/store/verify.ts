/**
 * Proves a tree against its manifest. Only what passes here can be committed: `VerifiedTree` is made
 * nowhere else. It only reads, and never mends.
 */
import type { Proof } from 'native:trees'
import { isDamage, TrustError } from '../errors.ts'
import type { Fd, Files, Path } from '../host.ts'
import type { Progress } from '../progress.ts'
import type { Release } from '../release/release.ts'
import { show } from '../text.ts'
import type { OpenTree, Store, Tree, TreeName } from './store.ts'

/** One thing that is wrong with one entry; `extra`: an entry that the manifest doesn't name. */
export interface Damage {
  path: Path
  what: string
  found: string
  expected: string
}

declare const verified: unique symbol
export interface VerifiedTree {
  readonly [verified]: true
  readonly store: Store
  readonly release: Release
}

export interface Verification {
  tree: VerifiedTree | undefined
  entries: number
  /** Bytes of content that were hashed for it. */
  bytes: number
  damage: Damage[]
  /** There is more damage than is listed. */
  cut: boolean
}

/** A tree with a signed release, and what is wrong with it. */
export interface Examined {
  tree: Tree
  damage: Damage[]
  /** There is more damage than is listed. */
  cut: boolean
  /** Its manifest is the signed one. */
  hasManifest: boolean
  /**
   * False if the disk refused more than the content of files, so that nobody can tell what it holds.
   */
  isReadable: boolean
}

interface Options {
  release: Release
  /** The content of every file is read, and nothing is taken as proved. */
  full: boolean
  progress: Progress
  /** What whoever built the tree has proved of it already. */
  proof?: Proof | undefined
}

const VERIFY_STEP_ENTRIES = 4096
/**
 * No more damage than this is listed, nor more text of it (units): such a tree is beyond mending file by
 * file. Of entries that the manifest does not name as many are listed.
 */
const DAMAGE_MAX = 10_000
const DAMAGE_LENGTH_MAX = 1024 * 1024

/**
 * Checks that the manifest is the signed one, that the tree holds nothing else, and every entry: always its
 * metadata, and the content of what its upgrade wrote, which is every file that doesn't share its inode
 * with the tree before it (`full`: the content of every file).
 */
export async function verify(
  store: Store,
  name: TreeName,
  options: Options,
): Promise<Verification> {
  const { release, progress } = options
  const digest = store.manifestDigest(name)
  if (digest !== release.manifestDigest) {
    throw new TrustError(
      `the manifest of ${name} is ${digest === undefined ? 'missing' : 'not the signed one'}`,
      'run `xo-upgrade upgrade` to stage it again',
    )
  }
  progress.begin('verify', release.entries, 'entries')
  const walk = (live: OpenTree | undefined) =>
    store.withTree(name, (tree) => verifyTree(store, tree, live, options))
  const before = name === 'fakeroot' ? 'previous-root' : 'fakeroot'
  const result =
    !options.full && store.tree(before) ? await store.withTree(before, walk) : await walk(undefined)
  const whole = result.damage.length === 0
  return { ...result, tree: whole ? ({ store, release } as VerifiedTree) : undefined }
}

function verifyTree(
  store: Store,
  tree: OpenTree,
  live: OpenTree | undefined,
  options: Options,
): Omit<Verification, 'tree'> {
  const { trees } = store.host
  const { manifest, root } = tree
  const damage: Damage[] = trees
    .extras(manifest, root, { remove: false, pathsMax: DAMAGE_MAX })
    .map((path) => unlistable(store.host.files, root, path) ?? extra(path))
  const listed = new List(damage)
  const job = trees.openVerify({
    manifest,
    tree: root,
    live,
    full: options.full,
    proof: options.proof,
    times: store.times,
  })
  try {
    for (;;) {
      const step = trees.verify(job, VERIFY_STEP_ENTRIES)
      if (step.doubtful) return verifyTree(store, tree, live, { ...options, proof: undefined })
      for (const failure of step.failures) listed.add(failure)
      options.progress.advance(step.entries)
      const { done, entries, bytes } = step
      if (done) return { entries, bytes, damage, cut: listed.cut }
    }
  } finally {
    trees.closeVerify(job)
  }
}

const extra = (path: Path) => ({ path, what: 'extra', found: 'an entry', expected: 'nothing' })

/** A folder of which the disk can't tell what is in it. */
function unlistable(files: Files, root: Fd, path: Path): Damage | undefined {
  try {
    if (files.stat(root, path)?.type === 'dir') files.readDirectory(root, path)
    return undefined
  } catch (error) {
    if (!isDamage(error)) throw error
    return { path, what: 'type', found: 'unreadable', expected: 'dir' }
  }
}

/** Adds damage to what is there until there is too much. */
class List {
  cut = false
  #countLeft = DAMAGE_MAX
  #lengthLeft = DAMAGE_LENGTH_MAX

  constructor(readonly damage: Damage[]) {}

  add(damage: Damage): void {
    this.cut ||= this.#countLeft === 0 || this.#lengthLeft <= 0
    if (this.cut) return
    this.damage.push(damage)
    this.#countLeft--
    this.#lengthLeft -= damage.path.length + damage.found.length + damage.expected.length
  }
}

/** How many, for people. */
export function damagedPlaces({ damage, cut }: { damage: Damage[]; cut: boolean }): string {
  return `${cut ? 'more than ' : ''}${damage.length} places`
}

/** One line for people. */
export function describe(damage: Damage): string {
  const { path, what, found, expected } = damage
  return `${show(path)}: ${what} is ${show(found) || 'nothing'}, should be ${show(expected)}`
}
