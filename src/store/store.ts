/**
 * The store: one directory that holds the trees of the device, its state record and its lock. Every step
 * reaches the device's disk through the handle opened here. It never opens a tree for writing; only staging
 * does.
 */
import { type DiskTimes, UNKNOWN_TIMES } from '../disk-times.ts'
import { BusyError, ConfigError, DAMAGE, isDamage, isSystemError, TrustError } from '../errors.ts'
import { makeFolder } from '../folder.ts'
import type { Fd, Host, Path } from '../host.ts'
import { MANIFEST_SIZE_MAX, RELEASE_SIZE_MAX } from '../limits.ts'
import { openRelease, type Release, readRelease } from '../release/release.ts'
import type { PublicKey } from '../release/signify.ts'
import { readFile } from '../small-file.ts'
import { bytesOfArray, show } from '../text.ts'
import { heal } from './heal.ts'
import { putAside, removeOrPutAside, uncover } from './put-aside.ts'

/** The trees, by the names of their directories. */
export type TreeName = 'fakeroot' | 'upgraded-root' | 'staging' | 'previous-root'

/** A whole tree with the statement that came with it. */
export interface Tree {
  name: TreeName
  release: Release
  /** The signed bytes from which the release was read. */
  statement: Uint8Array
}

/** Handles into one tree, for the native walks. */
export interface OpenTree {
  manifest: Fd
  root: Fd
}

/**
 * Below `/`: a file that holds the identity of the tree that the running system has as its root.
 */
export const ROOT_MARK = 'run/xo/root-tree'
/** Two numbers and a colon (bytes). */
const ROOT_MARK_MAX = 64

/** What the kernel says of a statement whose blocks are broken, or where something else has its name. */
const NO_STATEMENT = [...DAMAGE, 'EISDIR', 'ENOTDIR', 'ELOOP', 'EINVAL']
/** A block that can't be read the first time may be readable the second time. */
const READS_MAX = 2

export class Store {
  /** Whether the work that is going on may be ended for somebody else's sake (`turn.ts`). */
  givesWay = false
  #lock: Fd | undefined
  #isAlone = false
  #times: DiskTimes | undefined

  private constructor(
    readonly host: Host,
    readonly path: Path,
    readonly directory: Fd,
  ) {}

  /** Opens the store; with `create` it is made if it is missing. */
  static open(host: Host, path: Path, create: boolean): Store {
    const { files } = host
    if (create) return new Store(host, path, makeFolder(files, path))
    try {
      return new Store(host, path, files.openRoot(path))
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
      throw new ConfigError(
        `there is no store at ${show(path)}: ${error.code}`,
        'name it with --store, or make one with `xo-upgrade install`',
      )
    }
  }

  /** Which times its disk can hold; found by trying, when it is first needed. */
  get times(): DiskTimes {
    this.#times ??= timesOf(this)
    return this.#times
  }

  close(): void {
    this.unlock()
    this.host.files.close(this.directory)
  }

  /** Keeps every other upgrader out until `unlock`. If the process dies, the kernel releases it. */
  lock(): void {
    if (this.tryLock()) return
    throw new BusyError(
      `another upgrade is at work in the store ${show(this.path)}`,
      'wait for it to end, then run this again',
    )
  }

  /** False if somebody else has it. */
  tryLock(): boolean {
    if (!this.#take(this.#openLock())) return false
    heal(this, (tree) => tree === 'fakeroot' || this.isRoot(tree as TreeName))
    return true
  }

  /**
   * The same for whoever only reads: on a disk that takes no changes, nobody else is at work either.
   */
  lockForReading(): void {
    const { files } = this.host
    try {
      this.lock()
    } catch (error) {
      if (!isSystemError(error, 'EROFS')) throw error
      if (files.stat(this.directory, 'lock')?.type !== 'file') return
      this.#take(files.openRead(this.directory, 'lock'))
    }
  }

  #openLock(): Fd {
    const { files } = this.host
    const open = () => files.openAppend(this.directory, 'lock', 0o600)
    try {
      return open()
    } catch (error) {
      if (!isSystemError(error, 'EISDIR', 'ELOOP', 'EINVAL', 'EPERM', 'EACCES')) throw error
      // Something else has the name, or flags forbid writing; nobody needs what is in it.
      files.clearFlags(this.directory, '.')
      if (this.has('lock')) files.removeTree(this.directory, 'lock')
      return open()
    }
  }

