/** The commands that change which version runs: the swap, the word that it is healthy, the way back. */

import { disarmWatchdog } from '../boot/machine/watchdog.ts'
import { checkTree, findWay, takeOver } from '../boot/root/live-swap.ts'
import { freshnessOf } from '../call-home/freshness.ts'
import { record } from '../device/recorded.ts'
import { BusyError, ConfigError } from '../errors.ts'
import { examine } from '../health.ts'
import { readState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { finishCutSwap, rollBack, swap, type Versions } from '../store/swap.ts'
import { checkSettled, confirm, countBoot, trialOf } from '../store/trial.ts'
import { show } from '../text.ts'
import { type Command, STORE_OPTIONS } from './command.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-status.ts'

const LIVE_RISK =
  'With --live the new version takes over at once, without a restart of the kernel: systemd 254 and\n' +
  'later by a soft reboot, busybox init and sysvinit by pivot_root. All programs are ended, or run on\n' +
  'from the old tree until they are restarted (sysvinit); the kernel stays the old one, and if\n' +
  'something goes wrong on the way, a restart by hand is needed. If that is too risky, omit --live.'

export const swapCommand: Command = {
  name: 'swap',
  summary: 'make the waiting version the one that runs, on trial',
  about:
    'Exchanges upgraded-root and fakeroot in one step; the tree that ran becomes previous-root.\n' +
    'A system that has the old tree mounted keeps running it until the next boot. From then on\n' +
    'the new one is on trial: it has some boots (3 by default) to be confirmed, or is swapped back.\n' +
    LIVE_RISK,
  options: [{ name: '--live', help: 'hand over to the new version now' }, ...STORE_OPTIONS],
  needsRoot: true,
  run: (context) =>
    context.device.withLockedStore(false, async (store) => {
      const way = context.values['--live'] ? await findWay(context.host) : undefined
      if (way && store.has('upgraded-root')) {
        checkTree(context.host, `${store.path}/upgraded-root/root`, way)
      }
      const { source, target } = recoverFirst(context, store, 'swap') ?? swapSettled(store)
      if (way) countBoot(store)
      context.result({ outcome: 'swapped', source, target, live: way?.by }, [
        `Version ${target} runs from ${way ? 'now' : 'the next start'} on, on trial: it is swapped back by ` +
          'itself unless `xo-upgrade confirm` says that it is healthy.',
        `Version ${source} is kept until the next upgrade is staged: \`xo-upgrade roll-back\` ` +
          'brings it back.',
      ])
      if (way) {
        const settings = context.configuration.boot
        const note = (text: string) => context.progress.note(text)
        await takeOver({ host: context.host, store, settings, note }, way)
      }
      return EXIT.done
    }),
}

function swapSettled(store: Store): Versions {
  if (store.has('upgraded-root')) checkSettled(store, 'swap')
  return swap(store)
}

export const rollBackCommand: Command = {
  name: 'roll-back',
  summary: 'make the version that ran before run again',
  about:
    'Exchanges previous-root and fakeroot. The way back exists from a swap until the next upgrade\n' +
    'is staged, which builds on the previous tree. It ends a trial; a newer version that is left\n' +
    'is not taken again unless `upgrade --version` asks for it. User data only goes forward.',
  options: STORE_OPTIONS,
  needsRoot: true,
  run: (context) =>
    context.device.withLockedStore(false, (store) => {
      const { source, target } = recoverFirst(context, store, 'roll-back') ?? rollBackByHand(store)
      context.result({ outcome: 'rolled-back', source, target }, [
        `Version ${target} runs again; ${source} is kept as the previous one.`,
      ])
      return EXIT.done
    }),
}

function rollBackByHand(store: Store): Versions {
  const running = store.version('fakeroot') ?? 0
  const newer = running > (store.version('previous-root') ?? running)
  const reason = `Version ${running} was rolled back by hand.`
  return rollBack(store, { reason, ...(newer ? { bad: running } : {}) })
}

export const confirmCommand: Command = {
  name: 'confirm',
  summary: 'say that the running version is healthy, which ends its trial',
  about:
    'The system runs it at each boot, once it is up. First it asks the executables in the folder\n' +
    '/etc/xo-upgrade/health.d, in the order of their names: one that ends with a status other than\n' +
    '0, or not in time, is a veto, and the exit status is 1. A version that is not confirmed within\n' +
    'some boots (3 by default) is swapped back.',
  options: [
    { name: '--force', help: 'ask no hooks, and confirm even a version that was never started' },
    ...STORE_OPTIONS,
  ],
  needsRoot: true,
  async run(context) {
    const force = context.values['--force'] === true
    // Hooks may take long, and may look at the store themselves: they run without its lock.
    const asked = await examined(context, force)
    const say = (store: Store) => {
      recoverFirst(context, store, 'swap')
      const version = store.version('fakeroot')
      if (version !== asked.version) {
        throw new BusyError(
          `version ${asked.version} was examined, but by now version ${version} is the one to run`,
          'start it, then confirm it',
        )
      }
      return asked.vetoes.length > 0
        ? vetoed(context, store, asked)
        : confirmed(context, store, force)
    }
    // This changes only the record, unless a swap has to be finished first.
    const moment = (store: Store) => {
      return readState(store).intent === undefined ? say(store) : undefined
    }
    return context.device.withLockedStore(false, say, LOCK_WAIT_SECONDS, moment)
  },
}

/** A round of the daemon may be at work at the time. A trial's watchdog waits longer than this. */
const LOCK_WAIT_SECONDS = 120

type ExaminedVersion = Awaited<ReturnType<typeof examined>>

async function examined(context: Context, force: boolean) {
  const { host, configuration, progress } = context
  const store = context.device.store()
  try {
    const version = store.version('fakeroot')
    if (version === undefined) {
      throw new ConfigError('there is no tree to confirm', 'run `xo-upgrade recover`')
    }
    const trial = trialOf(store) !== undefined
    if (!force) checkStarted(store, version, trial)
    const { healthHooks: folder, healthTimeoutMs: timeoutMs, staleDays } = configuration
    const fresh = freshnessOf(readState(store), host.clock.wallSeconds(), staleDays)
    const hooks = { host, folder, version, trial, fresh, timeoutMs, progress }
    return { version, trial, vetoes: force ? [] : await examine(hooks) }
  } finally {
    store.close()
  }
}

/** A version not started yet can't have shown that it is healthy. */
function checkStarted(store: Store, version: number, trial: boolean): void {
  if (!store.isRoot('previous-root') && !(trial && readState(store).boots === 0)) return
  throw new BusyError(
    `version ${version} was swapped in and has not been started yet`,
    'start it, then confirm it (where no early boot counts its boots: `xo-upgrade confirm --force`)',
  )
}

function confirmed(context: Context, store: Store, force: boolean): number {
  const { version, wasTrial } = confirm(store)
  // The early boot armed it only for the trial; whoever took it over keeps it.
  if (wasTrial) disarmWatchdog(context.host)
  context.result({ outcome: 'confirmed', version, trial: wasTrial, forced: force }, [
    wasTrial
      ? `Version ${version} is confirmed: its trial is over.`
      : `Version ${version} is healthy.`,
  ])
  return EXIT.done
}

function vetoed(
  context: Context,
  store: Store,
  { version, trial, vetoes }: ExaminedVersion,
): number {
  const shown = vetoes.map(({ hook, why }) => ({ hook: show(hook), why }))
  const list = shown.map(({ hook, why }) => `${hook} ${why}`)
  const message = `version ${version} is not healthy: ${list.join('; ')}`
  record(store, 'vetoed', message)
  context.result({ outcome: 'vetoed', version, trial, vetoes: shown }, [
    `Version ${version} is not confirmed, because it is not healthy:`,
    ...list.map((line) => `  ${line}`),
  ])
  return EXIT.vetoed
}

/** Finishes an interrupted swap; if it is the one now asked for, that is all there is to do. */
function recoverFirst(
  context: Context,
  store: Store,
  verb: 'swap' | 'roll-back',
): Versions | undefined {
  const intent = finishCutSwap(store)
  if (!intent) return undefined
  context.progress.note(`finished a ${intent.verb} that was interrupted`)
  return intent.verb === verb ? intent : undefined
}
