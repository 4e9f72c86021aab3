/**
 * Makes every entry of the store what its name promises: a regular file or a folder, without flags that
 * keep it from being changed. Runs as soon as somebody has the lock, before anything is read. The state
 * record is left to `mendRecord`, which knows how to begin a new one. Of the running tree only what stands
 * beside its root is looked at, and its flags stay.
 */
import { isSystemError } from '../errors.ts'
import type { Path } from '../host.ts'
import { removeOrPutAside, type StoreFolder } from './put-aside.ts'

type Kind = 'file' | 'dir'

/** Where packs lie as they arrive (src/packs/kept.ts). */
const PACKS = 'packs'

const FOLDERS = [
  'fakeroot',
  'upgraded-root',
  'staging',
  'previous-root',
  'previous-root.swap',
  'ssh',
  PACKS,
]
const FILES = ['lock', 'keys', 'room', 'set-aside', 'upstream-newest', 'scratch', 'probe', 'turn']

/** What belongs under each name. `state` itself is not among them. */
const KINDS = new Map<Path, Kind>([
  ...FOLDERS.map((name) => [name, 'dir'] as const),
  ...FILES.map((name) => [name, 'file'] as const),
  ...[...FILES, 'state'].map((name) => [`${name}.new`, 'file'] as const),
])

/** In each tree. */
const PARTS = new Map<Path, Kind>([
  ['release', 'file'],
  ['release.new', 'file'],
  ['manifest', 'file'],
  ['root', 'dir'],
  ['partial', 'dir'],
])

/** Best effort: whoever needs what can't be healed will meet it again, and report it. */
export function heal(store: StoreFolder, runs: (tree: Path) => boolean): void {
  attempt(() => {
    const { files } = store.host
    files.clearFlags(store.directory, '.')
    for (const name of files.readDirectory(store.directory, '.')) {
      attempt(() => healName(store, name, runs))
    }
  })
}

function healName(store: StoreFolder, name: Path, runs: (tree: Path) => boolean): void {
  const { files } = store.host
  if (name === 'state') {
    files.clearFlags(store.directory, name)
    return
  }
  const kind = KINDS.get(name)
  if (kind === undefined || !stays(store, name, kind)) return
  if (kind === 'file') files.clearFlags(store.directory, name)
  else if (name === PACKS) healPacks(store)
  else healTree(store, name, runs(name))
}

function healTree(store: StoreFolder, tree: Path, isRunning: boolean): void {
  const { files } = store.host
  if (!isRunning) files.clearFlags(store.directory, tree)
  for (const [part, kind] of PARTS) {
    const path = `${tree}/${part}`
    if (stays(store, path, kind) && !isRunning) files.clearFlags(store.directory, path)
  }
}

/** All of them can come again: what can't be one goes. */
function healPacks(store: StoreFolder): void {
  const { files } = store.host
  files.clearFlags(store.directory, PACKS)
  for (const name of files.readDirectory(store.directory, PACKS)) {
    const path = `${PACKS}/${name}`
    if (files.stat(store.directory, path)?.type === 'file') files.clearFlags(store.directory, path)
    else files.removeTree(store.directory, path)
  }
}

/** False if nothing of that name is left. */
function stays(store: StoreFolder, path: Path, kind: Kind): boolean {
  const type = store.host.files.stat(store.directory, path)?.type
  if (type === undefined || type === kind) return type !== undefined
  removeOrPutAside(store, path)
  return false
}

function attempt(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
}
