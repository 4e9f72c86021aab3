/** The keys of the section [boot], and of [recovery]: how the laptop starts, and what outlives an upgrade. */

import { ConfigError } from '../errors.ts'
import type { Path } from '../host.ts'
import { parseStorePlace } from './store-place.ts'

/** How a tree is mounted as the root. */
export type RootMode = 'rw' | 'ro' | 'overlay'
export const ROOT_MODES: readonly RootMode[] = ['rw', 'ro', 'overlay']

/** What the configuration says about starting. */
export interface BootSettings {
  /** A place as `store-place.ts` reads it; undefined: only the kernel's command line names it. */
  store: string | undefined
  storeWaitSeconds: number
  /** Programs to start, first choice first; [] if the kernel's own choice will do. */
  inits: Path[]
  root: RootMode
  /** Absolute paths whose content is kept apart from the tree. */
  persist: Path[]
  /** Folders that are written over the tree; the changes are kept. */
  overlay: Path[]
  /** Folders that are written over the tree; the changes are forgotten at the next start. */
  volatile: Path[]
  /** How many boots a new version has to become healthy. */
  trialBoots: number
  /** Days without a fresh word after which the console says so; 0: never. */
  staleDays: number
  /** How long a key is waited for; 0: there is no menu unless `xo.menu` asks for it. */
  menuSeconds: number
  rescueShell: boolean
  /** For a trial; 0: none is armed. */
  watchdogSeconds: number
  /** Names of the sticks that a recovery looks for. */
  stickLabels: string[]
}

const BOOT_DEFAULTS: BootSettings = {
  store: undefined,
  storeWaitSeconds: 30,
  inits: [],
  root: 'rw',
  persist: [],
  overlay: [],
  volatile: [],
  trialBoots: 3,
  staleDays: 30,
  menuSeconds: 1,
  rescueShell: true,
  watchdogSeconds: 300,
  stickLabels: [],
}
/** If the configuration names no stick. */
const STICK_LABEL = 'XO-RELEASE'

type Set = (settings: BootSettings, value: string, fail: (allowed: string) => never) => void

/** Below the tree's root, and not the root itself. */
const path =
  (take: (settings: BootSettings) => string[]): Set =>
  (settings, value, fail) => {
    const names = value.split('/').filter(Boolean)
    if (!value.startsWith('/') || names.length === 0 || names.includes('..')) {
      fail('a path that begins with a slash, and is not / itself')
    }
    take(settings).push(`/${names.join('/')}`)
  }

const seconds =
  (set: (settings: BootSettings, value: number) => void, max: number): Set =>
  (settings, value, fail) => {
    if (!/^[0-9]{1,6}$/.test(value) || Number(value) > max) fail(`seconds, from 0 to ${max}`)
    set(settings, Number(value))
  }

/** `section.key` to what it sets. */
export const BOOT_KEYS: Record<string, Set> = {
  'boot.store'(settings, value, fail) {
    try {
      settings.store = parseStorePlace(value).text
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      fail(error.cure?.replace(/^allowed: /, '') ?? 'a disk')
    }
  },
  'boot.wait-seconds': seconds((settings, value) => {
    settings.storeWaitSeconds = value
  }, 86_400),
  'boot.init': path((settings) => settings.inits),
  'boot.root'(settings, value, fail) {
    const root = ROOT_MODES.find((mode) => mode === value)
    if (!root) return fail('rw, ro or overlay')
    settings.root = root
  },
  'boot.persist': path((settings) => settings.persist),
  'boot.overlay': path((settings) => settings.overlay),
  'boot.volatile': path((settings) => settings.volatile),
  'boot.menu-seconds': seconds((settings, value) => {
    settings.menuSeconds = value
  }, 60),
  'boot.rescue-shell'(settings, value, fail) {
    if (!['yes', 'no', 'true', 'false'].includes(value)) fail('yes or no')
    settings.rescueShell = value === 'yes' || value === 'true'
  },
  'boot.watchdog-seconds': seconds((settings, value) => {
    settings.watchdogSeconds = value
  }, 86_400),
  'recovery.stick'(settings, value, fail) {
    if (value === '') fail('the name of a USB stick')
    settings.stickLabels.push(value)
  },
}

/** Settings that lists may be added to. */
export function newBootSettings(): BootSettings {
  const lists = { inits: [], persist: [], overlay: [], volatile: [], stickLabels: [] }
  return { ...BOOT_DEFAULTS, ...lists }
}

/** What an early boot goes by, out of all that the configuration says. */
export function bootSettingsOf({
  boot,
  trialBoots,
  staleDays,
  lock,
}: {
  boot: BootSettings
  trialBoots: number
  staleDays: number
  lock: { enforce: boolean }
}): BootSettings {
  const { stickLabels, rescueShell } = boot
  return {
    ...boot,
    trialBoots,
    staleDays,
    // A lock that a shell opens is none.
    rescueShell: rescueShell && !lock.enforce,
    stickLabels: stickLabels.length > 0 ? stickLabels : [STICK_LABEL],
  }
}
