/**
 * `npm run emulate`: one command line on the emulated laptop, or a look at its disk. Puts the parts
 * together and turns what comes out into an exit status; the parts know nothing of this machine's
 * command line.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { UpgradeError } from '../../src/errors.ts'
import type { Files } from '../../src/host.ts'
import { bytesOfText, show } from '../../src/text.ts'
import { belowRoot, keepDisk, openDisk, put } from './disk-image.ts'
import { DISK_TOOLS } from './disk-tools.ts'
import { type Laptop, type Outcome, runOnLaptop, type Terminal } from './laptop.ts'
import { HELP, type Options, parseOptions } from './options.ts'
import { outsidePeers } from './outside.ts'
import { Panel, storeOf } from './panel.ts'
import { VirtualClock } from './virtual-clock.ts'
import { virtualFiles } from './virtual-files.ts'
import { VirtualNetwork } from './virtual-network.ts'

const EXIT_USAGE = 64

/** Runs a bundle file with these words, and makes it only if they make sense; returns the exit status. */
export async function emulate(makeBundle: () => Promise<string>, argv: string[]): Promise<number> {
  try {
    const options = parseOptions(argv)
    if (options.help || options.words.length === 0) {
      process.stdout.write(HELP)
      return options.help ? 0 : EXIT_USAGE
    }
    const [first = ''] = options.words
    return Object.hasOwn(DISK_TOOLS, first)
      ? lookAtDisk(options)
      : await switchOn(argv, options, await makeBundle())
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const cure = error instanceof UpgradeError && error.cure ? `  ${error.cure}\n` : ''
    process.stderr.write(`emulate: ${show(bytesOfText(error.message))}\n${cure}`)
    return EXIT_USAGE
  }
}

function lookAtDisk({ disk: path, sizeBytes, words }: Options): number {
  const [name = '', ...rest] = words
  const tool = DISK_TOOLS[name]
  const disk = openDisk(path, sizeBytes, new VirtualClock())
  const files = virtualFiles(disk)
  if (!tool || rest.length > tool.words) {
    process.stderr.write(HELP)
    return EXIT_USAGE
  }
  tool.run(files, files.openRoot('/'), rest, (bytes) => writeWhole(1, bytes))
  if (tool.changes) keepDisk(disk, path)
  return 0
}

async function switchOn(argv: string[], options: Options, bundleFile: string): Promise<number> {
  const { disk: path, seed, net, panel: wantsPanel, memoryBytes } = options
  const clock = new VirtualClock()
  const disk = openDisk(path, options.sizeBytes, clock)
  const files = virtualFiles(disk)
  for (const { path: target, source } of options.mounts) put(files, source, target)
  const network = new VirtualNetwork(clock, outsidePeers(clock), net, seed)
  // Handles of its own, so that the laptop's have the same numbers whether somebody looks on or not.
  const scene = { files: virtualFiles(disk), disk, network, clock, store: storeOf(options.words) }
  const panel = wantsPanel ? new Panel(scene, process.stdout) : undefined
  // A person who looks on sees time pass.
  const lookedAway = panel ? clock.follow() : () => {}
  const laptop: Laptop = {
    files,
    clock,
    network,
    terminal: panel?.terminal ?? TERMINAL,
    seed,
    argv: ['xo-upgrade', ...wordsOf(options)].map(bytesOfText),
    environment: environment(),
    nextSignal: machineSignals(),
  }
  const trace = options.trace === undefined ? undefined : openTrace(options.trace)
  const bundle = { name: 'xo-upgrade.js', text: readFileSync(bundleFile, 'utf8') }
  const outcome = await runOnLaptop(laptop, { bundle, memoryBytes, trace: trace?.write })
  lookedAway()
  trace?.close()
  panel?.end(outcome)
  for (const { path: target } of options.mounts) unmount(files, target)
  if (outcome.status !== 0) tellHowToRepeat(argv, options, outcome, network)
  keepDisk(disk, path)
  return outcome.status
}

/** The panel reads the bundle's JSON lines. */
function wordsOf({ panel, words }: Options): string[] {
  const [command = '', ...rest] = words
  return panel && !rest.includes('--json') ? [command, '--json', ...rest] : words
}

function environment(): Record<string, string> {
  const password = process.env.RSYNC_PASSWORD
  return password === undefined ? {} : { RSYNC_PASSWORD: bytesOfText(password) }
}

/** The signals that end a daemon, or make it do a round. They are caught once the laptop's program asks. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const

function machineSignals(): () => Promise<number> {
  const came: number[] = []
  let wake: (() => void) | undefined
  let caught = false
  return async () => {
    if (!caught) {
      for (const name of SIGNALS) {
        process.on(name, () => {
          came.push(constants.signals[name])
          wake?.()
        })
      }
    }
    caught = true
    for (;;) {
      const next = came.shift()
      if (next !== undefined) return next
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}

const TERMINAL: Terminal = {
  write: writeWhole,
  isTerminal: process.stderr.isTTY === true,
  columns: () => process.stderr.columns ?? 80,
}

/** Written at once, to keep the order among everything that is written. */
function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

function openTrace(path: string): { write(line: string): void; close(): void } {
  mkdirSync(dirname(path), { recursive: true })
  const fd = openSync(path, 'w')
  return { write: (line) => writeSync(fd, `${line}\n`), close: () => closeSync(fd) }
}

function unmount(files: Files, path: string): void {
  const root = files.openRoot('/')
  files.removeTree(root, belowRoot(path))
  files.close(root)
}

const REPLACED = ['--disk', '--seed']

/** The run changes the disk: a copy from before is kept, so that it can be repeated. */
function tellHowToRepeat(
  argv: string[],
  options: Options,
  { status }: Outcome,
  network: VirtualNetwork,
): void {
  const { disk, seed } = options
  const before = `${disk}.before`
  if (existsSync(disk)) copyFileSync(disk, before)
  else rmSync(before, { force: true })
  const own = argv.slice(0, argv.length - options.words.length)
  const kept = own.filter((word, index) => {
    const isValue = REPLACED.includes(own[index - 1] ?? '')
    return !isValue && !REPLACED.includes(word.split('=', 1)[0] ?? '')
  })
  const words = [...kept, '--disk', before, '--seed', `${seed}`, ...options.words]
  const again = words.map(quoted).join(' ')
  const events = network.line.events.map((event) => `; the network was ${event}`).join('')
  process.stderr.write(
    `emulate: ended with ${status} (seed ${seed}${events}). Again:\n  npm run emulate -- ${again}\n`,
  )
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
