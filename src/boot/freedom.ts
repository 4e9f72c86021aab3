/** Whether this laptop may start, and the signed word that frees one that may not. */
import { callHome } from '../call-home/call-home.ts'
import { lockVerdict, recordReply, unlock, unlockName } from '../call-home/lock.ts'
import { readSerial } from '../call-home/serial.ts'
import type { Device } from '../device/device.ts'
import { homeOf } from '../device/round.ts'
import type { Host, Path } from '../host.ts'
import { REPLY_SIZE_MAX } from '../limits.ts'
import { readFile } from '../small-file.ts'
import { readState, salvageState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { standingDevice } from './standing-device.ts'

/**
 * Why this laptop may not start, as a sentence; undefined: it may. Of a damaged record what can still be
 * read counts: a bad block in the line beside a lock must not end the lock.
 */
export function lockedBy(host: Host, store: Store): string | undefined {
  return lockVerdict(salvageState(store), standingDevice(host).configuration.lock)
}

/**
 * Takes a signed word from the first of the folders that has one; where there are none, the home
 * server's. What is found changes the store's record. Throws what went wrong.
 */
export async function seekFreedom(
  device: Device,
  store: Store,
  folders: Path[],
  say: (text: string) => void,
): Promise<void> {
  const { host } = device
  for (const folder of folders) {
    const serial = readSerial(host.files, device.configuration.serial)
    const directory = host.files.openRoot(folder)
    try {
      const statement = readFile(host.files, directory, unlockName(serial), REPLY_SIZE_MAX)
      if (statement) return unlock(store, statement, device.keys('home', store), serial)
      say(`The stick has no ${unlockName(serial)}.`)
    } finally {
      host.files.close(directory)
    }
  }
  if (folders.length > 0) return
  const home = homeOf(device, store)
  if (!home) return say('No home server is configured.')
  const laptop = { ...home.laptop, installed: store.version('fakeroot') }
  recordReply(store, await callHome(host, home.server, laptop, readState(store)))
}
