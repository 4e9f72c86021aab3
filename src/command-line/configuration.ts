/**
 * The configuration file: INI, parsed by the `ini` package. What it knows stands in one table here;
 * an unknown section or key, or a value that can't be, is an error that names its line.
 */
import { parse } from 'ini'
import { ConfigError, isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { CONFIGURATION_SIZE_MAX } from '../limits.ts'
import { readSystemFile } from '../small-file.ts'
import { bytesOfArray, show } from '../text.ts'

export const CONFIGURATION_PATH = '/etc/xo-upgrade.conf'

export interface Configuration {
  store: Path
  /** Bytes that stay free on the store's disk. */
  reserveBytes: number
  hardware: string
  deployment: string
  sources: string[]
  keys: Path
  compression: 'auto' | 'zstd' | 'zlibx' | 'none'
  compressLevel: number | undefined
  connectTimeoutMs: number
  timeoutMs: number
  rateMinBytesPerSecond: number
  passwordFile: Path | undefined
  /** Boots that a new version has to become healthy; 0: as many as it likes. */
  trialBoots: number
  /** The folder of the hooks that say whether the system is healthy, and how long one may take. */
  healthHooks: Path
  healthTimeoutMs: number
}

export const DEFAULTS: Configuration = {
  store: '/xo',
  reserveBytes: 16e6,
  hardware: 'any',
  deployment: 'any',
  sources: [],
  keys: '/etc/xo-upgrade/keys',
  compression: 'auto',
  compressLevel: undefined,
  connectTimeoutMs: 10_000,
  timeoutMs: 60_000,
  rateMinBytesPerSecond: 0,
  passwordFile: undefined,
  trialBoots: 3,
  healthHooks: '/etc/xo-upgrade/health.d',
  healthTimeoutMs: 60_000,
}

type Setter = (
  configuration: Configuration,
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

const COMPRESSIONS = ['auto', 'zstd', 'zlibx', 'none'] as const

/** `section.key` to what it sets. */
const KEYS: Record<string, Setter> = {
  'store.path': text((configuration, value) => {
    configuration.store = value
  }),
  'store.keep-free-mb': number((configuration, value) => {
    configuration.reserveBytes = value * 1e6
  }, 1_000_000),
  'device.hardware': text((configuration, value) => {
    configuration.hardware = value
  }),
  'device.deployment': text((configuration, value) => {
    configuration.deployment = value
  }),
  'sources.url': text((configuration, value) => {
    configuration.sources.push(value)
  }),
  'trust.keys': text((configuration, value) => {
    configuration.keys = value
  }),
  'transfer.compress': (configuration, value, fail) => {
    const known = COMPRESSIONS.find((compression) => compression === value)
    if (!known) return fail(COMPRESSIONS.join(', '))
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
  'transfer.password-file': text((configuration, value) => {
    configuration.passwordFile = value
  }),
  'trial.boots': number((configuration, value) => {
    configuration.trialBoots = value
  }, 1000),
  'trial.health-hooks': text((configuration, value) => {
    configuration.healthHooks = value
  }),
  'trial.health-timeout-seconds': number((configuration, value) => {
    configuration.healthTimeoutMs = value * 1000
  }, 86_400),
}

/** Reads the file over the defaults. A missing file is fine unless it was `named` by somebody. */
export function readConfiguration(host: Host, path: Path, named: boolean): Configuration {
  let content: Uint8Array
  try {
    content = readSystemFile(host.files, path, CONFIGURATION_SIZE_MAX)
  } catch (error) {
    if (!named && isSystemError(error, 'ENOENT')) return { ...DEFAULTS, sources: [] }
    throw error
  }
  return parseConfiguration(bytesOfArray(content), show(path))
}

export function parseConfiguration(content: string, name: string): Configuration {
  const configuration: Configuration = { ...DEFAULTS, sources: [] }
  const parsed = parse(content) as Record<string, unknown>
  for (const [section, keys] of Object.entries(parsed)) {
    if (typeof keys !== 'object' || keys === null) {
      throw wrong(content, name, section, `"${section}" stands outside of any section`)
    }
    for (const [key, value] of Object.entries(keys)) {
      const setter = KEYS[`${section}.${key}`]
      if (!setter) {
        const known = Object.keys(KEYS).join(', ')
        throw wrong(content, name, key, `unknown key "${section}.${key}"; known are ${known}`)
      }
      for (const one of Array.isArray(value) ? value : [value]) {
        setter(configuration, String(one), (allowed) => {
          throw wrong(content, name, key, `${section}.${key} is "${one}", allowed is ${allowed}`)
        })
      }
    }
  }
  return configuration
}

/** `ini` keeps no line numbers: the first line that begins with the word is the one meant. */
function wrong(content: string, name: string, word: string, message: string): ConfigError {
  const lines = content.split('\n').map((line) => line.trim().replace(/^\[/, ''))
  const index = lines.findIndex((line) => line.startsWith(word))
  return new ConfigError(`${name}${index < 0 ? '' : `, line ${index + 1}`}: ${message}`)
}
