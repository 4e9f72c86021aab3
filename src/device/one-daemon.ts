/**
 * One daemon a store: whoever runs there holds the lock of the store's file `daemon`, which names its
 * process. The kernel lets go of it when the process dies.
 */
import { BusyError, ConfigError, isSystemError } from '../errors.ts'
import type { Fd, Host } from '../host.ts'
import { readFile, readSystemFile } from '../small-file.ts'
import type { Store } from '../store/store.ts'
import { arrayOfBytes, bytesOfArray, show } from '../text.ts'
import type { Device } from './device.ts'

const NAME = 'daemon'
/** A line is some seven bytes; with more of them the file is begun again (bytes). */
const SIZE_MAX = 4096
const STAT_SIZE_MAX = 4096

/**
 * Throws a BusyError that says which daemon runs. What it gives lets go of the store again. Without a
 * store, or on a disk that takes no file, there is nothing to hold, and that is told.
 */
export function claimStore(device: Device): () => void {
  let store: Store
  try {
    store = device.store()
  } catch (error) {
    // It may be installed later; until then each round says so.
    if (!(error instanceof ConfigError)) throw error
    return () => {}
  }
  const held: Fd[] = []
  const close = () => {
    for (const fd of held.splice(0)) store.host.files.close(fd)
  }
  try {
    hold(store, held)
  } catch (error) {
    close()
    if (!isSystemError(error)) throw error
    device.progress.note(`whether another daemon runs here is not known: ${error.message}`)
  } finally {
    store.close()
  }
  return close
}

function hold(store: Store, held: Fd[]): void {
  const { directory, host } = store
  const { files } = host
  const type = files.stat(directory, NAME)?.type
  if (type === 'dir') files.removeTree(directory, NAME)
  else if (type !== undefined && type !== 'file') files.removeFile(directory, NAME)
  const fd = files.openAppend(directory, NAME, 0o600)
  held.push(fd)
  if (!files.lock(fd)) throw busy(store)
  if (files.statHandle(fd).size + 32 > SIZE_MAX) {
    // Held as well until the end: who has it open already finds it locked.
    files.removeFile(directory, NAME)
    hold(store, held)
    return
  }
  const line = arrayOfBytes(`${processId(host)}\n`)
  files.write(fd, line, 0, line.length)
}

function busy({ host: { files }, directory, path }: Store): BusyError {
  const content = readFile(files, directory, NAME, SIZE_MAX)
  const number = content && bytesOfArray(content).trim().split('\n').pop()
  const which = number ? `, process ${show(number)}` : ''
  return new BusyError(
    `a daemon runs on the store ${show(path)} already${which}`,
    'end that one first; `xo-upgrade status` says what it does',
  )
}

/** As the kernel names it; '' if /proc is not mounted. */
function processId({ files }: Host): string {
  try {
    const [number = ''] = bytesOfArray(
      readSystemFile(files, '/proc/self/stat', STAT_SIZE_MAX),
    ).split(' ')
    return number
  } catch (error) {
    if (!isSystemError(error)) throw error
    return ''
  }
}
