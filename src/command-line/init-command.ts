/**
 * The program as the first process of a laptop: when it is that, and what the early boot stands on.
 * Nothing here may end the process.
 */
import type { Ground, RecoveryJob } from '../boot/ground.ts'
import { runInit } from '../boot/init.ts'
import { callHome } from '../call-home/call-home.ts'
import { parseHttpUrl } from '../call-home/http-post.ts'
import { lockVerdict, recordReply, unlock, unlockName } from '../call-home/lock.ts'
import { readSerial } from '../call-home/serial.ts'
import { ConfigError, isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { REPLY_SIZE_MAX } from '../limits.ts'
import { recoverSystem } from '../recover.ts'
import { readFile } from '../small-file.ts'
import { guessesOfLeases, sourcesOfLeases } from '../source/lease.ts'
import { readState } from '../trees/state.ts'
import { Store } from '../trees/store.ts'
import { newBootSettings, STICK_LABEL } from './boot-settings.ts'
import { type Command, DEBUG, HELP } from './command.ts'
import { type Configuration, DEFAULTS } from './configuration.ts'
import { Context } from './context.ts'
import { terminalProgress } from './progress.ts'

/** Columns of a console that does not say how many it has. */
const COLUMNS = 80

export const initCommand: Command = {
  name: 'init',
  summary: 'start the laptop: only as its first process',
  about:
    'What the kernel runs as /init of the initramfs: finds the store, chooses a tree, repairs it\n' +
    'where it has to, and starts it. Run by hand it needs a process namespace of its own, and takes\n' +
    "the words of the kernel's command line as its own: xo.store=…, xo.debug and so on.\n" +
    'docs/BOOT.md lists them.',
  options: [DEBUG, HELP],
  needsRoot: true,
  async run({ host }) {
    throw new ConfigError(
      `init has to be the first process, and this is process ${host.system.processId()}`,
      'for a test: unshare --mount --pid --fork xo-upgrade init WORD…',
    )
  },
}

/** The one rule: process 1, and called `init` by its name or by its first word. runtime/host has the same. */
export function isInit({ system, processes }: Host): boolean {
  return system.processId() === 1 && (isNamedInit(processes.argv) || processes.argv[1] === 'init')
}

/** The words of the command line; a program that is named `init` has its command in its name. */
export function wordsOf(argv: Path[]): Path[] {
  return isNamedInit(argv) ? ['init'] : argv.slice(1)
}

function isNamedInit([program = '']: Path[]): boolean {
  return program.slice(program.lastIndexOf('/') + 1) === 'init'
}

export function init(host: Host, programVersion: string): Promise<never> {
  return runInit(groundOf(host, programVersion))
}

function groundOf(host: Host, programVersion: string): Ground {
  const { argv } = host.processes
  const named = isNamedInit(argv)
  // A new context each time: a configuration that was wrong is not asked for again otherwise.
  const context = () => new Context(host, {}, silent)
  return {
    host,
    programVersion,
    ownsMachine: named,
    words: argv.slice(named ? 1 : 2),
    settings: () => settingsOf(context().configuration),
    defaults: settingsOf(DEFAULTS),
    keys: () => [...context().configuredKeys().release],
    sources: () => (configured(context()) ?? DEFAULTS).sources,
    sourcesOfDhcp: () => sourcesOfDhcp(host, configured(context()) ?? DEFAULTS),
    openStore: (path, create) => Store.open(host, path, create),
    recover: (job) => recover(host, job),
    locked: (store) => lockedBy(store, configured(context()) ?? DEFAULTS),
    findRelease: (store, folders, say) => findRelease(context(), store, folders, say),
    voice: (write) => terminalProgress(host.clock, write, () => COLUMNS),
  }
}

const silent = { begin() {}, advance() {}, traffic() {}, note() {}, end() {} }

function settingsOf({ boot, trialBoots, lock }: Configuration) {
  const { stickLabels } = boot
  return {
    ...newBootSettings(),
    ...boot,
    trialBoots,
    // A lock that a shell opens is none.
    rescueShell: boot.rescueShell && !lock.enforce,
    stickLabels: stickLabels.length > 0 ? stickLabels : [STICK_LABEL],
  }
}

/** Undefined where it can't be used, which was told when the settings were read. */
function configured(context: Context): Configuration | undefined {
  try {
    return context.configuration
  } catch (error) {
    if (error instanceof ConfigError || isSystemError(error)) return undefined
    throw error
  }
}

async function recover(host: Host, { store, urls, progress }: RecoveryJob): Promise<void> {
  const context = new Context(host, {}, progress)
  const { hardware, deployment, reserveBytes } = configured(context) ?? DEFAULTS
  const keys = context.configuredKeys()
  const sources = context.sources(store, urls)
  try {
    const job = {
      ...{ store, sources, reserveBytes, progress, version: undefined, allowDowngrade: false },
      keys: [...keys.release],
      configured: keys,
      device: { hardware, deployment },
    }
    await recoverSystem(job, true)
  } finally {
    for (const source of sources) source.close()
  }
}

function sourcesOfDhcp({ files }: Host, { leases }: Configuration): string[] {
  return [...sourcesOfLeases(files, leases), ...guessesOfLeases(files, leases)]
}

function lockedBy(store: Store, { lock }: Configuration): string | undefined {
  try {
    return lockVerdict(readState(store), lock)
  } catch (error) {
    // A record that can't be read says nothing about a lock.
    if (error instanceof ConfigError || isSystemError(error)) return undefined
    throw error
  }
}

/** A signed word on a stick, then the home server's. What is found changes the store's record. */
async function findRelease(
  context: Context,
  store: Store,
  folders: Path[],
  say: (text: string) => void,
): Promise<void> {
  const { host, configuration } = context
  const { serial: given, home, homeTimeoutMs: timeoutMs, hardware, deployment } = configuration
  const serial = readSerial(host.files, given)
  const keys = context.keys('home', store)
  for (const folder of folders) {
    const directory = host.files.openRoot(folder)
    try {
      const statement = readFile(host.files, directory, unlockName(serial), REPLY_SIZE_MAX)
      if (statement) return unlock(store, statement, keys, serial)
      say(`The stick has no ${unlockName(serial)}.`)
    } finally {
      host.files.close(directory)
    }
  }
  if (home === undefined) return say('No home server is configured.')
  const server = { address: parseHttpUrl(home), keys, timeoutMs }
  const laptop = { serial, hardware, deployment, installed: store.version('fakeroot') }
  recordReply(store, await callHome(host, server, laptop, readState(store)))
}
