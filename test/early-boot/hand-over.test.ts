/** A start that fails at its very end is taken back, as far as that goes, and says why it failed. */
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { handOver } from '../../src/boot/root/hand-over.ts'
import { Console } from '../../src/boot/screen/console.ts'
import type { BootSettings } from '../../src/device/boot-settings.ts'
import type { Host } from '../../src/host.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { test } from '../support/suite.ts'

const OWN = ['dev', 'proc', 'sys', 'run']
const FOLDERS = [...OWN, 'run/xo', 'newroot', ...OWN.map((own) => `newroot/${own}`)]
const NOTHING = { persist: [], overlay: [], volatile: [] as string[] }

/** Hands over to an init that can't be executed, on a machine where a mount or its end fails. */
function failed(refuses: (call: string, target: string) => boolean) {
  const files = virtualFiles(new VirtualDisk())
  const root = files.openRoot('/')
  for (const path of FOLDERS) files.makeDirectory(root, path, 0o755)
  const moves: string[] = []
  const system = {
    ...nodeHost().system,
    mount(source: string, target: string, _type: string, flags: readonly string[]) {
      if (!flags.includes('move')) return
      if (refuses('mount', target)) throw systemError('mount', target, 'EBUSY')
      moves.push(`${source} to ${target}`)
    },
    unmount(target: string) {
      throw systemError('umount', target, refuses('umount', target) ? 'EPERM' : 'EINVAL')
    },
    syncAll() {},
    environment: () => [],
    switchRoot(): never {
      throw systemError('execve', '/sbin/init', 'EACCES')
    },
  }
  const host: Host = { ...nodeHost(files), system }
  const store = Store.open(host, '/store', true)
  store.lock()
  const console = new Console(host)
  let error: unknown
  try {
    handOver({
      ...{ host, console, store, writable: true, root: 'rw', tree: 'fakeroot' },
      settings: NOTHING as unknown as BootSettings,
      inits: ['/sbin/init'],
      words: [],
    })
  } catch (thrown) {
    error = thrown
  }
  return { error: `${error}`, moves, isLocked: store.isLocked, said: console.kept.join('\n') }
}

const there = ['/dev', '/proc', '/sys', '/run'].map((own) => `${own} to /newroot${own}`)
const back = ['/run', '/sys', '/proc', '/dev'].map((own) => `/newroot${own} to ${own}`)

test('everything is taken back', () => {
  const { error, moves, isLocked } = failed(() => false)
  assert.match(error, /EACCES/)
  assert.equal(moves, [...there, ...back])
  assert.ok(isLocked)
})

test('what can not be moved back hides neither the first error nor the lock', () => {
  const { error, moves, isLocked, said } = failed((_call, target) => target === '/sys')
  assert.match(error, /EACCES/)
  assert.equal(moves, [...there, ...back.filter((move) => !move.endsWith('/sys'))])
  assert.ok(isLocked)
  assert.match(said, /\/sys stays in the new root: .*EBUSY/)
})

test('nor does a new root that stays mounted', () => {
  const { error, isLocked, said } = failed((call) => call === 'umount')
  assert.match(error, /EACCES/)
  assert.ok(isLocked)
  assert.match(said, /the new root stays mounted: .*EPERM/)
})

test.run()