  #take(fd: Fd): boolean {
    const { files } = this.host
    if (!files.lock(fd)) {
      files.close(fd)
      return false
    }
    this.#lock = fd
    return true
  }

  get isLocked(): boolean {
    return this.#lock !== undefined
  }

  /**
   * Runs `use` with nobody else's change of the state record in between: for a read and the write that
   * follows from it. This is not the lock of the trees, which is held for as long as a source takes, so
   * whoever changes only the record waits no more than a moment. Nothing in `use` may wait.
   */
  alone<Result>(use: () => Result): Result {
    if (this.#isAlone) return use()
    const { files } = this.host
    const fd = files.openDirectory(this.directory, '.')
    try {
      files.lock(fd, true)
      this.#isAlone = true
      return use()
    } finally {
      this.#isAlone = false
      files.close(fd)
    }
  }

  unlock(): void {
    if (this.#lock !== undefined) this.host.files.close(this.#lock)
    this.#lock = undefined
  }

  /** Whether anything stands under the name, whole or not. */
  has(name: Path): boolean {
    return this.host.files.stat(this.directory, name) !== undefined
  }

  /** A tree by name; undefined if there is none, or only the leftovers of one. */
  tree(name: TreeName): Tree | undefined {
    const statement = readFile(this.host.files, this.directory, `${name}/release`, RELEASE_SIZE_MAX)
    return statement && { name, release: readRelease(statement), statement }
  }

  /**
   * The version of a tree by its release; also undefined if that is damaged. Errors that say nothing about
   * the tree are thrown: if it were taken for lost, names would change that must not.
   */
  version(name: TreeName): number | undefined {
    for (let reads = 1; ; reads++) {
      try {
        return this.tree(name)?.release.version
      } catch (error) {
        if (error instanceof TrustError) return undefined
        if (!isSystemError(error, ...NO_STATEMENT)) throw error
        if (reads === READS_MAX) return undefined
      }
    }
  }

  /** The same as `tree`, but its statement must be signed by one of the keys. */
  trustedTree(name: TreeName, keys: PublicKey[]): Tree | undefined {
    const statement = this.statement(name)
    return statement && { name, release: openRelease(statement, keys), statement }
  }

  /** The signed statement of a tree, whoever signed it. */
  statement(name: TreeName): Uint8Array | undefined {
    return readFile(this.host.files, this.directory, `${name}/release`, RELEASE_SIZE_MAX)
  }

  /** Opens a tree for the native walks, gives it to `use`, and closes it. */
  async withTree<Result>(
    name: TreeName,
    use: (tree: OpenTree) => Result | Promise<Result>,
  ): Promise<Result> {
    const { files } = this.host
    const manifest = files.openRead(this.directory, `${name}/manifest`)
    try {
      const root = files.openDirectory(this.directory, `${name}/root`)
      try {
        return await use({ manifest, root })
      } finally {
        files.close(root)
      }
    } finally {
      files.close(manifest)
    }
  }

  /** Opens the manifest of a tree whose root may be missing. */
  withManifest<Result>(
    name: TreeName,
    use: (manifest: Fd, root: Fd | undefined) => Result,
  ): Result {
    const { files } = this.host
    const manifest = files.openRead(this.directory, `${name}/manifest`)
    try {
      if (files.stat(this.directory, `${name}/root`)?.type !== 'dir')
        return use(manifest, undefined)
      const root = files.openDirectory(this.directory, `${name}/root`)
      try {
        return use(manifest, root)
      } finally {
        files.close(root)
      }
    } finally {
      files.close(manifest)
    }
  }

  /** Whether this process has the tree as its root, so that nothing in it may change. */
  isRoot(name: TreeName): boolean {
    const { files } = this.host
    let tree: string | undefined
    try {
      tree = files.stat(this.directory, `${name}/root`)?.identity
    } catch (error) {
      // Nobody has a root that the disk can't find.
      if (!isDamage(error)) throw error
    }
    if (tree === undefined) return false
    const root = files.openRoot('/')
    try {
      return tree === files.statHandle(root).identity || tree === this.#markedRoot(root)
    } finally {
      files.close(root)
    }
  }

  /**
   * Under an overlay the root has another identity than its tree: the early boot has left the tree's in a
   * file.
   */
  #markedRoot(root: Fd): string | undefined {
    try {
      const mark = readFile(this.host.files, root, ROOT_MARK, ROOT_MARK_MAX)
      return mark && bytesOfArray(mark)
    } catch (error) {
      if (isSystemError(error) || error instanceof TrustError) return undefined
      throw error
    }
  }

  /** Whether the manifest of a tree is the one that its release names. */
  hasManifest(name: TreeName): boolean {
    try {
      const digest = this.manifestDigest(name)
      return digest !== undefined && digest === this.tree(name)?.release.manifestDigest
    } catch (error) {
      if (error instanceof TrustError || isSystemError(error)) return false
      throw error
    }
  }

  /** SHA-256 of a tree's manifest as it lies on the disk; undefined if there is none that can be read. */
  manifestDigest(name: TreeName): string | undefined {
    try {
      return this.#digestOf(`${name}/manifest`)
    } catch (error) {
      if (isDamage(error)) return undefined
      throw error
    }
  }

  #digestOf(path: Path): string | undefined {
    const { files, checksums } = this.host
    if (files.stat(this.directory, path)?.type !== 'file') return undefined
    const fd = files.openRead(this.directory, path)
    try {
      return checksums.digestFile(fd, MANIFEST_SIZE_MAX).digest
    } finally {
      files.close(fd)
    }
  }

  /**
   * Removes a tree. Its release goes first: a tree without one is leftovers, so a power cut half way leaves
   * nothing that could be taken for a tree. What can't be removed is put aside.
   */
  discard(name: TreeName): void {
    const { files } = this.host
    if (!this.has(name)) return
    uncover(this, name)
    try {
      if (files.stat(this.directory, `${name}/release`)) {
        files.removeTree(this.directory, `${name}/release`)
        this.syncDirectory(name)
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      putAside(this, name)
      return
    }
    removeOrPutAside(this, name)
  }

  /** Makes the names in the store (or in a directory of it) durable. */
  syncDirectory(path: Path = '.'): void {
    const { files } = this.host
    const fd = files.openDirectory(this.directory, path)
    try {
      files.sync(fd)
    } finally {
      files.close(fd)
    }
  }
}

function timesOf({ host, directory }: Store): DiskTimes {
  try {
    return host.files.diskTimes(directory)
  } catch (error) {
    if (isSystemError(error)) return UNKNOWN_TIMES
    throw error
  }
}
