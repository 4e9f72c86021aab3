/**
 * What outlives an upgrade: paths of the tree that get their content from the store's `persist/`, and
 * folders with changes laid over the tree. Data only goes forward: a roll-back brings back the tree,
 * never the data. Nothing here writes into the tree.
 */
import type { BootSettings } from '../../device/boot-settings.ts'
import { isSystemError } from '../../errors.ts'
import type { Fd, Host, Path } from '../../host.ts'
import { isFull } from '../../store/room.ts'
import type { Store } from '../../store/store.ts'
import { show, trimmed } from '../../text.ts'
import { bind, makePath, makeUnused } from '../machine/mounts.ts'
import { copyTree } from './copy-tree.ts'

const PERSIST = 'persist'
const OVERLAY = 'overlay'
/** Where a first copy grows; a power cut leaves it here, and the next start begins again. */
const GROWING = 'persist.new'
const VOLATILE = '/run/xo/volatile'

interface NewRoot {
  host: Host
  store: Store
  /** Where the new root is mounted. */
  path: Path
  /** The store can be written. */
  writable: boolean
  note(text: string): void
}

/** Parents come before what lies in them, so that nothing is covered by its own parent. */
export function mountData(root: NewRoot, settings: BootSettings): void {
  const jobs = [
    ...settings.persist.map((path) => ({ path, mount: persist })),
    ...settings.overlay.map((path) => ({ path, mount: overlay })),
    ...settings.volatile.map((path) => ({ path, mount: forget })),
  ]
  const sorted = jobs.map((job) => ({ ...job, path: trimmed(job.path, '/') }))
  sorted.sort((one, other) => (one.path < other.path ? -1 : 1))
  const tree = root.host.files.openRoot(root.path)
  try {
    for (const { path, mount } of sorted) mountOne(root, tree, path, mount)
  } finally {
    root.host.files.close(tree)
  }
}

type Mount = (root: NewRoot, tree: Fd, path: Path) => void

/** A path that can't be set up is reported, and does not stop the start. */
function mountOne(root: NewRoot, tree: Fd, path: Path, mount: Mount): void {
  const { files } = root.host
  const tell = (why: string) => root.note(`/${show(path)} does not persist: ${why}.`)
  try {
    const type = files.stat(tree, path)?.type
    if (type === undefined) tell('the tree has nothing there')
    else if (type === 'link') tell(`it is a link to ${show(files.readLink(tree, path))}; name that`)
    else if (type !== 'dir' && mount !== persist) tell('it is not a folder')
    else mount(root, tree, path)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    tell(show(error.message))
  }
}

function persist(root: NewRoot, tree: Fd, path: Path): void {
  const { host, store } = root
  const { files } = host
  const kept = `${PERSIST}/${path}`
  if (!files.stat(store.directory, kept)) {
    if (!root.writable) {
      root.note(`/${show(path)} is as the tree has it.`)
      return
    }
    firstCopy(root, tree, path)
  }
  const found = files.stat(store.directory, kept)?.type
  // A link would be followed out of the store.
  if (found === 'link' || (found === 'dir') !== (files.stat(tree, path)?.type === 'dir')) {
    root.note(`/${show(path)} does not persist: what is kept is of another kind than the tree's.`)
    return
  }
  bind(host, `${store.path}/${kept}`, `${root.path}/${path}`)
}

/** Starts out with what the tree has there. All or nothing: it is made aside, then renamed. */
function firstCopy({ host, store }: NewRoot, tree: Fd, path: Path): void {
  const { files } = host
  files.removeTree(store.directory, GROWING)
  try {
    copyTree(files, { directory: tree, path }, { directory: store.directory, path: GROWING })
    files.syncFileSystem(store.directory)
  } catch (error) {
    // On a full disk it would hold room that others need.
    files.removeTree(store.directory, GROWING)
    throw error
  }
  const kept = `${PERSIST}/${path}`
  makeParents(host, store, tree, path)
  files.rename(store.directory, GROWING, store.directory, kept)
  files.syncFileSystem(store.directory)
}

/** The folders above it, with the owners and modes that they have in the tree. */
function makeParents({ files }: Host, { directory }: Store, tree: Fd, path: Path): void {
  const names = path.split('/').slice(0, -1)
  for (let depth = 0; depth <= names.length; depth++) {
    const above = names.slice(0, depth).join('/')
    const kept = above === '' ? PERSIST : `${PERSIST}/${above}`
    if (files.stat(directory, kept)) continue
    files.makeDirectory(directory, kept, 0o755)
    const stat = files.stat(tree, above || '.')
    if (stat) files.setMetadata(directory, kept, { ...stat, xattrs: [] })
  }
}

