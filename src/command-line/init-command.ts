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
import { readState, salvageState } from '../store/state.ts'
import { Store } from '../store/store.ts'
import { newBootSettings, STICK_LABEL } from './boot-settings.ts'
import { type Command, DEBUG, HELP } from './command.ts'
import { type Configuration, DEFAULTS } from './configuration.ts'
import { Context } from './context.ts'
import type { Values } from './options.ts'
import { type ShownProgress, terminalProgress } from './progress.ts'

/** An empty file. */
const NO_CONFIGURATION = '/dev/null'
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
  const context = () => standing(host)
  return {
    host,
    programVersion,
    ownsMachine: named,
    words: argv.slice(named ? 1 : 2),
    settings: () => settingsOf(new Context(host, {}, silent).configuration),
    // Where nobody can say that a shell is allowed, there is none.
    defaults: { ...settingsOf(DEFAULTS), rescueShell: false },
    keys: () => [...context().configuredKeys().release],
    sources: () => context().configuration.sources,
    sourcesOfDhcp: () => sourcesOfDhcp(host, context().configuration),
    openStore: (path, create) => Store.open(host, path, create),
    recover: (job) => recover(host, job),
    locked: (store) => lockedBy(store, context().configuration),
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

/**
 * The configuration, or where it can't be used, which was told when the settings were read, that of a
 * laptop without any: what stands in the image must start it all the same.
 */
function standing(host: Host, progress: ShownProgress = silent, values: Values = {}): Context {
  const context = new Context(host, values, progress)
  try {
    void context.configuration
    return context
  } catch (error) {
    if (!(error instanceof ConfigError) && !isSystemError(error)) throw error
    return new Context(host, { ...values, '--config': NO_CONFIGURATION }, progress)
  }
}

async function recover(
  host: Host,
  { store, urls, progress, known, failed }: RecoveryJob,
): Promise<void> {
  const context = standing(host, progress, { '--source': urls })
  const { hardware, deployment, reserveBytes } = context.configuration
  const keys = context.configuredKeys()
  // One that is written wrong must not keep the others from being asked.
  const sources = urls.flatMap((url) => {
    try {
      return context.sources(store, [url])
    } catch (error) {
      if (!(error instanceof ConfigError) && !isSystemError(error)) throw error
      failed(error)
      return []
    }
  })
  if (urls.length > 0 && sources.length === 0) {
    throw new ConfigError('none of the sources can be used')
  }
  try {
    const job = {
      ...{ store, sources, reserveBytes, progress, version: undefined, allowDowngrade: false },
      keys: [...keys.release],
      configured: keys,
      device: { hardware, deployment },
      ...{ known, failed },
    }
    await recoverSystem(job, true)
  } finally {
    for (const source of sources) source.close()
  }
}

function sourcesOfDhcp({ files }: Host, { leases }: Configuration): string[] {
  return [...sourcesOfLeases(files, leases), ...guessesOfLeases(files, leases)]
}

/** Of a damaged record what can still be read counts: a lock must not end by a bad block in the line beside it. */
function lockedBy(store: Store, { lock }: Configuration): string | undefined {
  return lockVerdict(salvageState(store), lock)
}

/** A signed word in one of the folders; without any, the home server's. What is found changes the store's record. */
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
  if (folders.length > 0) return
  if (home === undefined) return say('No home server is configured.')
  const server = { address: parseHttpUrl(home), keys, timeoutMs }
  const laptop = { serial, hardware, deployment, installed: store.version('fakeroot') }
  recordReply(store, await callHome(host, server, laptop, readState(store)))
}
