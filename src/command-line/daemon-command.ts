/**
 * `daemon`: the parts that rounds for ever are made of, put together. Each round reads the
 * configuration anew; only a bug of ours ends it, and a signal.
 */

import { recordRun } from '../call-home/lock.ts'
import { askStatus, serveStatus } from '../daemon/control.ts'
import {
  Daemon,
  type DaemonStatus,
  type HintSource,
  type RoundResult,
  type Turn,
} from '../daemon/daemon.ts'
import { POSTPONED_SECONDS } from '../daemon/schedule.ts'
import type { Decision } from '../decision/decide.ts'
import { BusyError, isSystemError } from '../errors.ts'
import type { Host, Random } from '../host.ts'
import { formatInstant } from '../release/fields.ts'
import { secondsLeft } from '../source/order.ts'
import { readState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import {
  BWLIMIT,
  CONFIG,
  type Command,
  DEBUG,
  HELP,
  JSON_LINES,
  KEYS,
  PASSWORD_FILE,
  SOURCE,
  STORE,
} from './command.ts'
import { Context } from './context.ts'
import { openPush } from './daemon-push.ts'
import { EXIT, exitOf } from './exit-status.ts'
import { sentenceOf } from './home-commands.ts'
import { recordAttack } from './recorded.ts'
import { act, ask } from './round.ts'

export const daemonCommand: Command = {
  name: 'daemon',
  summary: 'make rounds for ever',
  about:
    'Makes a round soon after the start, and then whenever the interval is over that the home\n' +
    'server sets; sooner after a push. `xo-upgrade status` tells what it does. SIGHUP: a round now;\n' +
    'SIGTERM and SIGINT end it, also in the middle of an upgrade, which the next round goes on with.',
  options: [SOURCE, BWLIMIT, KEYS, PASSWORD_FILE, CONFIG, STORE, JSON_LINES, DEBUG, HELP],
  needsRoot: true,
  async run(context) {
    const { host, values, progress } = context
    const stops: (() => void)[] = []
    const push = openPush(context)
    stops.push(() => push.close())
    const daemon = new Daemon({
      clock: host.clock,
      random: () => fraction(host.random),
      round: (turn) => oneRound(new Context(host, values), turn),
      count: (seconds) => counted(context, seconds),
      hints: [signals(host, () => daemon.end()), ...push.hints],
      log: (text) => progress.note(text),
    })
    stops.push(openControl(context, () => daemon.status()))
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

/** Without its socket the daemon does all the same; only `status` knows less. */
function openControl({ host, configuration, progress }: Context, status: () => DaemonStatus) {
  try {
    const control = serveStatus(host, configuration.controlSocket, status)
    return () => control.close()
  } catch (error) {
    if (!isSystemError(error)) throw error
    progress.note(`no control socket: ${error.message}`)
    return () => {}
  }
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

function counted(context: Context, seconds: number): boolean {
  try {
    const store = context.store()
    try {
      store.lock()
      recordRun(store, seconds)
      return true
    } finally {
      store.close()
    }
  } catch (error) {
    if (!exitOf(error)) throw error
    return false
  }
}

/** A round that can't fail: whatever went wrong is its outcome. */
async function oneRound(context: Context, turn: Turn): Promise<RoundResult> {
  const result: RoundResult = {
    outcome: '',
    answered: false,
    failed: false,
    againSeconds: undefined,
    intervalSeconds: INTERVAL_UNREADABLE_SECONDS,
  }
  try {
    result.intervalSeconds = context.configuration.intervalSeconds
    const store = context.store()
    try {
      await consultAndAct(context, store, turn, result)
    } finally {
      store.close()
    }
  } catch (error) {
    if (!exitOf(error)) throw error
    result.failed = true
    result.outcome += messageOf(error)
  } finally {
    context.progress.end()
  }
  return result
}

/** While the configuration can't be read. */
const INTERVAL_UNREADABLE_SECONDS = 3600

async function consultAndAct(
  context: Context,
  store: Store,
  turn: Turn,
  result: RoundResult,
): Promise<void> {
  const { decision, home, failure } = await ask(context, store, turn.ask)
  const said = readState(store).home
  result.answered = home === 'answered'
  result.failed = failure !== undefined
  if (said && context.configuration.home !== undefined)
    result.intervalSeconds = said.intervalSeconds
  if (failure) result.outcome = `${failure.message}. `
  result.outcome += decision.reason
  if (decision.act === 'stay' && decision.postponed) result.againSeconds = POSTPONED_SECONDS
  const atOnce = turn.hinted || said?.priority === 'urgent'
  const until = decision.act === 'upgrade' && !atOnce ? waitUntil(store) : undefined
  if (until === undefined) {
    await actAndTell(context, store, decision, result)
  } else {
    result.outcome += ` The sources are asked again at ${formatInstant(until)}.`
    result.againSeconds = until - store.host.clock.wallSeconds()
  }
  // Last, so that what came of an upgrade does not hide it.
  if (failure && home === 'refused') recordAttack(context, store, failure)
}

async function actAndTell(
  context: Context,
  store: Store,
  decision: Decision,
  result: RoundResult,
): Promise<void> {
  try {
    const upgraded = await act(context, store, decision)
    if (upgraded) result.outcome += ` ${sentenceOf(upgraded)}`
  } catch (error) {
    if (!exitOf(error)) throw error
    result.outcome += ` ${messageOf(error)}`
    const until = waitUntil(store)
    if (until === undefined) result.failed = true
    else result.againSeconds = until - store.host.clock.wallSeconds()
  }
}

/** Until when the sources are left alone; undefined: it is their turn. */
function waitUntil(store: Store): number | undefined {
  const { wait } = readState(store)
  return secondsLeft(wait, store.host.clock.wallSeconds()) > 0 ? wait?.until : undefined
}

function messageOf(error: unknown): string {
  const { message, cure } = error as Error & { cure?: string }
  return `${error instanceof BusyError ? '' : 'It failed: '}${message}${cure ? `; ${cure}` : ''}.`
}

/** What `status` adds where a daemon runs: what it does, as a line for people and as it is. */
export async function daemonStatus({
  host,
  configuration,
}: Context): Promise<{ daemon: DaemonStatus; line: string } | undefined> {
  const daemon = await askStatus(host, configuration.controlSocket)
  if (!daemon) return undefined
  const { activity, nextSeconds, because, outcome } = daemon
  const next =
    nextSeconds === undefined ? '' : `, next round ${formatInstant(nextSeconds)} (${because})`
  return { daemon, line: `daemon     ${activity}${next}${outcome ? `; ${outcome}` : ''}` }
}
