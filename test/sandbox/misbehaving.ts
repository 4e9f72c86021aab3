/**
 * The program as somebody would have it who has taken it over while it reads a source: `host THIS OUTSIDE WORD…`
 * is `xo-upgrade WORD…` up to its first question for an address, or the first caller, and then tries, with all that its native
 * modules can do, what it must not; so it does on an errand of process 1. What came of each stands in the one line that it writes.
 */
import * as native from '../../native/modules.ts'
import { goOnErrand, isErrand } from '../../src/boot/on-errand.ts'
import { runCommandLine } from '../../src/command-line/commands.ts'
import { isSystemError } from '../../src/errors.ts'
import type { Host } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'

const { files, processes, system, sockets } = native
/** A folder of the test's: a file `secret` and a socket `listener` that are not the program's, and the store. */
const [, outside = '', ...words] = processes.argv
const store = `${outside}/store`
const METADATA = {
  mode: 0o4755,
  uid: 0,
  gid: 0,
  modified: { seconds: 1, nanoseconds: 0 },
  xattrs: [],
}
const OPENSSH = ['ssh', '-F', 'none', '-T']

const inStore = () => files.openRoot(store)
const start = (...command: string[]) =>
  processes.start({ command, environment: ['PATH=/usr/bin:/bin'], pipe: false })

const attempts: Record<string, () => unknown> = {
  'reads a file': () => files.openFile(`${outside}/secret`),
  'reads /etc/shadow': () => files.openFile('/etc/shadow'),
  'reads below a folder that it looks at': () => files.openRead(files.openRoot('/etc'), 'shadow'),
  'lists a folder': () => files.readDirectory(files.openRoot('/root'), '.'),
  'reads through a link in the store': () => {
    files.makeLink('/etc/shadow', inStore(), 'to-shadow')
    return files.openFile(`${store}/to-shadow`)
  },
  'reads a disk by a device of its own': () => {
    files.makeNode(inStore(), 'memory', 'char', 1, 5)
    return system.openDevice(`${store}/memory`, 'read')
  },
  'reads a device of the machine': () => system.openDevice('/dev/null', 'read'),
  'writes to a device of the machine': () => system.openDevice('/dev/null', 'write'),
  'takes a file into the store': () =>
    files.hardLink(files.openRoot(outside), 'secret', inStore(), 'taken'),
  'makes a file': () => files.openAppend(files.openRoot(outside), 'made', 0o644),
  'writes a file': () => files.openAppend(files.openRoot(outside), 'secret', 0o644),
  'removes a file': () => files.removeFile(files.openRoot(outside), 'secret'),
  'makes a file run as root': () => files.setMetadata(files.openRoot(outside), 'secret', METADATA),
  'gives a file away': () =>
    files.setMetadata(files.openRoot(outside), 'secret', { ...METADATA, mode: 0o600, uid: 1000 }),
  'moves the store': () => {
    const parent = files.openRoot(outside)
    files.rename(parent, 'store', parent, 'moved')
  },
  'starts a program': () => start('/bin/true'),
  'starts a program by ssh': () => start(...OPENSSH, '-o', 'ProxyCommand=true', 'host'),
  'becomes a program': () =>
    system.switchRoot(store, { program: '/bin/true', words: ['true'], environment: [] }),
  mounts: () => system.mount('none', store, 'tmpfs', [], ''),
  unmounts: () => system.unmount(store, true),
  'changes the root': () => system.pivotRoot(store, store),
  'loads a module': () => system.loadModule(`${store}/state`, ''),
  'has a word with the power': () => system.softCtrlAltDel(),
  'sets the clock': () => system.setWallClock(Math.floor(native.clock.wallSeconds())),
  'asks a program of this machine': () => sockets.connectPath(`${outside}/listener`, 1000),
  'listens for strangers': () => sockets.listen({ host: '127.0.0.1', port: 0 }, 1),
}

/** What some have to go on being able to do. */
const needed: Record<string, () => unknown> = {
  'reads a tree of the store': () => files.close(files.openFile(`${store}/fakeroot/release`)),
  'reads the record of the store': () => files.close(files.openFile(`${store}/state`)),
  'talks to somebody': async () =>
    sockets.close(await sockets.connect({ family: 4, address: '127.0.0.1', port: 9 }, 1000)),
  'writes into the store': () => files.close(files.openAppend(inStore(), 'written', 0o600)),
  'makes a device in the store': () => files.makeNode(inStore(), 'null', 'char', 1, 3),
  'sets what root may set': () => files.setMetadata(inStore(), 'state', METADATA),
}

async function outcomeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt()
    return 'done'
  } catch (error) {
    return isSystemError(error) ? error.code : String(error)
  }
}

async function misbehave(): Promise<never> {
  const outcomes: Record<string, string> = {}
  for (const [name, attempt] of Object.entries({ ...attempts, ...needed })) {
    outcomes[name] = await outcomeOf(attempt)
  }
  const line = arrayOfBytes(`${JSON.stringify({ outcomes })}\n`)
  files.write(1, line, 0, line.length)
  return processes.exit(0)
}

const host: Host = { ...native, sockets: { ...sockets, resolve: misbehave, accept: misbehave } }
if (isErrand(host)) processes.exit(await goOnErrand(host))
processes.exit(await runCommandLine(host, words, 'misbehaving'))
