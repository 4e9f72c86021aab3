/**
 * The trial of a tree: from its swap until it is confirmed. Each boot is counted before control is
 * handed over, so that a system that never gets as far as to confirm is known by its number of boots.
 */
import { BusyError, ConfigError } from '../errors.ts'
import { changeState, readState } from './state.ts'
import type { Store } from './store.ts'

/** The version that runs on trial; undefined where the running one is settled. */
export function trialOf(store: Store): number | undefined {
  const { trial } = readState(store)
  return trial !== undefined && trial === store.version('fakeroot') ? trial : undefined
}

/** To be called by the early boot, last before the tree is started. Returns the number of this boot. */
export function countBoot(store: Store): number {
  const boots = readState(store).boots + 1
  changeState(store, { boots })
  return boots
}

/** The running system is healthy: its trial ends, and what it was upgraded from is no longer needed. */
export function confirm(store: Store): { version: number; wasTrial: boolean } {
  return store.alone(() => confirmed(store))
}

function confirmed(store: Store): { version: number; wasTrial: boolean } {
  const version = store.version('fakeroot')
  if (version === undefined) {
    throw new ConfigError('there is no tree to confirm', 'run `xo-upgrade recover`')
  }
  const state = readState(store)
  const wasTrial = state.trial === version
  const bad = state.bad.filter((each) => each !== version)
  if (wasTrial || state.boots > 0 || state.confirmed !== version || bad.length < state.bad.length) {
    changeState(store, { trial: undefined, confirmed: version, boots: 0, bad })
  }
  return { version, wasTrial }
}

/**
 * Throws where a tree is on trial: its way back is what the next upgrade would be built out of. So it
 * is of the very system that runs, where that one was swapped out and waits for its end.
 */
export function checkSettled(store: Store, next: string): void {
  if (store.isRoot('previous-root')) {
    throw new BusyError(
      'the tree that this system runs from was swapped out already',
      `start the one that runs from now on, then ${next}`,
    )
  }
  const trial = trialOf(store)
  const previous = store.version('previous-root')
  if (trial === undefined || previous === undefined) return
  throw new BusyError(
    `version ${trial} is on trial, and ${previous} is kept as the way back until it is confirmed`,
    `run \`xo-upgrade confirm\` once it is healthy (or \`xo-upgrade roll-back\`), then ${next}`,
  )
}

/** A version that was asked for is no longer known as bad. */
export function forgive(store: Store, version: number): void {
  const { bad } = readState(store)
  if (bad.includes(version)) changeState(store, { bad: bad.filter((each) => each !== version) })
}
