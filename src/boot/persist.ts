/**
 * What outlives an upgrade: paths of the tree that get their content from the store's `persist/`, and
 * folders that are written over the tree. Data only goes forward: a roll-back brings the tree back,
 * never the data. Nothing here writes into the tree.
 */
import { isSystemError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { show } from '../text.ts'
import type { Store } from '../trees/store.ts'
import { copyTree } from './copy-tree.ts'
import type { BootSettings } from './ground.ts'
import { bind, makePath } from './mounts.ts'

const PERSIST = 'persist'
const OVERLAY = 'overlay'
/** Where a first copy grows; a power cut leaves it here, and the next start begins anew. */
const GROWING = 'persist.new'
const VOLATILE = '/run/xo/volatile'

export interface NewRoot {
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
  const sorted = jobs.map((job) => ({ ...job, path: job.path.replace(/^\/+|\/+$/g, '') }))
  sorted.sort((one, other) => (one.path < other.path ? -1 : 1))
  const tree = root.host.files.openRoot(root.path)
  try {
    for (const { path, mount } of sorted) mountOne(root, tree, path, mount)
  } finally {
    root.host.files.close(tree)
  }
}

type Mount = (root: NewRoot, tree: Fd, path: Path) => void

/** A path that can't be served is told, and keeps nobody from starting. */
function mountOne(root: NewRoot, tree: Fd, path: Path, mount: Mount): void {
  try {
    if (root.host.files.stat(tree, path)) mount(root, tree, path)
    else root.note(`/${show(path)} does not persist: the tree has nothing there.`)
  } catch (error) {
    if (!isSystemError(error)) throw error
    root.note(`/${show(path)} does not persist: ${show(error.message)}.`)
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
  const isFolder = (directory: Fd, place: Path) => files.stat(directory, place)?.type === 'dir'
  if (isFolder(store.directory, kept) !== isFolder(tree, path)) {
    root.note(`/${show(path)} does not persist: what is kept is of another kind than the tree's.`)
    return
  }
  bind(host, `${store.path}/${kept}`, `${root.path}/${path}`)
}

/** Begins with what the tree has there. Whole or not at all: it grows aside, and is renamed. */
function firstCopy({ host, store }: NewRoot, tree: Fd, path: Path): void {
  const { files } = host
  files.removeTree(store.directory, GROWING)
  copyTree(files, { directory: tree, path }, { directory: store.directory, path: GROWING })
  files.syncFileSystem(store.directory)
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

/** A folder whose changes lie in the store. Where the kernel has no overlay, its content persists. */
function overlay(root: NewRoot, tree: Fd, path: Path): void {
  const { host, store } = root
  if (!root.writable) {
    forget(root, tree, path)
    return
  }
  const folder = `${OVERLAY}/${path.replace(/%/g, '%25').replace(/\//g, '%2F')}`
  for (const made of [OVERLAY, folder, `${folder}/work`]) makeOnce(host, store, made)
  // As the folder that it lies over: it is seen in its place.
  if (!host.files.stat(store.directory, `${folder}/upper`)) {
    makeOnce(host, store, `${folder}/upper`)
    const stat = host.files.stat(tree, path)
    if (stat) {
      host.files.setMetadata(store.directory, `${folder}/upper`, { ...stat, xattrs: [] })
    }
  }
  if (mountOverlay(root, path, `${store.path}/${folder}`)) return
  root.note(`/${show(path)} persists as a whole: this kernel lays nothing over it.`)
  persist(root, tree, path)
}

/** A folder whose changes lie in memory. */
function forget(root: NewRoot, tree: Fd, path: Path): void {
  const { host } = root
  const { files, system } = host
  const folder = `${VOLATILE}/${path.replace(/%/g, '%25').replace(/\//g, '%2F')}`
  for (const name of ['upper', 'work']) makePath(host, `${folder}/${name}`)
  const fd = files.openRoot(folder)
  try {
    const stat = files.stat(tree, path)
    if (stat) files.setMetadata(fd, 'upper', { ...stat, xattrs: [] })
    if (mountOverlay(root, path, folder)) return
    files.removeTree(fd, 'upper')
    copyTree(files, { directory: tree, path }, { directory: fd, path: 'upper' })
    system.mount(`${folder}/upper`, `${root.path}/${path}`, '', ['bind'], '')
  } finally {
    files.close(fd)
  }
}

function makeOnce({ files }: Host, { directory }: Store, path: Path): void {
  if (!files.stat(directory, path)) files.makeDirectory(directory, path, 0o755)
}

/** False where there is no overlay: in the kernel, on this disk, or for such a name. */
export function mountOverlay({ host, path: root }: NewRoot, path: Path, folder: Path): boolean {
  const target = path === '' ? root : `${root}/${path}`
  const options = `lowerdir=${target},upperdir=${folder}/upper,workdir=${folder}/work`
  // The kernel's own list of options gives these a meaning.
  if (/[,:\\]/.test(target + folder)) return false
  try {
    host.system.mount('overlay', target, 'overlay', [], options)
    return true
  } catch (error) {
    if (isSystemError(error, 'ENODEV', 'EINVAL', 'EOPNOTSUPP')) return false
    throw error
  }
}
