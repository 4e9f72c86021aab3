/** A start that fails at its very end is taken back, as far as that goes, and says why it failed. */
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { handOver } from '../../src/boot/root/hand-over.ts'
import { Console } from '../../src/boot/screen/console.ts'
import type { BootSettings } from '../../src/device/boot-settings.ts'
import type { Host } from '../../src/host.ts'
import { readFile } from '../../src/small-file.ts'
import { Store } from '../../src/store/store.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { nodeHost } from '../support/host.ts'
import { test } from '../support/suite.ts'

const OWN = ['dev', 'proc', 'sys', 'run']
const FOLDERS = [...OWN, 'run/xo', 'newroot', ...OWN.map((own) => `newroot/${own}`)]
const NOTHING = { persist: [], overlay: [], volatile: [] as string[] }

interface Machine {
  /** Whether it fails: a mount, the end of one, or the change of the root before an init is started. */
  refuses?(call: string, target: string): boolean
  inits?: string[]
  /** What is at /run/xo/boot.log before. */
  log?: string
}

/** Hands over to inits that can't be executed, on a machine where more may fail. */
function failed({ refuses = () => false, inits = ['/sbin/init'], log }: Machine) {
  const files = virtualFiles(new VirtualDisk())
  const root = files.openRoot('/')
  for (const path of FOLDERS) files.makeDirectory(root, path, 0o755)
  const put = (path: string, text: string) => {
    const fd = files.createFile(root, path, 0o644)
    files.write(fd, arrayOfBytes(text), 0, text.length)
    files.close(fd)
  }
  if (log !== undefined) put('run/xo/boot.log', log)
  const moves: string[] = []
  const events: string[] = []
  const starts: { program: string; words: string[]; environment: string[] }[] = []
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
    syncAll: () => void events.push('synced'),
    environment: () => ['TERM=linux', 'XO_INIT_FAILED=/sbin/init is gone'],
    switchRoot(_root: string, start: { program: string; words: string[]; environment: string[] }) {
      events.push(`${start.program}, ${store.isLocked ? 'locked' : 'free'}`)
      starts.push(start)
      if (refuses('chroot', start.program)) throw systemError('chroot', start.program, 'EBUSY')
      throw systemError('execve', start.program, 'EACCES')
    },
  }
  const host: Host = { ...nodeHost(files), system }
  const store = Store.open(host, '/store', true)
  store.lock()
  const console = new Console(host)
  console.reopen = () => void events.push('console again')
  console.line('Starting version 7.')
  let error: unknown
  try {
    handOver({
      ...{ host, console, store, writable: true, root: 'rw', tree: 'fakeroot', inits },
      settings: NOTHING as unknown as BootSettings,
      words: ['single'],
    })
  } catch (thrown) {
    error = thrown
  }
  const kept = bytesOfArray(readFile(files, root, 'run/xo/boot.log', 1000) ?? new Uint8Array())
  const outcome = { error: `${error}`, isLocked: store.isLocked, said: console.kept.join('\n') }
  return { ...outcome, moves, events, starts, kept }
}

const there = ['/dev', '/proc', '/sys', '/run'].map((own) => `${own} to /newroot${own}`)
const back = ['/run', '/sys', '/proc', '/dev'].map((own) => `/newroot${own} to ${own}`)

test('everything is taken back', () => {
  const { error, moves, isLocked } = failed({})
  assert.match(error, /EACCES/)
  assert.equal(moves, [...there, ...back])
  assert.ok(isLocked)
})

test('what can not be moved back hides neither the first error nor the lock', () => {
  const { error, moves, isLocked, said } = failed({
    refuses: (_call, target) => target === '/sys',
  })
  assert.match(error, /EACCES/)
  assert.equal(moves, [...there, ...back.filter((move) => !move.endsWith('/sys'))])
  assert.ok(isLocked)
  assert.match(said, /\/sys stays in the new root: .*EBUSY/)
})

test('nor does a new root that stays mounted', () => {
  const { error, isLocked, said } = failed({
    refuses: (call) => call === 'umount',
  })
  assert.match(error, /EACCES/)
  assert.ok(isLocked)
  assert.match(said, /the new root stays mounted: .*EPERM/)
})

test('all is written before the system starts, and the store is not locked any more', () => {
  const { events, isLocked } = failed({})
  assert.equal(events, ['synced', '/sbin/init, free', 'console again'])
  assert.ok(isLocked, 'a start that failed has it again')
})

test('what was said is there for the system, instead of what an earlier start said', () => {
  for (const log of [undefined, 'Starting version 6.\nand much more than this one has to say']) {
    const { kept } = failed(log === undefined ? {} : { log })
    assert.match(kept, /^[^\n]*Starting version 7\.\n$/)
  }
})

test('one init is tried after the other, and the failure of the first is the one that is told', () => {
  const inits = ['/sbin/init', '/etc/init', '/bin/sh']
  const { starts, error } = failed({ inits })
  const environment = ['TERM=linux']
  assert.equal(
    starts,
    inits.map((program) => ({ program, words: [program, 'single'], environment })),
  )
  assert.match(error, /\/sbin\/init/)
  const halfWay = failed({
    refuses: (_call, target) => target === '/etc/init',
    inits,
  })
  assert.is(halfWay.starts.length, 2, 'nothing more is tried once it was another call that failed')
  assert.match(halfWay.error, /\/sbin\/init/)
})

test.run()
