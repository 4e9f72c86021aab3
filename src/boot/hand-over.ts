/**
 * The last steps of an early boot: the tree becomes the root, the store its place in it, and the
 * system's init takes over. Until the very last call everything can be taken back, and is where
 * something fails.
 */
import { isSystemError, type SystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { arrayOfBytes, bytesOfText, show } from '../text.ts'
import type { Store, TreeName } from '../trees/store.ts'
import type { Console } from './console.ts'
import type { BootSettings } from './ground.ts'
import type { RootMode } from './kernel-words.ts'
import { bind, makePath, makeReadOnly, unmountIfThere } from './mounts.ts'
import { mountData, mountOverlay } from './persist.ts'

const NEW_ROOT = '/newroot'
/** In the tree: where the running system finds the store. */
const STORE_PLACE = 'xo'
/** The kernel's file systems, and what was found out; they go along. */
const OWN = ['/dev', '/proc', '/sys', '/run']
const LOG = '/run/xo/boot.log'
const OVERLAY = '/run/xo/overlay-root'

export interface HandOver {
  host: Host
  console: Console
  store: Store
  writable: boolean
  settings: BootSettings
  root: RootMode
  tree: TreeName
  inits: readonly Path[]
  /** Behind the program's name. */
  words: Path[]
}

/** Returns only by throwing, with everything as it was. */
export function handOver(job: HandOver): never {
  const { host, console } = job
  const moved: Path[] = []
  try {
    assemble(job)
    writeLog(job)
    for (const own of OWN) if (moveInto(host, own)) moved.push(own)
    console.close()
    host.system.syncAll()
    throw start(job)
  } catch (error) {
    for (const own of moved.reverse()) host.system.mount(`${NEW_ROOT}${own}`, own, '', ['move'], '')
    unmountIfThere(host, NEW_ROOT)
    console.open()
    throw error
  }
}

function assemble(job: HandOver): void {
  const { host, console, store, writable, settings, root, tree } = job
  const note = (text: string) => console.line(text)
  makePath(host, NEW_ROOT)
  bind(host, `${store.path}/${tree}/root`, NEW_ROOT)
  const place = { host, store, path: NEW_ROOT, writable, note }
  if (root === 'overlay') {
    for (const name of ['upper', 'work']) makePath(host, `${OVERLAY}/${name}`)
    if (!mountOverlay(place, '', OVERLAY)) {
      note('This kernel lays nothing over the system; it is mounted read-only.')
      makeReadOnly(host, NEW_ROOT)
    }
  } else if (root === 'ro') {
    makeReadOnly(host, NEW_ROOT)
  }
  mountData(place, settings)
  placeStore(job)
}

/** At /xo, where the tree has that folder; it is at /run/xo/store in any case. */
function placeStore({ host, store, console }: HandOver): void {
  const { files } = host
  const fd = files.openRoot(NEW_ROOT)
  try {
    if (files.stat(fd, STORE_PLACE)?.type === 'dir') {
      bind(host, store.path, `${NEW_ROOT}/${STORE_PLACE}`)
    } else {
      console.debug('the tree has no folder /xo; the store is at /run/xo/store')
    }
  } finally {
    files.close(fd)
  }
}

/** What was said, for the running system to read. */
function writeLog({ host, console }: HandOver): void {
  const { files } = host
  const text = arrayOfBytes(bytesOfText(console.kept.map((line) => `${line}\n`).join('')))
  const run = files.openRoot('/run/xo')
  try {
    if (files.stat(run, 'boot.log')) files.removeFile(run, 'boot.log')
    const fd = files.createFile(run, 'boot.log', 0o644)
    files.write(fd, text, 0, text.length)
    files.close(fd)
  } catch (error) {
    if (!isSystemError(error)) throw error
    console.debug(`${LOG}: ${show(error.message)}`)
  } finally {
    files.close(run)
  }
}

/** False where the tree has no such folder: a system that does without keeps doing without. */
function moveInto({ files, system }: Host, own: Path): boolean {
  const fd = files.openRoot(NEW_ROOT)
  try {
    if (files.stat(fd, own.slice(1))?.type !== 'dir') return false
  } finally {
    files.close(fd)
  }
  system.mount(own, `${NEW_ROOT}${own}`, '', ['move'], '')
  return true
}

/** The first init that can be executed. Returns why none could. */
function start({ host, inits, words }: HandOver): SystemError {
  const { system } = host
  const environment = system.environment().filter((line) => !line.startsWith('XO_INIT_FAILED='))
  let failure: SystemError | undefined
  for (const program of inits) {
    try {
      system.switchRoot(NEW_ROOT, { program, words: [program, ...words], environment })
    } catch (error) {
      if (!isSystemError(error)) throw error
      // The first one is the one that was wanted: why it failed is what is worth telling.
      failure ??= error
      if (error.call !== 'execve') break
    }
  }
  return failure as SystemError
}
