/**
 * The trial of a tree, from its swap until it is confirmed. Each boot is counted before control is handed
 * over, so a system that never gets as far as confirming itself is known by its number of boots.
 */
import { BusyError, ConfigError } from '../errors.ts'
import { changeState, readState } from './state.ts'
import type { Store } from './store.ts'

/** The version that runs on trial; undefined if the running one is settled. */
export function trialOf(store: Store): number | undefined {
  const { trial } = readState(store)
  return trial !== undefined && trial === store.version('fakeroot') ? trial : undefined
}

/**
 * Called by the early boot as the last thing before it starts the tree. Returns the number of this boot.
 */
export function countBoot(store: Store): number {
  const boots = readState(store).boots + 1
  changeState(store, { boots })
  return boots
}

/** The running system is healthy: its trial ends, and the version before it is no longer needed. */
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
 * Throws if a tree is on trial, because the next upgrade would be built out of its way back. It throws,
 * too, if the running system itself was swapped out and is only waiting for its end.
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

/** A version that somebody asked for no longer counts as bad. */
export function forgive(store: Store, version: number): void {
  const { bad } = readState(store)
  if (bad.includes(version)) changeState(store, { bad: bad.filter((each) => each !== version) })
}