/**
 * A folder whose changes are kept in the store. If the kernel has no overlay, its content persists.
 * If the store cannot be written to, the changes in it are seen, and new ones stay in memory.
 */
function overlay(root: NewRoot, tree: Fd, path: Path): void {
  const { store, host } = root
  const folder = `${OVERLAY}/${nameOf(path)}`
  if (root.writable && layInStore(root, tree, path, folder)) return
  const known = (kept: Path) => host.files.stat(store.directory, kept) !== undefined
  const upper = known(`${folder}/upper`) ? `${store.path}/${folder}/upper` : undefined
  if (!root.writable && layInMemory(root, tree, path, upper)) {
    root.note(`Changes to /${show(path)} will be forgotten.`)
    return
  }
  if (root.writable)
    root.note(`/${show(path)} persists as a whole: this kernel has no overlay file system.`)
  if (root.writable || known(`${PERSIST}/${path}`)) persist(root, tree, path)
  else copyToMemory(root, tree, path)
}

/** False if there is no overlay. A disk that is too full for it counts as one that cannot be written to. */
function layInStore(root: NewRoot, tree: Fd, path: Path, folder: Path): boolean {
  const { host, store } = root
  try {
    for (const made of [OVERLAY, folder, `${folder}/work`]) makeOnce(host, store, made)
    // With the owner and mode of the folder that it covers: it is seen in its place.
    if (!host.files.stat(store.directory, `${folder}/upper`)) {
      makeOnce(host, store, `${folder}/upper`)
      likeTree(root, tree, path, store.directory, `${folder}/upper`)
    }
    return mountOverlay(root, path, `${store.path}/${folder}`)
  } catch (error) {
    if (!isFull(error)) throw error
    root.note(`The disk is full: changes to /${show(path)} find no room.`)
    overlay({ ...root, writable: false }, tree, path)
    return true
  }
}

/** A folder whose changes stay in memory. */
function forget(root: NewRoot, tree: Fd, path: Path): void {
  if (!layInMemory(root, tree, path)) copyToMemory(root, tree, path)
}

/** False if there is no overlay. `above`: a folder of changes that lies between. */
function layInMemory(root: NewRoot, tree: Fd, path: Path, above?: Path): boolean {
  const folder = memoryOf(root, path)
  const fd = root.host.files.openRoot(folder)
  try {
    likeTree(root, tree, path, fd, 'upper')
  } finally {
    root.host.files.close(fd)
  }
  return mountOverlay(root, path, folder, above)
}

function copyToMemory(root: NewRoot, tree: Fd, path: Path): void {
  const { files } = root.host
  const folder = memoryOf(root, path)
  const fd = files.openRoot(folder)
  try {
    files.removeTree(fd, 'upper')
    copyTree(files, { directory: tree, path }, { directory: fd, path: 'upper' })
    bind(root.host, `${folder}/upper`, `${root.path}/${path}`)
  } finally {
    files.close(fd)
  }
}

/** A fresh folder in memory for the changes of a path. */
function memoryOf({ host }: NewRoot, path: Path): Path {
  const folder = makeUnused(host, `${VOLATILE}/${nameOf(path)}`)
  for (const name of ['upper', 'work']) makePath(host, `${folder}/${name}`)
  return folder
}

/** Gives a folder the owner and the mode of the tree's. */
function likeTree({ host: { files } }: NewRoot, tree: Fd, path: Path, to: Fd, name: Path): void {
  const stat = files.stat(tree, path)
  if (stat) files.setMetadata(to, name, { ...stat, xattrs: [] })
}

/** A path as one name. */
const nameOf = (path: Path) => path.replace(/%/g, '%25').replace(/\//g, '%2F')

function makeOnce({ files }: Host, { directory }: Store, path: Path): void {
  if (!files.stat(directory, path)) files.makeDirectory(directory, path, 0o755)
}

/**
 * False if there is no overlay: in the kernel, on this disk, or for such a name. `above`: a folder
 * that lies over the tree's, and below `folder`.
 */
export function mountOverlay(
  { host, path: root }: NewRoot,
  path: Path,
  folder: Path,
  above?: Path,
): boolean {
  const target = path === '' ? root : `${root}/${path}`
  // The kernel's own list of options gives these a meaning.
  if (/[,:\\]/.test(`${target}${folder}${above ?? ''}`)) return false
  const lower = above === undefined ? target : `${above}:${target}`
  const options = `lowerdir=${lower},upperdir=${folder}/upper,workdir=${folder}/work`
  try {
    host.system.mount('overlay', target, 'overlay', [], options)
    return true
  } catch (error) {
    if (isSystemError(error, 'ENODEV', 'EINVAL', 'EOPNOTSUPP')) return false
    throw error
  }
}
