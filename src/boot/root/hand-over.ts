/**
 * The last steps of an early boot: the tree becomes the root, the store its place in it, and the
 * system's init takes over. Until the very last call everything can be taken back, and is if
 * something fails.
 */
import type { BootSettings, RootMode } from '../../device/boot-settings.ts'
import { isExpected, isSystemError, type SystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import type { Store, TreeName } from '../../store/store.ts'
import { arrayOfBytes, bytesOfText, show } from '../../text.ts'
import { makePath, unmountIfThere } from '../machine/mounts.ts'
import type { Console } from '../screen/console.ts'
import { assemble, hasFolder } from './new-root.ts'

const NEW_ROOT = '/newroot'
/** The kernel's file systems, and what was found out: these move along. */
const OWN = ['/dev', '/proc', '/sys', '/run']
const LOG = '/run/xo/boot.log'

interface HandOver {
  host: Host
  console: Console
  store: Store
  writable: boolean
  settings: BootSettings
  root: RootMode
  tree: TreeName
  inits: readonly Path[]
  /** After the program's name. */
  words: Path[]
}

/** Returns only by throwing, with everything as it was. */
export function handOver(job: HandOver): never {
  const { host, console } = job
  const moved: Path[] = []
  try {
    makePath(host, NEW_ROOT)
    assemble({ ...job, path: NEW_ROOT, note: (text) => console.line(text) })
    writeLog(job)
    for (const own of OWN) if (moveInto(host, own)) moved.push(own)
    console.close()
    host.system.syncAll()
    // The child that empties the initramfs later must not hold the lock while the system upgrades itself.
    job.store.unlock()
    throw start(job)
  } catch (error) {
    takeBack(job, moved)
    throw error
  }
}

/** Each step is tried, whatever became of the others; why the start failed is worth more than why one of them did. */
function takeBack({ host, console, store, writable }: HandOver, moved: Path[]): void {
  const back = (what: string, step: () => void) => {
    try {
      step()
    } catch (error) {
      if (!isExpected(error)) throw error
      console.debug(`${what}: ${show(error.message)}`)
    }
  }
  for (const own of moved.reverse()) {
    back(`${own} stays in the new root`, () =>
      host.system.mount(`${NEW_ROOT}${own}`, own, '', ['move'], ''),
    )
  }
  back('the new root stays mounted', () => unmountIfThere(host, NEW_ROOT))
  store.unlock()
  if (writable) back('the store is not locked', () => store.lock())
  console.reopen()
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

/** False if the tree has no such folder: a system that does without it goes on without it. */
function moveInto(host: Host, own: Path): boolean {
  if (!hasFolder(host, NEW_ROOT, own.slice(1))) return false
  host.system.mount(own, `${NEW_ROOT}${own}`, '', ['move'], '')
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
      // The first one is the one that was wanted: its failure is the one worth telling.
      failure ??= error
      if (error.call !== 'execve') break
    }
  }
  return failure as SystemError
}
