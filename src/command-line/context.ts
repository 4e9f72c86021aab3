/**
 * What a command works with: its options over the configuration over the defaults, the store, the
 * keys and the sources that follow from them, and the voices for progress and results.
 */
import { BusyError, ConfigError, isSystemError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { minuteOfDay } from '../hours.ts'
import { CONFIGURATION_SIZE_MAX } from '../limits.ts'
import type { Role } from '../release/keys.ts'
import type { PublicKey } from '../release/signify.ts'
import { readPublicKey } from '../release/signify.ts'
import { readAndClose, readSystemFile } from '../small-file.ts'
import type { ConfiguredKeys } from '../source/find-release.ts'
import { sourcesOfLeases } from '../source/lease.ts'
import { openSource, Pace, rateWindowMs } from '../source/open-source.ts'
import { capAt } from '../source/rate-cap.ts'
import type { Source } from '../source/source.ts'
import { trustedKeys } from '../store/key-chain.ts'
import { spaceError } from '../store/room.ts'
import { Store } from '../store/store.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText, harmless, jsonLine, show } from '../text.ts'
import { CONFIGURATION_PATH, type Configuration, readConfiguration } from './configuration.ts'
import { numberOf, textOf, type Values } from './options.ts'
import { jsonProgress, logProgress, type ShownProgress, terminalProgress } from './progress.ts'

/** Asked where nothing else is configured: the name that school servers have had from the first. */
const SCHOOL_SERVER = 'rsync://schoolserver/xo'
const BWLIMIT_MAX = 1e7
const STDOUT: Fd = 1
const STDERR: Fd = 2
/** Between two tries for a lock that somebody else has (milliseconds). */
const LOCK_AGAIN_MS = 250

export class Context {
  #configuration: Configuration | undefined
  /** On the command line: nobody else is asked. */
  #sourcesAreNamed = false
  #pace: Pace | undefined
  readonly progress: ShownProgress
  readonly json: boolean

  constructor(
    readonly host: Host,
    readonly values: Values,
    /** Where it shall go somewhere else than to this process's own terminal. */
    progress?: ShownProgress,
  ) {
    this.json = values['--json'] === true
    this.progress = progress ?? this.#openProgress()
  }

  /** Read when it is first asked for: publishers have none. */
  get configuration(): Configuration {
    if (this.#configuration) return this.#configuration
    const { host, values } = this
    const path = textOf(values, '--config')
    const configuration = readConfiguration(host, path ?? CONFIGURATION_PATH, path !== undefined)
    configuration.store = textOf(values, '--store') ?? configuration.store
    configuration.keys = textOf(values, '--keys') ?? configuration.keys
    configuration.passwordFile = textOf(values, '--password-file') ?? configuration.passwordFile
    const kibPerSecond = numberOf(values, '--bwlimit', BWLIMIT_MAX)
    if (kibPerSecond !== undefined) configuration.rateCap = { kibPerSecond, byHours: [] }
    const named = values['--source']
    this.#sourcesAreNamed = Array.isArray(named)
    if (Array.isArray(named)) {
      configuration.sources = named
      configuration.schools = []
    } else {
      const { schools, sources } = configuration
      if (schools.length + sources.length === 0) schools.push(SCHOOL_SERVER)
      configuration.sources = [...schools, ...sources]
    }
    this.#configuration = configuration
    return configuration
  }

  #openProgress(): ShownProgress {
    const { clock, files } = this.host
    if (this.json) return jsonProgress(clock, (text) => write(this.host, STDOUT, text))
    const toStderr = (text: string) => write(this.host, STDERR, text)
    if (!files.isTerminal(STDERR)) return logProgress(clock, toStderr)
    return terminalProgress(clock, toStderr, () => files.terminalWidth(STDERR))
  }

  /** The result of a command: lines for people, or one JSON line. */
  result(record: Record<string, unknown>, lines: string[]): void {
    this.progress.end()
    const text = this.json ? jsonLine({ event: 'result', ...record }) : joined(lines)
    write(this.host, STDOUT, text)
  }

  store(create = false): Store {
    return Store.open(this.host, this.configuration.store, create)
  }

  /**
   * Opens and locks the store for one command. With `create` it is made where it is missing. Where
   * somebody else has the lock, that is waited for as long as `waitSeconds` says.
   */
  async withLockedStore(
    create: boolean,
    use: (store: Store) => number | Promise<number>,
    waitSeconds = 0,
  ): Promise<number> {
    const store = this.store(create)
    try {
      await this.#lock(store, waitSeconds)
      return await use(store)
    } catch (error) {
      throw error instanceof Error
        ? spaceError(store, error, this.configuration.reserveBytes)
        : error
    } finally {
      store.close()
    }
  }

  async #lock(store: Store, waitSeconds: number): Promise<void> {
    const { clock } = this.host
    const endMs = clock.monotonicMs() + waitSeconds * 1000
    for (let tries = 0; ; tries++) {
      try {
        store.lock()
        return
      } catch (error) {
        if (!(error instanceof BusyError) || clock.monotonicMs() >= endMs) throw error
        if (tries === 0) {
          this.progress.note(`${error.message}: waiting for it, at most ${waitSeconds} s`)
        }
        await clock.sleep(LOCK_AGAIN_MS)
      }
    }
  }

  /** The public keys of a role that hold here: the configured ones, and what they were rotated to. */
  keys(role: Role, opened?: Store): PublicKey[] {
    const configured = this.#configuredKeys(role)
    if (opened) return trustedKeys(opened, configured, role)
    let store: Store
    try {
      store = this.store()
    } catch (error) {
      // Before there is a store nothing was rotated.
      if (error instanceof ConfigError) return configured
      throw error
    }
    try {
      return trustedKeys(store, configured, role)
    } finally {
      store.close()
    }
  }

  /** Those that the rotations begin with; a role without any is left out. */
  configuredKeys(): ConfiguredKeys {
    const optional = (role: Role) => {
      try {
        return this.#configuredKeys(role)
      } catch (error) {
        if (error instanceof ConfigError) return []
        throw error
      }
    }
    const release = this.#configuredKeys('release')
    return { release, home: optional('home'), push: optional('push') }
  }

  /** One file, or the files ROLE*.pub of a folder. */
  #configuredKeys(role: Role): PublicKey[] {
    const { files } = this.host
    const path = this.configuration.keys
    let directory: Fd
    try {
      directory = files.openRoot(path)
    } catch (error) {
      if (!isSystemError(error, 'ENOTDIR')) {
        throw new ConfigError(
          `there are no keys at ${show(path)}`,
          `name a public key, or a folder with ${role}*.pub, with --keys`,
        )
      }
      if (role === 'release') return [this.#publicKey(path)]
      throw new ConfigError(
        `${show(path)} is one key, for releases`,
        `name a folder with ${role}*.pub as well as release*.pub`,
      )
    }
    try {
      const names = files
        .readDirectory(directory, '.')
        .filter((name) => name.startsWith(role) && name.endsWith('.pub'))
      if (names.length === 0) {
        throw new ConfigError(`${show(path)} holds no ${role}*.pub`, 'put the public key there')
      }
      return names.map((name) => this.#publicKey(`${path}/${name}`))
    } finally {
      files.close(directory)
    }
  }

  #publicKey(path: Path): PublicKey {
    const content = readSystemFile(this.host.files, path, CONFIGURATION_SIZE_MAX)
    return readPublicKey(this.host, bytesOfArray(content), show(path))
  }

  /** School servers are those of the configuration, and what DHCP names now; all others are upstreams. */
  sources(store: Store, urls: readonly string[]): Source[] {
    const { configuration, host, progress } = this
    const hinted = this.#sourcesAreNamed ? [] : sourcesOfLeases(host.files, configuration.leases)
    const schools = new Set([...hinted, ...configuration.schools])
    const all = [...new Set([...hinted, ...urls])]
    const { rateCap } = configuration
    this.#pace ??= new Pace(() => capAt(rateCap, minuteOfDay(host.clock.wallSeconds())))
    const options = {
      compression: configuration.compression,
      compressLevel: configuration.compressLevel,
      connectTimeoutMs: configuration.connectTimeoutMs,
      timeoutMs: configuration.timeoutMs,
      rateMinBytesPerSecond: configuration.rateMinBytesPerSecond,
      rateWindowMs: rateWindowMs(configuration.rateMinBytesPerSecond),
      password: this.#password(),
      pace: this.#pace,
      ssh: { settings: configuration.ssh, store },
      scratch: () => scratch(store),
      progress,
    }
    return all.map((url) =>
      openSource(host, url, { ...options, role: schools.has(url) ? 'school' : 'upstream' }),
    )
  }

  #password(): string | undefined {
    const { files, processes } = this.host
    const path = this.configuration.passwordFile
    if (path === undefined) return processes.variable('RSYNC_PASSWORD')
    const fd = files.openFile(path)
    const open = (files.statHandle(fd).mode & 0o077) !== 0
    const content = bytesOfArray(readAndClose(files, fd, path, CONFIGURATION_SIZE_MAX))
    if (open) {
      throw new ConfigError(
        `${show(path)} holds a password and is open to others`,
        `run: chmod 600 ${show(path)}`,
      )
    }
    return content.split(/\r?\n/)[0] ?? ''
  }
}

export function write(host: Host, fd: Fd, text: string): void {
  const bytes = arrayOfBytes(bytesOfText(text))
  host.files.write(fd, bytes, 0, bytes.length)
}

function joined(lines: string[]): string {
  return lines.map((line) => `${harmless(line)}\n`).join('')
}

/** An empty file of the store that has no name any more. */
function scratch(store: Store): Fd {
  const { files } = store.host
  if (files.stat(store.directory, 'scratch')) files.removeFile(store.directory, 'scratch')
  const fd = files.createFile(store.directory, 'scratch', 0o600)
  files.removeFile(store.directory, 'scratch')
  return fd
}
