/** Steps of an early boot where something is not as it should be: each says so, and the laptop goes on to start. */
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import type { Boot } from '../../src/boot/boot.ts'
import { type KernelWords, parseKernelWords } from '../../src/boot/machine/kernel-words.ts'
import { defaultBootSettings } from '../../src/boot/standing-device.ts'
import { letGoOfStore, STEPS } from '../../src/boot/steps.ts'
import type { Host, Path } from '../../src/host.ts'
import { readFile, writeFile } from '../../src/small-file.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { nodeHost } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { suite } from '../support/suite.ts'

const test = suite('steps of an early boot')
const DISK = '/run/xo/disk'

/** A machine with these small files; `mounts` says with which types and flags its disk can be mounted. */
function machine(
  small: Record<Path, string> = {},
  mounts: (type: string, flags: readonly string[]) => boolean = () => true,
) {
  const files = virtualFiles(new VirtualDisk())
  const root = files.openRoot('/')
  for (const path of [...Object.keys(small).map(folderOf), 'run/xo/disk/xo']) {
    const names = path.split('/')
    for (let depth = 1; depth <= names.length; depth++) {
      const folder = names.slice(0, depth).join('/')
      if (!files.stat(root, folder)) files.makeDirectory(root, folder, 0o755)
    }
  }
  for (const [path, text] of Object.entries(small)) writeFile(files, root, path, arrayOfBytes(text))
  const calls: string[] = []
  const system: Host['system'] = {
    ...nodeHost().system,
    softCtrlAltDel: () => void calls.push('soft Ctrl-Alt-Del'),
    openDevice: (path) => files.openAppend(root, path.slice(1), 0o644),
    mount(source, target, type, flags) {
      calls.push([source, target, type, ...flags].join(' '))
      if (!mounts(type, flags)) throw systemError('mount', target, 'EINVAL')
    },
    unmount(target) {
      // The one thing that is mounted there.
      const mounted = calls.filter((call) => call === `unmount ${target}`).length === 0
      calls.push(`unmount ${target}`)
      if (!mounted) throw systemError('umount', target, 'EINVAL')
    },
  }
  const shown: string[] = []
  const console = { line: (text: string) => void shown.push(text), debug() {}, open() {} }
  const boot = {
    ...{ host: { ...nodeHost(files), system }, console, ownsMachine: true, initWords: [] },
    ...{ words: parseKernelWords(''), settings: defaultBootSettings(), known: '' },
    ...{ store: undefined, disk: undefined, place: undefined, writable: false },
  } as unknown as Boot
  const read = (path: Path) => bytesOfArray(readFile(files, root, path, 1000) ?? new Uint8Array())
  return { boot, calls, shown, read }
}

const folderOf = (path: Path) => path.slice(0, path.lastIndexOf('/'))

async function run(name: string, boot: Boot): Promise<void> {
  const step = STEPS.find((each) => each.name === name)
  if (!step) throw new Error(`no step ${name}`)
  await step.run(boot)
}

test('a choice from the menu stands when the steps are repeated, and no longer without one', async () => {
  const chosen: Partial<KernelWords> = { boot: 'previous', recover: 'usb' }
  for (const menu of [true, false]) {
    const { boot } = machine({ 'proc/cmdline': 'quiet xo.debug\n' })
    Object.assign(boot.words, chosen, { menu })
    await run('words', boot)
    const { debug, boot: tree, recover } = boot.words
    assert.equal(
      { debug, tree, recover },
      {
        debug: true,
        tree: menu ? 'previous' : undefined,
        recover: menu ? 'usb' : undefined,
      },
    )
  }
})

test("another machine's command line is not read where somebody started this by hand", async () => {
  const { boot } = machine({ 'proc/cmdline': 'xo.boot=previous\n' })
  Object.assign(boot, { ownsMachine: false, initWords: ['xo.wait=7'] })
  await run('words', boot)
  assert.equal([boot.words.boot, boot.words.waitSeconds], [undefined, 7])
})

