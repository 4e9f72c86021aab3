/**
 * One device as a command or an early boot works with it: what was asked for this time goes before the
 * configuration, and that before the defaults; and the store, keys, secrets and sources that follow.
 */
import { ConfigError, isSystemError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { minuteOfDay } from '../hours.ts'
import { CONFIGURATION_SIZE_MAX } from '../limits.ts'
import type { Progress } from '../progress.ts'
import type { KeyRole } from '../release/keys.ts'
import { type PublicKey, readPublicKey } from '../release/signify.ts'
import { readAndClose, readSystemFile } from '../small-file.ts'
import type { ConfiguredKeys } from '../source/find-release.ts'
import { sourcesOfLeases } from '../source/lease.ts'
import { namesUser, openNeighbour, openSource, Pace, rateWindowMs } from '../source/open-source.ts'
import { capAt } from '../source/rate-cap.ts'
import type { Source, SourceOptions } from '../source/source.ts'
import { trustedKeys } from '../store/key-chain.ts'
import { spaceError } from '../store/room.ts'
import { Store } from '../store/store.ts'
import { GaveWayError, isTurnClaimed } from '../store/turn.ts'
import { bytesOfArray, show } from '../text.ts'
import { CONFIGURATION_PATH, type Configuration, readConfiguration } from './settings.ts'
import { givingWay, lockInTurn } from './turns.ts'

/** Asked if nothing else is configured: the name that school servers have always had. */
const SCHOOL_SERVER = 'rsync://schoolserver/xo'

/** A neighbour gets less patience than a server: nobody who is near takes longer (milliseconds). */
const NEIGHBOUR_CONNECT_TIMEOUT_MS = 3000
const NEIGHBOUR_TIMEOUT_MS = 20_000
/** A mesh of several hops carries more; whoever drips is given up after some twenty seconds. */
const NEIGHBOUR_RATE_MIN_BYTES_PER_SECOND = 2048

/** What holds for this run, instead of what the configuration says. */
export interface Overrides {
  /** The file; undefined: the one in the usual place, if it is there. */
  configuration?: Path | undefined
  store?: Path | undefined
  keys?: Path | undefined
  passwordFile?: Path | undefined
  kibPerSecond?: number | undefined
  /** Everything file by file. */
  withoutPacks?: boolean
  /** These, and nobody else is asked. */
  sources?: string[] | undefined
}

export class Device {
  #configuration: Configuration | undefined
  #pace: Pace | undefined

  constructor(
    readonly host: Host,
    readonly progress: Progress,
    readonly overrides: Overrides = {},
  ) {}

  /** Read when it is first asked for. */
  get configuration(): Configuration {
    this.#configuration ??= this.#configure()
    return this.#configuration
  }

  #configure(): Configuration {
    const { configuration: path, store, keys, passwordFile, ...said } = this.overrides
    const named = path !== undefined
    const configuration = readConfiguration(this.host, path ?? CONFIGURATION_PATH, named)
    configuration.store = store ?? configuration.store
    configuration.keys = keys ?? configuration.keys
    configuration.passwordFile = passwordFile ?? configuration.passwordFile
    configuration.packs &&= !said.withoutPacks
    if (said.kibPerSecond !== undefined) {
      configuration.rateCap = { kibPerSecond: said.kibPerSecond, byHours: [] }
    }
    const { schools, sources } = configuration
    if (said.sources) {
      return { ...configuration, sources: said.sources, schools: [], peers: 'off' }
    }
    if (schools.length + sources.length === 0) schools.push(SCHOOL_SERVER)
    return { ...configuration, sources: [...schools, ...sources] }
  }

  store(create = false): Store {
    return Store.open(this.host, this.configuration.store, create)
  }

  /** Opens the store for as long as it is used. */
  async withStore<Result>(use: (store: Store) => Result | Promise<Result>): Promise<Result> {
    const store = this.store()
    try {
      return await use(store)
    } finally {
      store.close()
    }
  }

  /**
   * Opens and locks the store for one piece of work. With `create` it is made if it is missing.
   * If somebody else holds the lock, it waits for as long as `waitSeconds` says, and at least until
   * somebody who only waits for a source has given way. While it waits for one itself, it gives way and
   * begins again.
   */
  async withLockedStore<Result>(
    create: boolean,
    use: (store: Store) => Result | Promise<Result>,
    waitSeconds = 0,
    /** For work that changes only the state record: if the trees are locked it is done at once, provided that it gives a result. */
    moment?: (store: Store) => Result | undefined,
  ): Promise<Result> {
    const store = this.store(create)
    try {
      const done = moment && !store.tryLock() ? store.alone(() => moment(store)) : undefined
      if (done !== undefined) return done
      if (!store.isLocked) await lockInTurn(store, this.progress, waitSeconds)
      return await givingWay(store, this.progress, () => use(store))
    } catch (error) {
      throw error instanceof Error
        ? spaceError(store, error, this.configuration.reserveBytes)
        : error
    } finally {
      store.close()
    }
  }

  /** As `withLockedStore`, for what only reads: also on a disk that takes no changes. */
  async withReadStore<Result>(use: (store: Store) => Promise<Result>): Promise<Result> {
    return this.withStore(async (store) => {
      store.lockForReading()
      return await use(store)
    })
  }

  /** The public keys of a role that hold here: the configured ones, and what they were rotated to. */
  keys(role: KeyRole, opened?: Store): PublicKey[] {
    const configured = this.#configuredKeys(role)
    if (opened) return trustedKeys(opened, configured, role)
    let store: Store
    try {
      store = this.store()
    } catch (error) {
      // Before there is a store, nothing has been rotated.
      if (error instanceof ConfigError) return configured
      throw error
    }
    try {
      return trustedKeys(store, configured, role)
    } finally {
      store.close()
    }
  }

  /** The keys that the rotations begin with; a role without any is left out. */
  configuredKeys(): ConfiguredKeys {
    const optional = (role: KeyRole) => {
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
  #configuredKeys(role: KeyRole): PublicKey[] {
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
    const { configuration, host } = this
    const isNamed = this.overrides.sources !== undefined
    const hinted = isNamed ? [] : sourcesOfLeases(host.files, configuration.leases)
    const schools = new Set([...hinted, ...configuration.schools])
    const all = [...new Set([...hinted, ...urls])]
    const { ssh } = configuration
    const options = { ...this.#sourceOptions(store), ssh: { settings: ssh, store } }
    const owner = this.#passwordOwner()
    return all.map((url) =>
      openSource(host, url, {
        ...options,
        password: url === owner?.url ? owner.password : undefined,
        role: schools.has(url) ? 'school' : 'upstream',
      }),
    )
  }

  /** One that answered a question: reached at an address, without any secret of ours. */
  neighbour(store: Store, address: { address: string; port: number }, name: string): Source {
    const { address: host, port } = address
    const timeoutMs = NEIGHBOUR_TIMEOUT_MS
    const rateMinBytesPerSecond = NEIGHBOUR_RATE_MIN_BYTES_PER_SECOND
    return openNeighbour(
      this.host,
      { host, port, name },
      {
        ...this.#sourceOptions(store),
        connectTimeoutMs: NEIGHBOUR_CONNECT_TIMEOUT_MS,
        timeoutMs,
        rateMinBytesPerSecond,
        rateWindowMs: rateWindowMs(rateMinBytesPerSecond, timeoutMs),
      },
    )
  }

  #sourceOptions(store: Store): SourceOptions {
    const { configuration, host, progress } = this
    const { rateCap, rateMinBytesPerSecond, timeoutMs } = configuration
    this.#pace ??= new Pace(() => capAt(rateCap, minuteOfDay(host.clock.wallSeconds())))
    return {
      compression: configuration.compression,
      compressLevel: configuration.compressLevel,
      connectTimeoutMs: configuration.connectTimeoutMs,
      timeoutMs,
      rateMinBytesPerSecond,
      rateWindowMs: rateWindowMs(rateMinBytesPerSecond, timeoutMs),
      weakPasswordDigests: configuration.weakPasswordDigests,
      password: undefined,
      pace: this.#pace,
      scratch: () => scratch(store),
      interrupted: () => gaveWay(store),
      progress,
    }
  }

  /** A password belongs to the one source that the operator named with a user; never to one that DHCP or home names. */
  #passwordOwner(): { url: string; password: string } | undefined {
    const password = this.#password()
    if (password === undefined) return undefined
    const { sources, passwordFile = 'RSYNC_PASSWORD' } = this.configuration
    const [url, ...others] = new Set(sources.filter(namesUser))
    if (others.length > 0) {
      throw new ConfigError(
        `the password of ${show(passwordFile)} is for one source, and ${others.length + 1} name a user`,
        'keep the user only in the URL that the password is for',
      )
    }
    return url === undefined ? undefined : { url, password }
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

/** Asked while a source is waited for. */
function gaveWay(store: Store): Error | undefined {
  if (!store.givesWay || !isTurnClaimed(store)) return undefined
  return new GaveWayError(
    'another command wants the store while this one only waits for a source: it goes first, and then this one goes on',
  )
}

/** An empty file in the store without a name. */
function scratch(store: Store): Fd {
  const { files } = store.host
  if (files.stat(store.directory, 'scratch')) files.removeFile(store.directory, 'scratch')
  const fd = files.createFile(store.directory, 'scratch', 0o600)
  files.removeFile(store.directory, 'scratch')
  return fd
}
