/**
 * A folder with the server's layout: a USB stick, or a mounted mirror. Copies whole files; there is
 * nothing to save on a local disk.
 */
import { isOfMachine, isSystemError, PeerError, TrustError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { KEY_CHAIN_SIZE_MAX, PACKS_SIZE_MAX, RELEASE_SIZE_MAX } from '../limits.ts'
import { DELTAS } from '../release/packs.ts'
import { readFile } from '../small-file.ts'
import { show } from '../text.ts'
import type { FileOutcome, WantedFile } from '../wanted-file.ts'
import type { SourceRole } from './order.ts'
import type { Source, WantedContent } from './source.ts'

const REMOUNT = 'look at the stick, or name another source'

export class FolderSource implements Source {
  readonly isFolder = true
  #directory: Fd | undefined
  #received = 0

  constructor(
    readonly host: Host,
    readonly path: Path,
    readonly name: string,
    readonly role?: SourceRole,
  ) {}

  async statement(version: number | undefined): Promise<Uint8Array> {
    const name = version === undefined ? 'latest' : `${version}/release`
    const statement = this.#small(name, RELEASE_SIZE_MAX)
    if (!statement) throw new PeerError(`${this.name} has no ${name}`, 'absent')
    return statement
  }

  async manifest(version: number, wanted: Omit<WantedFile, 'name'>): Promise<void> {
    this.#copy(this.#open(), { ...wanted, name: `${version}/manifest` })
  }

  async packList(version: number): Promise<Uint8Array | undefined> {
    return this.#small(`${version}/packs`, PACKS_SIZE_MAX)
  }

  async hasPack(name: string, size: number): Promise<boolean> {
    const path = `${DELTAS}/${name}`
    const stat = this.#read(path, () => this.host.files.stat(this.#open(), path))
    return stat?.type === 'file' && stat.size === size
  }

  async packs(wanted: Iterable<WantedFile>): Promise<void> {
    for (const file of wanted) this.#copy(this.#open(), { ...file, name: `${DELTAS}/${file.name}` })
  }

  async content(version: number, { wanted }: Pick<WantedContent, 'wanted'>): Promise<void> {
    const { files } = this.host
    const root = this.#read(`${version}/root`, () =>
      files.openDirectory(this.#open(), `${version}/root`),
    )
    if (root === undefined) throw new PeerError(`${this.name} has no ${version}/root`, 'absent')
    try {
      for (const file of wanted()) this.#copy(root, file)
    } finally {
      files.close(root)
    }
  }

  get received(): number {
    return this.#received
  }

  close(): void {
    if (this.#directory !== undefined) this.host.files.close(this.#directory)
    this.#directory = undefined
  }

  async keys(): Promise<Uint8Array | undefined> {
    return this.#small('keys', KEY_CHAIN_SIZE_MAX)
  }

  #small(path: Path, sizeMax: number): Uint8Array | undefined {
    return this.#read(path, () => readFile(this.host.files, this.#open(), path, sizeMax))
  }

  /**
   * Touches only the folder: any error of the kernel is this source's fault, and the next one has its
   * turn. Undefined if nothing has that name.
   */
  #read<Result>(path: Path, use: () => Result): Result | undefined {
    try {
      return use()
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined
      if (error instanceof TrustError) throw new TrustError(`${this.name}: ${error.message}`)
      throw this.#atFault(error, path)
    }
  }

  #atFault(error: unknown, path: Path): unknown {
    if (!isSystemError(error) || isOfMachine(error)) return error
    const why = WRONG_TYPE[error.code] ?? `can't be read (${error.code})`
    return new PeerError(`${this.name}/${show(path)} ${why}`, 'broken', REMOUNT)
  }

  #open(): Fd {
    if (this.#directory !== undefined) return this.#directory
    try {
      this.#directory = this.host.files.openRoot(this.path)
    } catch (error) {
      if (!isSystemError(error) || isOfMachine(error)) throw error
      const path = show(this.path)
      const isMissing = ['ENOENT', 'ENOTDIR'].includes(error.code)
      const what = isMissing
        ? `there is no folder ${path}`
        : `${path} can't be read (${error.code})`
      throw new PeerError(what, 'away', 'is the stick mounted?')
    }
    return this.#directory
  }

  #copy(directory: Fd, wanted: WantedFile): void {
    const { files } = this.host
    let fd: Fd
    try {
      fd = files.openRead(directory, wanted.name)
    } catch (error) {
      if (!isSystemError(error) || isOfMachine(error)) throw error
      const isMissing = ['ENOENT', 'ENOTDIR'].includes(error.code) || error.code in WRONG_TYPE
      wanted.done({ failed: isMissing ? 'absent' : 'unreadable' })
      return
    }
    let outcome: FileOutcome
    try {
      outcome = this.#copyWhole(fd, wanted)
    } catch (error) {
      wanted.abandoned?.()
      throw error
    } finally {
      files.close(fd)
    }
    if ('size' in outcome) this.#received += outcome.size
    wanted.done(outcome)
  }

  #copyWhole(fd: Fd, wanted: WantedFile): FileOutcome {
    const target = wanted.target()
    try {
      return this.host.delta.copyWhole(fd, target, wanted.sizeMax)
    } catch (error) {
      // A failed write is our own disk's trouble, not this source's.
      if (!isSystemError(error) || error.call !== 'read' || isOfMachine(error)) throw error
      return { failed: error.code === 'EFBIG' ? 'too-large' : 'unreadable' }
    }
  }
}

/** What the code of a failed open says about a name that is not a file or folder. */
const WRONG_TYPE: Record<string, string> = {
  ELOOP: 'is a link, which is not followed',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'is not a folder, or is below something that is not one',
  EINVAL: 'is a device, pipe or socket, not a file',
  ENXIO: 'is a device, pipe or socket, not a file',
  EXDEV: 'leads out of the folder',
}
