/**
 * What the kernel's command line says to the early boot: the words that begin with `xo.`, and
 * `init=`. Pure. It refuses nothing, because a typo in a firmware script must not keep a laptop
 * from starting: what it does not understand is shown on the console.
 */
import { ROOT_MODES, type RootMode } from '../../device/boot-settings.ts'
import type { Path } from '../../host.ts'

export type RecoveryWay = 'any' | 'network' | 'usb' | 'repair'

export interface KernelWords {
  /** A place as `store-place.ts` reads it. */
  store: string | undefined
  init: Path | undefined
  root: RootMode | undefined
  boot: 'previous' | undefined
  recover: RecoveryWay | undefined
  menu: boolean
  debug: boolean
  /** How long to wait for the disk. */
  waitSeconds: number | undefined
  /** Sources to recover from, before all others. */
  sources: string[]
  /** Words that were meant for us, and that we don't understand. */
  strange: string[]
}

const WAYS: RecoveryWay[] = ['any', 'network', 'usb', 'repair']
/** A day: longer than anybody waits (seconds). */
const WAIT_MAX = 86_400

type Taker = (words: KernelWords, value: string | undefined) => boolean

const TAKERS: Record<string, Taker> = {
  'xo.store': (words, value) => set(value, (store) => Object.assign(words, { store })),
  'xo.root': (words, value) => {
    words.root = ROOT_MODES.find((mode) => mode === value)
    return words.root !== undefined
  },
  'xo.boot': (words, value) => {
    words.boot = value === 'previous' ? value : undefined
    return value === 'previous'
  },
  'xo.recover': (words, value) => {
    words.recover = WAYS.find((way) => way === (value ?? 'any'))
    return words.recover !== undefined
  },
  'xo.menu': (words, value) => {
    words.menu = true
    return value === undefined
  },
  'xo.debug': (words, value) => {
    words.debug = true
    return value === undefined
  },
  'xo.wait': (words, value) => {
    const valid = /^[0-9]{1,5}$/.test(value ?? '') && Number(value) <= WAIT_MAX
    if (valid) words.waitSeconds = Number(value)
    return valid
  },
  'xo.source': (words, value) => set(value, (url) => words.sources.push(url)),
  init: (words, value) =>
    // Where the firmware says `init=/init`, that is us.
    set(value, (init) => Object.assign(words, { init: init === '/init' ? undefined : init })),
}

export function parseKernelWords(commandLine: string): KernelWords {
  const words: KernelWords = {
    ...{ store: undefined, init: undefined, root: undefined, boot: undefined, recover: undefined },
    ...{ menu: false, debug: false, waitSeconds: undefined, sources: [], strange: [] },
  }
  for (const word of split(commandLine)) {
    const equals = word.indexOf('=')
    const key = equals < 0 ? word : word.slice(0, equals)
    const taker = Object.hasOwn(TAKERS, key) ? TAKERS[key] : undefined
    const understood = taker?.(words, equals < 0 ? undefined : word.slice(equals + 1))
    if (understood === false || (!taker && key.startsWith('xo.'))) words.strange.push(word)
  }
  return words
}

function set(value: string | undefined, take: (value: string) => unknown): boolean {
  if (value === undefined || value === '') return false
  take(value)
  return true
}

/** As the kernel does: spaces part words, but not between double quotes, which are taken away. */
function split(commandLine: string): string[] {
  const words: string[] = commandLine.match(/(?:"[^"]*"?|[^\s"])+/g) ?? []
  const end = words.indexOf('--')
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replace(/"/g, ''))
}
