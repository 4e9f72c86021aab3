/**
 * The swap, the way back, and what finishes either after a power cut. Only here do the names
 * `fakeroot`, `upgraded-root` and `previous-root` change hands, and always in this order: intent
 * written, trees renamed, directory synced, intent cleared. A running tree is never without a name.
 */
import { ConfigError, isSystemError } from '../errors.ts'
import { changeState, type Intent, readState } from './state.ts'
import type { Store, TreeName } from './store.ts'

/** Puts the tree that waits in the place of the one that runs. Returns the versions. */
export function swap(store: Store): { source: number; target: number } {
  const waiting = store.tree('upgraded-root')
  const running = store.tree('fakeroot')
  if (!waiting) {
    throw new ConfigError('no upgrade waits for a swap', 'run `xo-upgrade upgrade` first')
  }
  if (!running) throw new ConfigError('there is no tree to swap with', 'run `xo-upgrade install`')
  const versions = { source: running.release.version, target: waiting.release.version }
  store.discard('previous-root')
  // The intent must not outlive a cut that what it makes room for did not.
  store.syncDirectory()
  begin(store, { verb: 'swap', ...versions })
  finish(store, { verb: 'swap', ...versions })
  return versions
}

/** Puts the tree that ran before in the place of the one that runs, which becomes the previous one. */
export function rollBack(store: Store): { source: number; target: number } {
  const previous = store.tree('previous-root')
  const running = store.tree('fakeroot')
  if (!previous || !running) {
    throw new ConfigError(
      'there is no previous tree to go back to',
      'the way back exists from a swap until the next upgrade is staged',
    )
  }
  const versions = { source: running.release.version, target: previous.release.version }
  begin(store, { verb: 'roll-back', ...versions })
  finish(store, { verb: 'roll-back', ...versions })
  return versions
}

/** Finishes what a power cut interrupted. To be called under the lock, before anything else. */
export function recover(store: Store): Intent | undefined {
  const { intent } = readState(store)
  if (intent) finish(store, intent)
  return intent
}

function begin(store: Store, intent: Intent): void {
  changeState(store, { intent })
}

/**
 * Goes on from wherever the renames stopped. The place that the old tree leaves to the new one is
 * `upgraded-root` for a swap and `previous-root` for a roll-back; either way the old one ends up as
 * `previous-root`.
 */
function finish(store: Store, intent: Intent): void {
  const from: TreeName = intent.verb === 'swap' ? 'upgraded-root' : 'previous-root'
  const running = store.tree('fakeroot')?.release.version
  if (running === intent.source) {
    if (store.tree(from)?.release.version === intent.target) trade(store, from)
  } else if (running === undefined) {
    // Two renames, cut between them: the old tree already lies at its aside name.
    store.host.files.rename(store.directory, from, store.directory, 'fakeroot')
  }
  setAside(store, intent, from)
  store.syncDirectory()
  changeState(store, { intent: undefined })
}

/** Exchanges `fakeroot` and `from`; without RENAME_EXCHANGE (JFFS2) the old tree is moved aside first. */
function trade(store: Store, from: TreeName): void {
  const { files } = store.host
  try {
    files.exchange(store.directory, from, store.directory, 'fakeroot')
  } catch (error) {
    if (!isSystemError(error, 'EINVAL', 'ENOSYS', 'ENOTTY', 'EOPNOTSUPP')) throw error
    files.rename(store.directory, 'fakeroot', store.directory, ASIDE)
    store.syncDirectory()
    files.rename(store.directory, from, store.directory, 'fakeroot')
  }
  store.syncDirectory()
}

/** After the trade the old tree is brought to `previous-root`, from whichever name it has now. */
function setAside(store: Store, intent: Intent, from: TreeName): void {
  const { files } = store.host
  if (files.stat(store.directory, ASIDE)) {
    files.rename(store.directory, ASIDE, store.directory, 'previous-root')
  } else if (from === 'upgraded-root' && store.tree(from)?.release.version === intent.source) {
    files.rename(store.directory, from, store.directory, 'previous-root')
  }
}

/** Where the old tree lies between two renames; nobody but `finish` ever sees it. */
const ASIDE = 'previous-root.swap'
