/**
 * The first process of the laptop: the steps, the decision, and the hand-over; around them the one rule
 * that it never ends. Whatever fails is shown, and tried again.
 */
import { AssertionError, assert, isSystemError, UpgradeError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { keepRoom } from '../store/room.ts'
import { INITS } from '../store/start-check.ts'
import type { Store } from '../store/store.ts'
import { countBoot } from '../store/trial.ts'
import { show } from '../text.ts'
import type { Boot } from './boot.ts'
import { lockedBy } from './freedom.ts'
import { waitForRelease } from './lock-screen.ts'
import { parseKernelWords } from './machine/kernel-words.ts'
import { Network } from './machine/network.ts'
import { armWatchdog, disarmWatchdog } from './machine/watchdog.ts'
import { tryToRecover } from './recovery.ts'
import { handOver } from './root/hand-over.ts'
import { Console } from './screen/console.ts'
import { endMachine, showTrouble } from './screen/rescue.ts'
import { type BootDecision, makingRoom, settleTrees } from './settle.ts'
import { defaultBootSettings } from './standing-device.ts'
import { letGoOfStore, STEPS } from './steps.ts'

/** Between two tries, whether somebody is there or not (milliseconds). */
const TRY_AGAIN_MS = 60_000
/** After this many failures in a row the machine itself is restarted: a driver may hang. */
const TROUBLES_MAX = 10
const SIGINT = 2
const SIGTERM = 15
/** `halt` and `poweroff` of the rescue shell. */
const SIGUSR1 = 10
const SIGUSR2 = 12
/** Where distributions keep it that make no link to it. */
const SYSTEMD = '/usr/lib/systemd/systemd'

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

/** Starts the laptop. Never returns, and never throws. */
export async function runInit(host: Host, programVersion: string): Promise<never> {
  const console = new Console(host)
  const { argv } = host.processes
  const ownsMachine = isNamedInit(argv)
  const boot: Boot = {
    ...{ host, ownsMachine, initWords: argv.slice(ownsMachine ? 1 : 2) },
    ...{ network: new Network(host), known: '' },
    ...{ console, words: parseKernelWords(''), keys: [] },
    // Until the configuration has been read, nobody has allowed a shell.
    settings: defaultBootSettings(),
    ...{ place: undefined, disk: undefined, store: undefined },
    ...{ writable: false, uncounted: false, recoveryTried: false, menuOffered: false },
  }
  void obeySignals(console)
  console.line(`XO Field Upgrade ${programVersion} starts this laptop.`)
  let failure = host.processes.variable('XO_INIT_FAILED')
  for (let troubles = 1; ; troubles++) {
    let doing = 'starting'
    try {
      if (failure !== undefined) throw new AssertionError(failure)
      for (const step of STEPS) {
        doing = step.doing
        console.debug(doing)
        await step.run(boot)
      }
      doing = 'starting the system'
      console.debug(doing)
      await startSystem(boot)
    } catch (error) {
      failure = undefined
      if (troubles >= TROUBLES_MAX) await endMachine(host, console, 'restart')
      await tellTrouble(boot, doing, error, troubles)
    }
  }
}

/** Chooses a tree and starts it, again and again until one runs. Returns only by throwing. */
async function startSystem(boot: Boot): Promise<never> {
  for (let recoveries = 0; ; ) {
    const decision = await decideStart(boot)
    if (decision.act === 'boot') {
      if (isCounted(boot) || !decision.trial) {
        await boot.network.bringDown()
        startTree(boot, decision)
      }
    } else if (decision.act === 'locked') {
      await waitForRelease(boot, decision.reason)
    } else {
      await makeRecovery(boot, recoveries)
      recoveries++
    }
  }
}

function storeOf(boot: Boot): Store {
  assert(boot.store, 'the store is opened before anything is decided')
  return boot.store
}

function initsOf({ words, settings }: Boot): string[] {
  const first = words.init === undefined ? settings.inits : [words.init, ...settings.inits]
  return [...new Set([...first, ...INITS.slice(0, -1), SYSTEMD, ...INITS.slice(-1)])]
}

function decideStart(boot: Boot): Promise<BootDecision> {
  const { host, console, keys, settings, words, recoveryTried } = boot
  const writable = boot.writable && !boot.uncounted
  const store = storeOf(boot)
  return settleTrees(
    store,
    {
      ...{ keys, writable, recoveryTried },
      inits: initsOf(boot),
      bootsMax: settings.trialBoots,
      words: { boot: words.boot, recover: words.recover },
      locked: lockedBy(host, store),
    },
    (text) => console.line(text),
  )
}

type Start = Extract<BootDecision, { act: 'boot' }>

/**
 * Counts the boot if it can. False if it can't: then the decision about a trial is made again, because
 * a trial whose boots nobody counts would never end.
 */
function isCounted(boot: Boot): boolean {
  const { console, writable, uncounted } = boot
  if (!writable || uncounted) return true
  const store = storeOf(boot)
  try {
    makingRoom(store, () => countBoot(store))
    if (keepRoom(store) || !store.has('staging')) return true
    store.discard('staging')
    keepRoom(store)
    return true
  } catch (error) {
    if (!(error instanceof Error)) throw error
    console.line(`This start can't be counted: ${show(error.message)}.`)
    boot.uncounted = true
    return false
  }
}

/** Hands over. A version that can't be executed is fetched again, once. */
function startTree(boot: Boot, { tree, version, trial }: Start): void {
  const { host, console, settings, words, writable, ownsMachine, initWords } = boot
  const store = storeOf(boot)
  if (trial && settings.watchdogSeconds > 0 && ownsMachine) {
    console.debug(armWatchdog(host, settings.watchdogSeconds))
  }
  console.line(`Starting version ${version}.`)
  try {
    handOver({
      ...{ host, console, store, writable, settings, tree },
      root: words.root ?? settings.root,
      inits: initsOf(boot),
      words: ownsMachine ? initWords : [],
    })
  } catch (error) {
    // What follows may take longer than a start.
    if (ownsMachine) disarmWatchdog(host)
    if (!isSystemError(error) || error.call !== 'execve' || boot.recoveryTried) throw error
    console.line(`Version ${version} can't be started: ${show(error.message)}.`)
    words.recover = 'any'
  }
}

/** One try. From the second on it says that nothing else is left to do, and waits in between. */
async function makeRecovery(boot: Boot, recoveries: number): Promise<void> {
  const { console, words, settings } = boot
  const way = words.recover ?? 'any'
  boot.recoveryTried = true
  words.recover = undefined
  const tried = boot.writable ? await tryToRecover(boot, way) : ['The disk cannot be written to.']
  if (tried === undefined) {
    console.line('The system is whole again.')
    return
  }
  console.line('It did not succeed.')
  if (recoveries === 0) return
  const hadShell = await showTrouble(console, {
    title: 'No system on this laptop can start.',
    lines: ['Plug in a USB stick with a release, or a network cable. What was tried:', ''],
    found: tried,
    ...{ shellAllowed: settings.rescueShell, afterMs: TRY_AGAIN_MS, next: 'it is tried again' },
  })
  // A person with a shell may have changed a tree.
  if (hadShell) boot.known = ''
}

async function tellTrouble(boot: Boot, doing: string, error: unknown, count: number) {
  const { console, settings } = boot
  const known = isSystemError(error) || error instanceof UpgradeError
  const message = error instanceof Error ? `${error.message}` : String(error)
  const cure = error instanceof UpgradeError ? error.cure : undefined
  const stack = !known && error instanceof Error ? (error.stack ?? '') : ''
  for (const line of stack.split('\n').filter(Boolean)) console.debug(show(line.trim()))
  try {
    letGoOfStore(boot)
  } catch (second) {
    if (!isSystemError(second)) throw second
    console.debug(show(second.message))
  }
  await showTrouble(console, {
    title: known ? 'This laptop can not start yet.' : 'This program has a fault.',
    lines: [
      `While ${doing}: ${show(message)}.`,
      ...(cure === undefined ? [] : [show(cure)]),
      ...(count > 1 ? ['', `This is try ${count} of ${TROUBLES_MAX}.`] : []),
    ],
    shellAllowed: settings.rescueShell,
    afterMs: TRY_AGAIN_MS,
    next: 'it is tried again',
  })
}

/** Ctrl-Alt-Del, and the signals that ask a first process to end the machine. */
async function obeySignals(console: Console): Promise<never> {
  for (;;) {
    const signal = await console.host.system.nextSignal()
    if (signal === SIGINT || signal === SIGTERM) await endMachine(console.host, console, 'restart')
    if (signal === SIGUSR1 || signal === SIGUSR2)
      await endMachine(console.host, console, 'power-off')
  }
}
