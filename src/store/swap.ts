/**
 * The swap, the way back, and what finishes either after a power cut. The names `fakeroot`, `upgraded-root`
 * and `previous-root` change hands only here, and always in this order: intent written, trees renamed,
 * directory synced, intent cleared. A running tree is never without a name.
 */
import { ConfigError, DiskError, isSystemError } from '../errors.ts'
import { show } from '../text.ts'
import { NEVER_EXCHANGES } from './disk-limits.ts'
import { clearAside, removeOrPutAside } from './put-aside.ts'
import { ASIDE, separate } from './second-names.ts'
import { changeState, type Intent, readState, type State } from './state.ts'
import type { Store, TreeName } from './store.ts'

export interface Versions {
  /** 0 if no tree with a readable release was running. */
  source: number
  target: number
}

/** Puts the waiting tree in the place of the running one. It is on trial until it is confirmed. */
export function swap(store: Store): Versions {
  const target = store.version('upgraded-root')
  if (target === undefined) {
    throw new ConfigError('no upgrade waits for a swap', 'run `xo-upgrade upgrade` first')
  }
  claimStray(store)
  const versions = { source: store.version('fakeroot') ?? 0, target }
  const intent: Intent = { verb: 'swap', ...versions }
  changeState(store, { intent })
  finish(store, intent)
  return versions
}

/**
 * Puts the previous tree in the place of the running one, which becomes the previous one. This ends a
 * trial. `bad` is remembered as a version not to be taken again unasked, `reason` as how things ended.
 */
export function rollBack(store: Store, why: { bad?: number; reason?: string } = {}): Versions {
  claimStray(store)
  const target = store.version('previous-root')
  const source = store.version('fakeroot') ?? 0
  if (target === undefined) {
    throw new ConfigError(
      'there is no previous tree to go back to',
      'there is one only from a swap until the next upgrade is staged',
    )
  }
  if (target === source) {
    throw new ConfigError(
      `the previous tree is version ${target} as well: the damaged one that was mended`,
      'there is nothing to go back to',
    )
  }
  const state = readState(store)
  const bad = state.bad.filter((version) => version !== target && version !== why.bad)
  if (why.bad !== undefined) bad.push(why.bad)
  const time = new Date(store.host.clock.wallSeconds() * 1000).toISOString()
  const last = why.reason
    ? { time, outcome: 'rolled-back', message: `${why.reason} Version ${target} runs again.` }
    : state.last
  const intent: Intent = { verb: 'roll-back', source, target }
  changeState(store, { intent, bad, last })
  try {
    finish(store, intent)
  } catch (error) {
    if (error instanceof WithdrawnError) changeState(store, { bad: state.bad, last: state.last })
    throw error
  }
  return { source, target }
}

/**
 * Puts the waiting tree in the place of a damaged one that nothing runs from, or of none. The way back
 * stays what it was. After a power cut in the middle the tree is still waiting, and whole.
 */
export function replaceDamaged(store: Store): Versions {
  const source = store.version('fakeroot') ?? 0
  const target = store.version('upgraded-root')
  if (target === undefined)
    throw new ConfigError('no tree waits to take the place of a damaged one')
  // A trial counts only while its version runs, so the record may be written before the trees change.
  changeState(store, source === target ? { boots: 0 } : { trial: target, boots: 0 })
  store.discard('fakeroot')
  store.syncDirectory()
  move(store, 'upgraded-root')
  store.syncDirectory()
  return { source, target }
}

/** Finishes what a power cut interrupted. Called under the lock, before anything else. */
export function finishCutSwap(store: Store): Intent | undefined {
  separate(store)
  clearAside(store)
  const { intent } = readState(store)
  if (!intent) {
    claimStray(store)
    return undefined
  }
  try {
    finish(store, intent)
    return intent
  } catch (error) {
    // The swap came to nothing; whatever else was asked for goes on.
    if (error instanceof WithdrawnError) return undefined
    throw error
  }
}

/**
 * The trees can't change names on this disk, no matter who tries how often. Nothing was renamed, and the
 * intent is gone.
 */
class WithdrawnError extends DiskError {
  override name = 'DiskError'
}

/** What the kernel says of a name that does not move: an overlay's lower layer, a flag, a mount. */
const IMMOVABLE = ['EXDEV', 'EPERM', 'EACCES', 'EBUSY']

