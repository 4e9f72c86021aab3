/**
 * A stock rsync daemon as a source. One session serves the statement and the manifest, a second one
 * exactly the files that changed: each session costs some five round trips.
 */
import { PeerError, TrustError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { KEY_CHAIN_SIZE_MAX, PACKS_SIZE_MAX, RELEASE_SIZE_MAX } from '../limits.ts'
import { DELTAS } from '../release/packs.ts'
import type { Extent } from '../rsync/extent.ts'
import { type Address, type Link, type Selection, Session } from '../rsync/session.ts'
import { show } from '../text.ts'
import type { FileOutcome, WantedFile } from '../wanted-file.ts'
import type { Source, SourceOptions, WantedContent } from './source.ts'

/** Per session: a server that lacks 300 files says so 300 times, and the first few say it all. */
const TEXTS_MAX = 10
/** Of one text (bytes). */
const TEXT_LENGTH_MAX = 1000
/** What stock servers say last; it says nothing about the cause. */
const IS_SUMMARY = /^rsync (error|warning): /

/**
 * What a session lists that looks for a release: `keys` and `latest`, and below the versions and `deltas` the
 * manifests, lists of packs, and packs; where a version is named, statements as well. A server complains of
 * a name without a wildcard that it lacks, which keys and packs may be, and of a folder (`root`); each of
 * these matches something wherever there is a release, and no folder.
 */
const NEWEST_SHELF = ['[kl][ea][yt]*', '[d1-9]*/[mp0-9][a0-9-]*']
const NAMED_SHELF = ['[kl][ea][yt]*', '[d1-9]*/[mpr0-9][ae0-9-]*']

export class RsyncSource implements Source {
  /** Lists the statements and manifests; open between `statement` and `manifest`. */
  #session: Session | undefined
  /** Of sessions that are over. */
  #received = 0
  #sent = 0
  #said: string | undefined
  /** Of all sessions, also those that were cut. */
  #counted = 0

  constructor(
    readonly host: Host,
    readonly address: Address,
    readonly name: string,
    readonly options: SourceOptions,
    /** Another way there than a TCP connection to the address. */
    readonly link?: () => Link,
  ) {}

  get role() {
    return this.options.role
  }

  async statement(version: number | undefined): Promise<Uint8Array> {
    const name = version === undefined ? 'latest' : `${version}/release`
    const statement = await this.#read(await this.#shelf(version), name, RELEASE_SIZE_MAX)
    if (!statement) throw new PeerError(`${this.name} has no ${name}`, 'absent')
    return statement
  }

  async keys(): Promise<Uint8Array | undefined> {
    const shelf = this.#session
    if (shelf) return this.#keysOf(shelf)
    const session = await this.#connect({ kind: 'paths', paths: ['keys'] }, true)
    try {
      const chain = await this.#read(session, 'keys', KEY_CHAIN_SIZE_MAX)
      await this.#finish(session)
      return chain
    } finally {
      session.close()
    }
  }

  /** Over the connection that lists them, which ends if that fails: the keys are not worth a release. */
  async #keysOf(shelf: Session): Promise<Uint8Array | undefined> {
    if (!shelf.find('keys')) return undefined
    try {
      return await this.#read(shelf, 'keys', KEY_CHAIN_SIZE_MAX)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** A small file of a session; undefined if it is not there. */
  async #read(session: Session, name: Path, sizeMax: number): Promise<Uint8Array | undefined> {
    const { files } = this.host
    let outcome: FileOutcome | undefined
    let fd = this.options.scratch()
    try {
      const target = () => {
        files.close(fd)
        fd = this.options.scratch()
        return fd
      }
      const done = (result: FileOutcome) => {
        outcome = result
      }
      await session.fetch([{ name, sizeMax, target, done }])
      // A mismatch is settled by the redo phase, which ends the session.
      if (!outcome) await this.#finish(session)
      if (!outcome || 'failed' in outcome) {
        if (outcome?.failed === 'too-large') {
          throw new TrustError(`endless data: ${this.name}/${name} has more than ${sizeMax} bytes`)
        }
        if (outcome?.failed === 'absent') return undefined
        throw new PeerError(`${this.name}/${name} arrived damaged twice`, 'broken')
      }
      const buffer = new Uint8Array(outcome.size)
      files.read(fd, buffer, 0, buffer.length, 0)
      return buffer
    } finally {
      files.close(fd)
    }
  }

  async manifest(version: number, wanted: Omit<WantedFile, 'name'>): Promise<void> {
    const session = await this.#shelf(version)
    await session.fetch([{ ...wanted, name: `${version}/manifest` }])
    await this.#finish(session)
  }

  async packList(version: number): Promise<Uint8Array | undefined> {
    const session = await this.#shelf(version)
    const name = `${version}/packs`
    return session.find(name) && (await this.#read(session, name, PACKS_SIZE_MAX))
  }

  async hasPack(name: string, size: number): Promise<boolean> {
    const session = await this.#shelf(undefined)
    return session.find(`${DELTAS}/${name}`)?.size === size
  }

  async packs(wanted: Iterable<WantedFile>): Promise<void> {
    const session = await this.#shelf(undefined)
    await session.fetch(under(DELTAS, wanted))
    await this.#finish(session)
  }

  async content(version: number, files: WantedContent): Promise<void> {
    await this.#endShelf()
    const under = `${version}/root`
    const selection: Selection = files.whole
      ? { kind: 'tree', under, extent: withMargin(files.whole) }
      : { kind: 'files-from', under, names: files.names() }
    const session = await this.#connect(selection)
    try {
      await session.fetch(files.wanted())
      await this.#finish(session)
    } finally {
      session.close()
    }
  }

  close(): void {
    this.#session?.close()
    this.#session = undefined
  }

  /** The session that lists statements and manifests; those of all versions if none is known yet. */
  async #shelf(version: number | undefined): Promise<Session> {
    if (this.#session) {
      if (version === undefined || this.#session.find(`${version}/manifest`)) return this.#session
      await this.#endShelf()
    }
    const paths = version === undefined ? NEWEST_SHELF : NAMED_SHELF
    this.#session = await this.#connect({ kind: 'paths', paths })
    return this.#session
  }

  async #endShelf(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    if (!session) return
    await this.#finish(session)
    session.close()
  }

  /** What it said about files that it could not send, in the session that brings files. */
  get said(): string | undefined {
    return this.#said
  }

  get received(): number {
    return this.#counted
  }

  #connect(selection: Selection, isQuiet = false): Promise<Session> {
    const { options } = this
    this.#said = undefined
    let texts = 0
    let counted = 0
    const tell = (level: 'error' | 'warning' | 'notice', text: string) => {
      if (text === '') return
      if (level === 'error' && !IS_SUMMARY.test(text)) this.#said ??= text
      if (isQuiet || ++texts > TEXTS_MAX) return
      options.progress.note(`${this.name} says: ${text}`)
      if (texts === TEXTS_MAX) options.progress.note(`${this.name} says more, which is not shown`)
    }
    return Session.open(this.host, {
      address: this.address,
      selection,
      compression: options.compression,
      ...(options.compressLevel === undefined ? {} : { compressLevel: options.compressLevel }),
      connectTimeoutMs: options.connectTimeoutMs,
      timeoutMs: options.timeoutMs,
      pace: options.pace,
      interrupted: options.interrupted,
      link: this.link,
      peer: this.link && this.name,
      ...(options.rateMinBytesPerSecond === 0
        ? {}
        : {
            rateMin: {
              bytesPerSecond: options.rateMinBytesPerSecond,
              windowMs: options.rateWindowMs,
            },
          }),
      onBytes: (received, sent) => {
        this.#counted += received - counted
        counted = received
        options.progress.traffic(this.#received + received, this.#sent + sent)
      },
      onServerText: (level, text) => tell(level, show(text.trim().slice(0, TEXT_LENGTH_MAX))),
    })
  }

  async #finish(session: Session): Promise<void> {
    await session.finish()
    this.#received += session.traffic.received
    this.#sent += session.traffic.sent
    if (session === this.#session) {
      this.#session = undefined
      session.close()
    }
  }
}

function* under(folder: Path, wanted: Iterable<WantedFile>): Generator<WantedFile> {
  for (const file of wanted) yield { ...file, name: `${folder}/${file.name}` }
}

/** A server's image may have files of its own besides those that were signed: a few are no attack. */
function withMargin({ entries, pathsLength }: { entries: number; pathsLength: number }): Extent {
  const more = (number: number) => number + Math.ceil(number / 8)
  return { entries: more(entries), namesLength: more(pathsLength) }
}
