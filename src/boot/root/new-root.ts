/**
 * A tree of the store made into a root: mounted as the configuration says, with the data that outlives
 * upgrades in it, and the store in its place. Nothing here writes into the tree.
 */
import type { BootSettings, RootMode } from '../../device/boot-settings.ts'
import { isSystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import { replaceFile } from '../../small-file.ts'
import { ROOT_MARK, type Store, type TreeName } from '../../store/store.ts'
import { arrayOfBytes, show } from '../../text.ts'
import { bind, makePath, makePrivate, makeReadOnly, makeUnused } from '../machine/mounts.ts'
import { mountData, mountOverlay } from './persist.ts'

/** In the tree: where the running system finds the store. */
export const STORE_PLACE = 'xo'
const OVERLAY = '/run/xo/overlay-root'

interface Assembly {
  host: Host
  store: Store
  writable: boolean
  settings: BootSettings
  root: RootMode
  tree: TreeName
  /** A folder that is there. */
  path: Path
  note(text: string): void
}

export function assemble(job: Assembly): void {
  const { host, store, settings, root, tree, path, note } = job
  markRoot(job)
  bind(host, `${store.path}/${tree}/root`, path)
  makePrivate(host, path)
  if (root === 'overlay') {
    const folder = makeUnused(host, OVERLAY)
    for (const name of ['upper', 'work']) makePath(host, `${folder}/${name}`)
    if (!mountOverlay(job, '', folder)) {
      note('This kernel has no overlay file system; the system is mounted read-only.')
      makeReadOnly(host, path)
    }
  } else if (root === 'ro') {
    makeReadOnly(host, path)
  }
  mountData(job, settings)
  // Otherwise it is only at /run/xo/store.
  if (hasFolder(host, path, STORE_PLACE)) bind(host, store.path, `${path}/${STORE_PLACE}`)
}

/** For the running system, which can't tell its tree from its root if something is laid over it. */
function markRoot({ host: { files }, store, tree, note }: Assembly): void {
  const root = files.openRoot('/')
  try {
    const identity = files.stat(store.directory, `${tree}/root`)?.identity ?? ''
    replaceFile(files, root, ROOT_MARK, arrayOfBytes(identity))
  } catch (error) {
    if (!isSystemError(error)) throw error
    note(`The running system will not know its tree: ${show(error.message)}.`)
  } finally {
    files.close(root)
  }
}

/** Whether a folder of the new root is there; no link counts, because it would lead out of it. */
export function hasFolder({ files }: Host, root: Path, path: Path): boolean {
  const fd = files.openRoot(root)
  try {
    return files.stat(fd, path)?.type === 'dir'
  } finally {
    files.close(fd)
  }
}

/** The running system finds the store by this name, wherever it is on its disk. */
export function nameStore({ files }: Host, path: Path): void {
  const run = files.openRoot('/run/xo')
  try {
    if (files.stat(run, 'store')) files.removeFile(run, 'store')
    files.makeLink(path, run, 'store')
  } finally {
    files.close(run)
  }
}
