/**
 * `daemon`: puts together the parts that make one round after the other. Each round reads the
 * configuration again; only a signal or a bug of ours ends it.
 */
import { serveStatus } from '../daemon/control.ts'
import {
  Daemon,
  type DaemonStatus,
  type Hint,
  type HintSource,
  type Turn,
} from '../daemon/daemon.ts'
import { answerNeighbours } from '../device/neighbour-answers.ts'
import { claimStore } from '../device/one-daemon.ts'
import { openPushHints } from '../device/push-hints.ts'
import { countRun } from '../device/recorded.ts'
import { makeRound } from '../device/round.ts'
import { ServeChild } from '../device/serve-child.ts'
import { isSystemError } from '../errors.ts'
import { makeFolderOf } from '../folder.ts'
import type { Host, Path, Random } from '../host.ts'
import { type Command, FETCH_OPTIONS } from './command.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-status.ts'
import { textOf } from './options.ts'

export const daemonCommand: Command = {
  name: 'daemon',
  summary: 'make rounds until it is stopped',
  about:
    'Makes a round soon after the start, and then at the interval that the home server sets; sooner\n' +
    'after a push. `xo-upgrade status` tells what it is doing. SIGHUP: a round now; SIGTERM and\n' +
    'SIGINT end it, even in the middle of an upgrade, which the next round then resumes.',
  options: FETCH_OPTIONS,
  needsRoot: true,
  async run(context) {
    const { host, progress, device } = context
    const stops = [claimStore(device)]
    const push = openPushHints(device)
    stops.push(() => push.close())
    let server: ServeChild | undefined
    const daemon = new Daemon({
      clock: host.clock,
      random: () => fraction(host.random),
      round: (turn) => oneRound(context, turn, () => server?.stop()),
      count: (seconds) => countRun(device, seconds),
      hints: [signals(host, () => daemon.end()), interrupted(host), ...push.hints],
      log: (text) => progress.note(text),
    })
    stops.push(openControl(context, () => daemon.status()))
    const sockets = [context.configuration.controlSocket]
    const serverWords = wordsForServer(context)
    context.confine({ starts: true, lasts: true, sockets, serverWords })
    server = new ServeChild(context.device, serverWords)
    stops.push(() => server?.stop(), answerNeighbours(context.device, server))
    try {
      await daemon.run()
      return EXIT.done
    } finally {
      for (const stop of stops) stop()
    }
  },
}

/** From 0 to 1, out of four random bytes. */
function fraction({ randomBytes }: Random): number {
  return randomBytes(4).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 32
}

/** Without its socket the daemon works all the same; only `status` knows less. */
function openControl({ host, configuration, progress }: Context, status: () => DaemonStatus) {
  try {
    makeFolderOf(host.files, configuration.controlSocket)
    const control = serveStatus(host, configuration.controlSocket, status)
    return () => control.close()
  } catch (error) {
    if (!isSystemError(error)) throw error
    progress.note(`no control socket: ${error.message}`)
    return () => {}
  }
}

/** A round that was due when the program started again is made now. */
function interrupted({ processes }: Host): HintSource {
  const hints: Hint[] = []
  if (processes.variable('XO_STARTED_ANEW') !== undefined) {
    hints.push({ reason: 'another configuration', withinSeconds: 0 })
  }
  return { next: async () => hints.pop() ?? new Promise<never>(() => {}) }
}

const SIGHUP = 1
const SIGUSR1 = 10

function signals({ system }: Host, end: () => void): HintSource {
  const never = new Promise<never>(() => {})
  return {
    async next() {
      try {
        const signal = await system.nextSignal()
        if (signal === SIGHUP || signal === SIGUSR1) return { reason: 'a signal', withinSeconds: 0 }
        end()
      } catch (error) {
        // The emulator has no signals.
        if (!isSystemError(error, 'ENOSYS')) throw error
      }
      return never
    },
  }
}

/** Where its server finds the same configuration, and the same store. */
function wordsForServer({ values }: Context): Path[] {
  return ['--config', '--store'].flatMap((name) => {
    const value = textOf(values, name)
    return value === undefined ? [] : [name, value]
  })
}

/** What is drawn of it ends with it. */
async function oneRound(context: Context, turn: Turn, ended: () => void) {
  try {
    context.stayConfined(ended)
    return await makeRound(context.newDevice(), turn)
  } finally {
    context.progress.end()
  }
}
