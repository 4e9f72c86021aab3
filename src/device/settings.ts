/**
 * The configuration file: INI, parsed by the `ini` package. All that it knows is in one table here;
 * an unknown section or key, or an impossible value, is an error that names its line.
 */

import { parse } from 'ini'
import type { LockPolicy } from '../call-home/lock.ts'
import { isSerial } from '../call-home/reply.ts'
import { ConfigError, isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { type HourWindow, parseHours } from '../hours.ts'
import { CONFIGURATION_SIZE_MAX, VERSION_MAX } from '../limits.ts'
import { didYouMean } from '../nearest.ts'
import { PUSH_PORT } from '../push/upgrade-now.ts'
import { readSystemFile } from '../small-file.ts'
import { WEAK_DIGESTS, type WeakDigest } from '../source/open-source.ts'
import { PATIENCE, type Patience, PEERS_WORDS, type PeersWord } from '../source/order.ts'
import type { RateCap } from '../source/rate-cap.ts'
import { parseHostKey } from '../source/ssh-files.ts'
import type { SshSettings } from '../source/ssh-link.ts'
import { bytesOfArray, isByteString, show } from '../text.ts'
import { BOOT_KEYS, type BootSettings, newBootSettings } from './boot-settings.ts'
import { newServeSettings, SERVE_KEYS, type ServeSettings } from './serve-settings.ts'

export const CONFIGURATION_PATH = '/etc/xo-upgrade.conf'

export interface Configuration {
  store: Path
  /** Bytes that stay free on the store's disk. */
  reserveBytes: number
  /** Packs stay in the store until the next upgrade. */
  keepPacks: boolean
  hardware: string
  deployment: string
  /** Undefined: what the firmware says. */
  serial: string | undefined
  /** URL of the home server; undefined: there is none. */
  home: string | undefined
  homeTimeoutMs: number
  /** After so many days without a fresh word this is said unasked; 0: never. */
  staleDays: number
  /** Between rounds, where no home server says. */
  intervalSeconds: number
  hold: boolean
  pinned: number | undefined
  allowDowngrade: boolean
  onBattery: boolean
  hours: HourWindow | undefined
  inhibit: Path
  lock: LockPolicy
  /** Run while the laptop is known as stolen. */
  stolenHook: Path | undefined
  /** Where the daemon tells what it is doing. */
  controlSocket: Path
  /** The port where pushes are heard, 0: nowhere; and within how many seconds a round follows. */
  pushPort: number
  pushSpreadSeconds: number
  /** URLs: school servers, and upstreams, each in the order to try them. */
  schools: string[]
  /** How the laptop starts; without what [trial] says. */
  boot: BootSettings
  serve: ServeSettings
  sources: string[]
  /** Files of key=value lines that a DHCP client left; none: those of /run/xo. */
  leases: Path[]
  /** When neighbours are asked for a version. */
  peers: PeersWord
  patience: Patience
  rateCap: RateCap
  ssh: SshSettings
  keys: Path
  /** Packs are taken where they are fewer bytes. */
  packs: boolean
  compression: 'auto' | 'zstd' | 'zlibx' | 'none'
  compressLevel: number | undefined
  connectTimeoutMs: number
  timeoutMs: number
  rateMinBytesPerSecond: number
  passwordFile: Path | undefined
  /** Digests weaker than SHA-256 that may be used to prove the password. */
  weakPasswordDigests: WeakDigest[]
  /** How many boots a new version has to become healthy; 0: no limit. */
  trialBoots: number
  /** The folder of the hooks that say whether the system is healthy, and how long one may take. */
  healthHooks: Path
  healthTimeoutMs: number
}

const DEFAULTS: Configuration = {
  store: '/xo',
  reserveBytes: 16e6,
  keepPacks: false,
  hardware: 'any',
  deployment: 'any',
  serial: undefined,
  home: undefined,
  homeTimeoutMs: 30_000,
  staleDays: 30,
  intervalSeconds: 6 * 3600,
  hold: false,
  pinned: undefined,
  allowDowngrade: false,
  onBattery: false,
  hours: undefined,
  inhibit: '/etc/xo-upgrade/inhibit.d',
  lock: { enforce: false, graceSeconds: 14 * 86_400 },
  stolenHook: undefined,
  controlSocket: '/run/xo-upgrade/control.sock',
  pushPort: PUSH_PORT,
  pushSpreadSeconds: 300,
  schools: [],
  boot: newBootSettings(),
  serve: newServeSettings(),
  sources: [],
  leases: [],
  peers: 'before-school',
  patience: PATIENCE,
  rateCap: { kibPerSecond: 0, byHours: [] },
  ssh: { key: undefined, hostKeys: [], program: undefined },
  keys: '/etc/xo-upgrade/keys',
  packs: true,
  compression: 'auto',
  compressLevel: undefined,
  connectTimeoutMs: 10_000,
  timeoutMs: 60_000,
  rateMinBytesPerSecond: 64,
  passwordFile: undefined,
  weakPasswordDigests: [],
  trialBoots: 3,
  healthHooks: '/etc/xo-upgrade/health.d',
  healthTimeoutMs: 60_000,
}

/** What takes a text as it is. */
type WordKey = {
  [Key in keyof Configuration]: string extends Configuration[Key] ? Key : never
}[keyof Configuration]

type Setter<Part = Configuration> = (
  part: Part,
  value: string,
  fail: (allowed: string) => never,
) => void

const number =
  (set: (configuration: Configuration, value: number) => void, max: number): Setter =>
  (configuration, value, fail) => {
    if (!/^[0-9]{1,12}$/.test(value) || Number(value) > max) fail(`a number from 0 to ${max}`)
    set(configuration, Number(value))
  }

const text =
  (set: (configuration: Configuration, value: string) => void): Setter =>
  (configuration, value, fail) => {
    if (value === '') fail('a text that is not empty')
    set(configuration, value)
  }

const yesOrNo =
  (set: (configuration: Configuration, value: boolean) => void): Setter =>
  (configuration, value, fail) => {
    // The parser makes booleans of exactly these words.
    if (!['yes', 'no', 'true', 'false'].includes(value)) fail('yes or no')
    set(configuration, value === 'yes' || value === 'true')
  }

const word = (key: WordKey): Setter =>
  text((configuration, value) => {
    configuration[key] = value
  })

const flag = (key: 'allowDowngrade' | 'hold' | 'keepPacks' | 'onBattery' | 'packs'): Setter =>
  yesOrNo((configuration, value) => {
    configuration[key] = value
  })

const list = (key: 'leases' | 'schools' | 'sources'): Setter =>
  text((configuration, value) => {
    configuration[key].push(value)
  })

const patience = (key: keyof Patience, max: number): Setter =>
  number((configuration, value) => {
    configuration.patience = { ...configuration.patience, [key]: value }
  }, max)

const COMPRESSION_WORDS = ['auto', 'zstd', 'zlibx', 'none'] as const

/** Keys that have a file of their own, for the part of the configuration that they set. */
const within = <Part>(keys: Record<string, Setter<Part>>, part: (of: Configuration) => Part) =>
  Object.fromEntries(
    Object.entries(keys).map(([key, set]): [string, Setter] => [
      key,
      (configuration, ...rest) => set(part(configuration), ...rest),
    ]),
  )

/** `section.key` to what it sets. */
const SETTERS: Record<string, Setter> = {
  ...within(BOOT_KEYS, ({ boot }) => boot),
  ...within(SERVE_KEYS, ({ serve }) => serve),
  'store.path': word('store'),
  'store.keep-free-mb': number((configuration, value) => {
    configuration.reserveBytes = value * 1e6
  }, 1_000_000),
  'store.keep-packs': flag('keepPacks'),
  'device.hardware': word('hardware'),
  'device.deployment': word('deployment'),
  'device.serial': (configuration, value, fail) => {
    if (!isSerial(value)) fail('1 to 64 letters, digits, ".", "_" and "-"')
    configuration.serial = value
  },
  'home.url': word('home'),
  'home.timeout-seconds': number((configuration, value) => {
    configuration.homeTimeoutMs = value * 1000
  }, 3600),
  'home.stale-days': number((configuration, value) => {
    configuration.staleDays = value
  }, 3660),
  'home.interval-minutes': number((configuration, value) => {
    configuration.intervalSeconds = value * 60
  }, 10_080),
  'policy.hold': flag('hold'),
  'policy.version': (configuration, value, fail) => {
    if (!/^[1-9][0-9]{0,8}$/.test(value)) fail(`a number from 1 to ${VERSION_MAX}`)
    configuration.pinned = Number(value)
  },
  'policy.allow-downgrade': flag('allowDowngrade'),
  'policy.on-battery': flag('onBattery'),
  'policy.hours': (configuration, value, fail) => {
    configuration.hours = parseHours(value) ?? fail('for instance 22:00-06:00')
  },
  'policy.inhibit': word('inhibit'),
  'anti-theft.enforce': yesOrNo((configuration, value) => {
    configuration.lock = { ...configuration.lock, enforce: value }
  }),
  'anti-theft.grace-days': number((configuration, value) => {
    configuration.lock = { ...configuration.lock, graceSeconds: value * 86_400 }
  }, 3660),
  'anti-theft.stolen-hook': word('stolenHook'),
  'push.port': number((configuration, value) => {
    configuration.pushPort = value
  }, 65_535),
  'push.spread-seconds': number((configuration, value) => {
    configuration.pushSpreadSeconds = value
  }, 86_400),
  'daemon.control': word('controlSocket'),
  'sources.url': list('sources'),
  'sources.school': list('schools'),
  'sources.upstream': list('sources'),
  'sources.dhcp-lease': list('leases'),
  'sources.peers': (configuration, value, fail) => {
    configuration.peers = PEERS_WORDS.find((one) => one === value) ?? fail(PEERS_WORDS.join(', '))
  },
  'sources.school-tries': patience('schoolTries', 100),
  'sources.first-wait-seconds': patience('firstSeconds', 86_400),
  'sources.longest-wait-seconds': patience('longestSeconds', 30 * 86_400),
  'transfer.packs': flag('packs'),
  'transfer.bwlimit': number((configuration, value) => {
    configuration.rateCap.kibPerSecond = value
  }, 1e7),
  'transfer.bwlimit-at': (configuration, value, fail) => {
    const [, window = '', kib = ''] = /^(\S+) ([0-9]{1,7})$/.exec(value) ?? []
    const hours = parseHours(window) ?? fail('for instance 08:00-16:00 50')
    configuration.rateCap.byHours.push({ hours, kibPerSecond: Number(kib) })
  },
  'ssh.key': text((configuration, value) => {
    configuration.ssh = { ...configuration.ssh, key: value }
  }),
  'ssh.host-key': (configuration, value, fail) => {
    const key = parseHostKey(value) ?? fail("the server's .pub: ssh-ed25519 AAAA…")
    configuration.ssh = { ...configuration.ssh, hostKeys: [...configuration.ssh.hostKeys, key] }
  },
  'ssh.program': text((configuration, value) => {
    configuration.ssh = { ...configuration.ssh, program: value }
  }),
  'trust.keys': word('keys'),
  'transfer.compress': (configuration, value, fail) => {
    const known = COMPRESSION_WORDS.find((compression) => compression === value)
    if (!known) return fail(COMPRESSION_WORDS.join(', '))
    configuration.compression = known
  },
  'transfer.compress-level': number((configuration, value) => {
    configuration.compressLevel = value
  }, 22),
  'transfer.connect-timeout-seconds': number((configuration, value) => {
    configuration.connectTimeoutMs = value * 1000
  }, 3600),
  'transfer.timeout-seconds': number((configuration, value) => {
    configuration.timeoutMs = value * 1000
  }, 86_400),
  'transfer.minimum-bytes-per-second': number((configuration, value) => {
    configuration.rateMinBytesPerSecond = value
  }, 1e9),
  'transfer.password-file': word('passwordFile'),
  'transfer.weak-password-digest': (configuration, value, fail) => {
    const known = WEAK_DIGESTS.find((digest) => digest === value)
    configuration.weakPasswordDigests.push(known ?? fail(WEAK_DIGESTS.join(', ')))
  },
  'trial.boots': number((configuration, value) => {
    configuration.trialBoots = value
  }, 1000),
  'trial.health-hooks': word('healthHooks'),
  'trial.health-timeout-seconds': number((configuration, value) => {
    configuration.healthTimeoutMs = value * 1000
  }, 86_400),
}

/** With lists of their own, to be filled. */
export function defaults(): Configuration {
  const rateCap = { ...DEFAULTS.rateCap, byHours: [] }
  const lists = { schools: [], sources: [], leases: [], weakPasswordDigests: [] }
  return { ...DEFAULTS, ...lists, rateCap, boot: newBootSettings(), serve: newServeSettings() }
}

/** Reads the file over the defaults. A missing file is fine unless it was `named` by somebody. */
export function readConfiguration(host: Host, path: Path, named: boolean): Configuration {
  let content: Uint8Array
  try {
    content = readSystemFile(host.files, path, CONFIGURATION_SIZE_MAX)
  } catch (error) {
    if (!named && isSystemError(error, 'ENOENT')) return defaults()
    throw error
  }
  return parseConfiguration(bytesOfArray(content), show(path))
}

export function parseConfiguration(content: string, name: string): Configuration {
  const configuration = defaults()
  // An editor may have left a mark of the encoding before the first section.
  const parsed = parse(content.replace(/^\xef\xbb\xbf/, '')) as Record<string, unknown>
  for (const [section, keys] of Object.entries(parsed)) {
    if (typeof keys !== 'object' || keys === null) {
      throw wrong(content, name, ['', section], `"${section}" is outside any section`)
    }
    for (const [key, value] of Object.entries(keys)) {
      // The parser takes the dot in a section's name for a section within a section.
      if (isSection(value)) {
        throw wrong(
          content,
          name,
          [`${section}.${key}`, ''],
          `there is no section [${section}.${key}]`,
        )
      }
      const setter = SETTERS[`${section}.${key}`]
      if (!setter) {
        const known = Object.keys(SETTERS)
        const said = `unknown key "${section}.${key}"`
        const guess = didYouMean(`${section}.${key}`, known)
        throw wrong(
          content,
          name,
          [section, key],
          `${said}${guess || `; known are ${known.join(', ')}`}`,
        )
      }
      for (const one of Array.isArray(value) ? value : [value]) {
        const text = String(one)
        const fail = (allowed: string) => {
          const found = `${section}.${key} is "${text}", allowed: ${allowed}`
          throw wrong(content, name, [section, key], found)
        }
        // In quotes anything may be spelled out.
        if (!isByteString(text)) fail('bytes, and no NUL among them')
        setter(configuration, text, fail)
      }
    }
  }
  return configuration
}

const isSection = (value: unknown) => typeof value === 'object' && !Array.isArray(value)

/** `ini` keeps no line numbers: the first line of the section that sets the key is the one meant. */
function wrong(
  content: string,
  name: string,
  [section, key]: [string, string],
  message: string,
): ConfigError {
  let current = ''
  const index = content.split('\n').findIndex((line) => {
    const header = /^\s*\[([^\]]*)\]/.exec(line)?.[1]
    if (header !== undefined) {
      current = header.trim()
      return current === section && key === ''
    }
    const [word = ''] = line.split('=', 1)
    return current === section && word.trim().replace(/\[\]$/, '') === key
  })
  return new ConfigError(`${name}${index < 0 ? '' : `, line ${index + 1}`}: ${message}`)
}