test('a kernel that would stand still after a panic restarts; one that has its own time keeps it', async () => {
  for (const [before, after] of [
    ['0\n', '0\n10'],
    ['30\n', '30\n'],
  ] as const) {
    const { boot, read, calls } = machine({ 'proc/sys/kernel/panic': before })
    await run('console', boot)
    assert.is(read('proc/sys/kernel/panic'), after)
    assert.equal(calls, ['soft Ctrl-Alt-Del'])
  }
})

test('words that nobody knows are shown', async () => {
  const { boot, shown } = machine({ 'proc/cmdline': 'xo.bot=previous\n' })
  await run('words', boot)
  await run('console', boot)
  assert.match(shown.join('\n'), /The word xo\.bot=previous .* means nothing/)
})

test('a configuration that is wrong is told and ignored, and allows no shell', async () => {
  const { boot, shown } = machine({ 'etc/xo-upgrade.conf': '[boot]\nrescue-shel = yes\n' })
  await run('settings', boot)
  assert.match(shown.join('\n'), /^The configuration is ignored: .*rescue-shel/)
  assert.equal(boot.settings, defaultBootSettings())
  assert.not.ok(boot.settings.rescueShell)
})

const disk = (types: string[]) =>
  ({ device: '/dev/sda1', fileSystem: { types, label: '', uuid: '' } }) as unknown as Boot['disk']

test('what a failed start left mounted goes before the disk is mounted again', async () => {
  const { boot, calls, shown } = machine()
  boot.disk = disk(['ext4'])
  await run('mount', boot)
  assert.equal(calls, [`unmount ${DISK}`, `unmount ${DISK}`, `/dev/sda1 ${DISK} ext4 no-atime`])
  assert.equal([boot.writable, shown], [true, []])
})

test('each type that it may be is tried, and then to read only', async () => {
  const second = machine({}, (type) => type === 'ext3')
  second.boot.disk = disk(['ext4', 'ext3'])
  await run('mount', second.boot)
  assert.ok(second.boot.writable)
  const reading = machine({}, (type, flags) => type === 'ext3' && flags.includes('read-only'))
  reading.boot.disk = disk(['ext4', 'ext3'])
  await run('mount', reading.boot)
  assert.not.ok(reading.boot.writable)
  assert.equal(reading.calls.slice(2), [
    `/dev/sda1 ${DISK} ext4 no-atime`,
    `/dev/sda1 ${DISK} ext3 no-atime`,
    `/dev/sda1 ${DISK} ext4 no-atime read-only`,
    `/dev/sda1 ${DISK} ext3 no-atime read-only`,
  ])
  assert.match(reading.shown.join('\n'), /cannot be written to: it is mounted read-only/)
  const broken = machine({}, () => false)
  broken.boot.disk = disk(['ext4'])
  await rejects(run('mount', broken.boot), /EINVAL/)
  const empty = machine()
  empty.boot.disk = disk([])
  await rejects(run('mount', empty.boot), /\/dev\/sda1 holds no file system that we know/)
})

test('a store that somebody else has locked is only read', async () => {
  const { boot, shown } = machine()
  Object.assign(boot, { writable: true, place: { folder: 'xo' } })
  await run('store', boot)
  assert.ok(boot.store?.isLocked && boot.writable)
  const other = { ...boot, store: undefined } as Boot
  await run('store', other)
  assert.equal([other.writable, other.store?.isLocked], [false, false])
  assert.match(shown.join('\n'), /The store cannot be written to/)
})

test('a disk that is let go of leaves nothing that was known of it', async () => {
  const { boot, calls } = machine()
  Object.assign(boot, { writable: true, place: { folder: 'xo' } })
  await run('store', boot)
  const { store } = boot
  boot.known = 'something'
  letGoOfStore(boot)
  assert.is(boot.known, '')
  assert.equal([boot.store, store?.isLocked], [undefined, false])
  assert.is(calls.at(-1), `unmount ${DISK}`)
})

test.run()
