/**
 * A folder with the server's layout: a USB stick, or a mounted mirror. Copies whole files; there is
 * nothing to save on a local disk.
 */
import { isSystemError, PeerError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { KEY_CHAIN_SIZE_MAX, RELEASE_SIZE_MAX } from '../limits.ts'
import { readFile } from '../small-file.ts'
import { show } from '../text.ts'
import type { Role } from './order.ts'
import type { Outcome, Source, Wanted } from './source.ts'

/** What a broken disk answers, one that was pulled out, or a file system with errors. */
const UNREADABLE = ['EIO', 'ENXIO', 'ENODEV', 'EUCLEAN', 'EBADMSG', 'ESTALE']

export class FolderSource implements Source {
  #directory: Fd | undefined

  constructor(
    readonly host: Host,
    readonly path: Path,
    readonly name: string,
    readonly role?: Role,
  ) {}

  async statement(version: number | undefined): Promise<Uint8Array> {
    const name = version === undefined ? 'latest' : `${version}/release`
    const statement = this.#small(name, RELEASE_SIZE_MAX)
    if (!statement) throw new PeerError(`${this.name} has no ${name}`, 'absent')
    return statement
  }

  async manifest(version: number, wanted: Omit<Wanted, 'name'>): Promise<void> {
    this.#copy(this.#open(), { ...wanted, name: `${version}/manifest` })
  }

  async content(version: number, { wanted }: { wanted(): Iterable<Wanted> }): Promise<void> {
    const { files } = this.host
    let root: Fd
    try {
      root = files.openDirectory(this.#open(), `${version}/root`)
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
      throw new PeerError(`${this.name} has no ${version}/root`, 'absent')
    }
    try {
      for (const file of wanted()) this.#copy(root, file)
    } finally {
      files.close(root)
    }
  }

  close(): void {
    if (this.#directory !== undefined) this.host.files.close(this.#directory)
    this.#directory = undefined
  }

  async keys(): Promise<Uint8Array | undefined> {
    return this.#small('keys', KEY_CHAIN_SIZE_MAX)
  }

  /** A stick that can't be read is a bad source, and the next one has its turn. */
  #small(name: Path, sizeMax: number): Uint8Array | undefined {
    try {
      return readFile(this.host.files, this.#open(), name, sizeMax)
    } catch (error) {
      if (!isSystemError(error, ...UNREADABLE)) throw error
      throw new PeerError(`${this.name}/${name} can't be read (${error.code})`, 'broken')
    }
  }

  #open(): Fd {
    if (this.#directory !== undefined) return this.#directory
    try {
      this.#directory = this.host.files.openRoot(this.path)
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
      throw new PeerError(`there is no folder ${show(this.path)}`, 'away', 'is the stick mounted?')
    }
    return this.#directory
  }

  #copy(directory: Fd, wanted: Wanted): void {
    const { files, delta } = this.host
    let fd: Fd
    try {
      fd = files.openRead(directory, wanted.name)
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EINVAL')) throw error
      wanted.done({ failed: 'absent' })
      return
    }
    let outcome: Outcome
    try {
      outcome = delta.copyWhole(fd, wanted.target(), wanted.sizeMax)
    } catch (error) {
      // A write that fails is our own disk's trouble, and none of this source's.
      if (!isSystemError(error, 'EFBIG', ...UNREADABLE) || error.call !== 'read') {
        wanted.abandoned?.()
        throw error
      }
      outcome = { failed: error.code === 'EFBIG' ? 'too-large' : 'damaged' }
    } finally {
      files.close(fd)
    }
    wanted.done(outcome)
  }
}
