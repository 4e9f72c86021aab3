/** The keys of the section [serve]: whether a laptop hands on what it has, to how many, and when. */
import type { Path } from '../host.ts'
import { type HourWindow, parseHours } from '../hours.ts'
import { type ListenAddress, parseListen } from './listen-address.ts'

/** What is undefined here depends on what is served: `src/serve/limits.ts` has it. */
export interface ServeSettings {
  /** As a part of the daemon. */
  enabled: boolean
  /** None: on all addresses. */
  listen: ListenAddress[]
  clients: number | undefined
  /** Of all clients together; 0: no cap. */
  bytesPerSecond: number | undefined
  hours: HourWindow | undefined
  onBattery: boolean
  /** Lines `USER:PASSWORD`; undefined: everybody may read. */
  secretsFile: Path | undefined
}

const SERVE_DEFAULTS: ServeSettings = {
  enabled: false,
  listen: [],
  clients: undefined,
  bytesPerSecond: undefined,
  hours: undefined,
  onBattery: false,
  secretsFile: undefined,
}

type Set = (settings: ServeSettings, value: string, fail: (allowed: string) => never) => void

/** More have no room in the memory that native code gets. */
const CLIENTS_MAX = 200
const BYTES_PER_SECOND_MAX = 1e10

const number =
  (set: (settings: ServeSettings, value: number) => void, min: number, max: number): Set =>
  (settings, value, fail) => {
    const isNumber = /^[0-9]{1,12}$/.test(value) && Number(value) >= min && Number(value) <= max
    if (!isNumber) fail(`a number from ${min} to ${max}`)
    set(settings, Number(value))
  }

const yesOrNo =
  (key: 'enabled' | 'onBattery'): Set =>
  (settings, value, fail) => {
    if (!['yes', 'no', 'true', 'false'].includes(value)) fail('yes or no')
    settings[key] = value === 'yes' || value === 'true'
  }

/** `section.key` to what it sets. */
export const SERVE_KEYS: Record<string, Set> = {
  'serve.enabled': yesOrNo('enabled'),
  'serve.listen'(settings, value, fail) {
    settings.listen.push(parseListen(value) ?? fail('for instance 0.0.0.0:873, or [::]:873'))
  },
  'serve.clients': number(
    (settings, value) => {
      settings.clients = value
    },
    1,
    CLIENTS_MAX,
  ),
  'serve.bytes-per-second': number(
    (settings, value) => {
      settings.bytesPerSecond = value
    },
    0,
    BYTES_PER_SECOND_MAX,
  ),
  'serve.hours'(settings, value, fail) {
    settings.hours = parseHours(value) ?? fail('for instance 22:00-06:00')
  },
  'serve.on-battery': yesOrNo('onBattery'),
  'serve.secrets-file'(settings, value, fail) {
    if (value === '') fail('a text that is not empty')
    settings.secretsFile = value
  },
}

/** Settings that the list may be added to. */
export function newServeSettings(): ServeSettings {
  return { ...SERVE_DEFAULTS, listen: [] }
}