function withdraw(store: Store, { verb }: Intent, error: Error): never {
  changeState(store, { intent: undefined })
  throw new WithdrawnError(
    `the trees of ${show(store.path)} can't change names, so the ${verb} was taken back: ${error.message}`,
    'keep the store on a disk of its own and not below an overlay; take off flags (`chattr -i`) and mounts ' +
      'of fakeroot and of what is to take its place; then run this again',
  )
}

/**
 * Left by a swap whose intent was lost with the record: the next swap must not take that old tree for its
 * own.
 */
function claimStray(store: Store): void {
  if (!store.has(ASIDE) || !store.has('fakeroot')) return
  const { files } = store.host
  if (store.version('previous-root') === undefined) {
    store.discard('previous-root')
    files.rename(store.directory, ASIDE, store.directory, 'previous-root')
  } else removeOrPutAside(store, ASIDE)
  store.syncDirectory()
}

/**
 * Goes on from wherever the renames stopped. The new tree comes from `upgraded-root` in a swap and from
 * `previous-root` in a roll-back; either way the old one ends up as `previous-root`.
 */
function finish(store: Store, intent: Intent): void {
  const { source, target } = intent
  const from: TreeName = intent.verb === 'swap' ? 'upgraded-root' : 'previous-root'
  if (store.has(ASIDE)) {
    // Two renames, cut after the first: the tree that is to run still has its old name, if it exists.
    if (!store.has('fakeroot')) move(store, store.version(from) === target ? from : ASIDE)
  } else if ((store.version('fakeroot') ?? 0) === source && store.version(from) === target) {
    try {
      trade(store, intent, from)
    } catch (error) {
      if (!isSystemError(error, ...IMMOVABLE) || store.has(ASIDE)) throw error
      withdraw(store, intent, error)
    }
  }
  keepAsPrevious(store, intent, from)
  store.syncDirectory()
  changeState(store, outcome(store, intent))
}

/** What the record says from now on. An intent that came to nothing doesn't touch a trial. */
function outcome(store: Store, { verb, source, target }: Intent): Partial<State> {
  const done = { intent: undefined }
  if (store.version('fakeroot') !== target) return done
  if (verb === 'roll-back') return { ...done, trial: undefined, boots: 0 }
  // A tree that replaced a damaged one of the same version is trusted as much as that one was.
  return source === target ? { ...done, boots: 0 } : { ...done, trial: target, boots: 0 }
}

/**
 * Exchanges `fakeroot` and `from`. Without RENAME_EXCHANGE (JFFS2), or if both are of the same version, the
 * old tree is moved aside first: then the names tell how far it got, which versions could not.
 */
function trade(store: Store, { source, target }: Intent, from: TreeName): void {
  if (!store.has('fakeroot')) move(store, from)
  else if (source === target || !exchanged(store, from)) {
    const { files } = store.host
    files.rename(store.directory, 'fakeroot', store.directory, ASIDE)
    store.syncDirectory()
    try {
      move(store, from)
    } catch (error) {
      if (isSystemError(error, ...IMMOVABLE)) move(store, ASIDE)
      throw error
    }
  }
  store.syncDirectory()
}

function exchanged(store: Store, from: TreeName): boolean {
  try {
    store.host.files.exchange(store.directory, from, store.directory, 'fakeroot')
    return true
  } catch (error) {
    if (!isSystemError(error, ...NEVER_EXCHANGES)) throw error
    return false
  }
}

function move(store: Store, from: TreeName | typeof ASIDE): void {
  store.host.files.rename(store.directory, from, store.directory, 'fakeroot')
}

/** After the exchange the old tree becomes `previous-root`, whatever its name is by now. */
function keepAsPrevious(store: Store, { source, target }: Intent, from: TreeName): void {
  const { files } = store.host
  const exchanged =
    from === 'upgraded-root' &&
    source !== target &&
    store.has(from) &&
    (store.version(from) ?? 0) === source &&
    store.version('fakeroot') === target
  const name = store.has(ASIDE) ? ASIDE : exchanged ? from : undefined
  if (name === undefined) return
  // The previous way back is given up only now, when there is another.
  if (store.has('previous-root')) {
    store.discard('previous-root')
    // A power cut must not keep the new name and lose the removal of the old one.
    store.syncDirectory()
  }
  files.rename(store.directory, name, store.directory, 'previous-root')
}
