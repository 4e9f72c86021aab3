/**
 * What only a first process can do, over the C host: the suite that first-process.test.ts runs as
 * process 1 of a machine in namespaces of its own.
 */

import * as files from 'native:files'
import * as processes from 'native:processes'
import * as sockets from 'native:sockets'
import * as system from 'native:system'
import * as trees from 'native:trees'
import * as assert from 'uvu/assert'
import { isSystemError } from '../../src/errors.ts'
import { readSystemFile } from '../../src/small-file.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText } from '../../src/text.ts'
import { fails } from '../contract/kit.ts'
import { runSuites, suite } from '../support/suite.ts'

const SIGTERM = 15
const SIGUSR1 = 10
const environment = ['PATH=/bin']
const test = suite('first process')

function shell(script: string): Promise<number> {
  return processes.start({ command: ['sh', '-c', script], environment, pipe: false }).ended
}

function write(text: string): void {
  const line = arrayOfBytes(bytesOfText(text))
  files.write(1, line, 0, line.length)
}

const read = (path: string) => bytesOfArray(readSystemFile(files, path, 65536))
const execution = (program: string) => ({ program, words: ['sh', '-c', 'true'], environment })

test('is process 1 in a memory file system', async () => {
  assert.is(system.processId(), 1)
  system.mount('proc', '/proc', 'proc', ['no-suid', 'no-dev', 'no-exec'], '')
  assert.match(read('/proc/1/mounts'), / \/ tmpfs /)
})

test('mounts, binds, makes read-only, moves and unmounts', async () => {
  system.mount('memory', '/tmp', 'tmpfs', [], 'size=1m,mode=700')
  assert.is(await shell('mkdir /tmp/a /tmp/b /tmp/moved && echo x > /tmp/a/file'), 0)
  system.mount('/tmp/a', '/tmp/b', '', ['bind'], '')
  assert.is(read('/tmp/b/file'), 'x\n')
  system.mount('', '/tmp/b', '', ['bind', 'remount', 'read-only'], '')
  assert.is(await shell('echo y > /tmp/b/file 2>/dev/null'), 1)
  assert.is(await shell('echo y > /tmp/a/file'), 0)
  system.mount('/tmp/b', '/tmp/moved', '', ['move'], '')
  assert.is(read('/tmp/moved/file'), 'y\n')
  fails('EINVAL', () => system.unmount('/tmp/b', false), '/tmp/b')
  fails('EBUSY', () => system.unmount('/tmp', false), '/tmp')
  system.unmount('/tmp/moved', false)
  system.unmount('/tmp', true)
  fails('ENODEV', () => system.mount('none', '/tmp', 'no-such-type', [], ''), '/tmp')
  fails('ENOENT', () => system.mount('none', '/nowhere', 'tmpfs', [], ''), '/nowhere')
  assert.throws(() => system.mount('none', '/tmp', 'tmpfs', ['sideways' as 'bind'], ''))
})

/** A file system of its own, and a second name of a folder, which only the kernel can tell from the folder. */
test('what is mounted in a tree is neither removed nor looked at with it', async () => {
  system.mount('memory', '/tmp', 'tmpfs', [], 'size=4m')
  const made =
    'mkdir -p apart tree/own tree/second/below && echo x > apart/kept && echo x > tree/gone'
  assert.is(await shell(`cd /tmp && ${made}`), 0)
  system.mount('memory', '/tmp/tree/own', 'tmpfs', [], 'size=1m')
  system.mount('/tmp/apart', '/tmp/tree/second', '', ['bind'], '')
  assert.is(await shell('echo x > /tmp/tree/own/kept'), 0)
  const time = 'uid=0 gid=0 time=1.000000000'
  const directory = (path: string) => `${path} type=dir mode=0755 ${time}\n`
  const lines = ['.', './own', './second'].map(directory).join('')
  await shell(`printf '#mtree v2.0\\n%s' '${lines}' > /tmp/manifest`)
  const memory = files.openRoot('/tmp')
  const [tree, manifest] = [files.openRoot('/tmp/tree'), files.openRead(memory, 'manifest')]
  const options = { remove: true, pathsMax: 9 }
  assert.equal(trees.extras(manifest, tree, options), ['gone'])
  fails('EBUSY', () => files.removeTree(memory, 'tree'))
  for (const path of ['/tmp/tree/own/kept', '/tmp/tree/second/kept']) assert.is(read(path), 'x\n')
  for (const fd of [manifest, tree, memory]) files.close(fd)
  for (const path of ['/tmp/tree/second', '/tmp/tree/own', '/tmp']) system.unmount(path, false)
})

test('orphans are let go, and the own children keep their status', async () => {
  const own = shell('sleep 0.3; exit 7')
  await shell('for i in 1 2 3 4 5; do (sleep 0.05 &) ; done')
  assert.is(await own, 7)
  await shell('true')
  const names = files.openRoot('/proc')
  const pids = files.readDirectory(names, '.').filter((name) => /^[0-9]+$/.test(name))
  files.close(names)
  assert.equal(pids, ['1'])
})

test('signals are told, and end nothing', async () => {
  const first = system.nextSignal()
  assert.throws(() => system.nextSignal())
  await shell('kill -TERM 1')
  assert.is(await first, SIGTERM)
  await shell('kill -USR1 1')
  assert.is(await system.nextSignal(), SIGUSR1)
})

test('keys are waited for', async () => {
  const [nothing, typed] = [await system.readKeys(0, 50), await shell('true')]
  assert.is(nothing, undefined)
  assert.is(typed, 0)
  write('{"keys":true}\n')
  assert.is(await system.readKeys(0, 10_000), 'm')
  fails('ENOTTY', () => system.setRawTerminal(0, true))
})

test('devices are opened, and what is none is refused by name', () => {
  const zero = system.openDevice('/dev/zero', 'read')
  const buffer = new Uint8Array(8).fill(1)
  assert.is(files.read(zero, buffer, 0, 8), 8)
  assert.equal(buffer, new Uint8Array(8))
  fails('ENOTTY', () => system.setWatchdog(zero, 60))
  files.close(zero)
  fails('ENOENT', () => system.openDevice('/dev/nothing', 'read-write'), '/dev/nothing')
  fails('ENOENT', () => system.loadModule('/lib/nothing.ko', ''), '/lib/nothing.ko')
})

test('a stream of a child works while signals are taken', async () => {
  const child = processes.start({ command: ['echo', 'hello'], environment, pipe: true })
  const buffer = new Uint8Array(16)
  const stream = child.stream as object
  assert.is(await sockets.read(stream, buffer, 0, 16, 10_000), 6)
  assert.is(await child.ended, 0)
  sockets.close(stream)
})

test('a root that is none, or a program that is none, changes nothing', async () => {
  fails('EINVAL', () => system.switchRoot('/tmp', execution('/bin/sh')), '/tmp')
  fails('ENOENT', () => system.switchRoot('/nowhere', execution('/bin/sh')), '/nowhere')
  system.mount('memory', '/tmp', 'tmpfs', [], '')
  await shell('mkdir /tmp/proc /tmp/bin && echo new > /tmp/which; echo old > /which')
  system.mount('/proc', '/tmp/proc', '', ['move'], '')
  fails('ENOENT', () => system.switchRoot('/tmp', execution('/bin/sh')), '/bin/sh')
  assert.is(read('/which'), 'old\n')
  assert.is(read('/tmp/which'), 'new\n')
  system.mount('/tmp/proc', '/proc', '', ['move'], '')
  assert.is(await shell('test -x /bin/busybox'), 0)
})

test('a new root is left to its program, and the memory is given back', async () => {
  await shell(
    'cp /bin/busybox /tmp/bin/sh; mkdir /tmp/keep; mkdir /m; mount -t tmpfs x /m; echo d > /m/d',
  )
  // Stays in the old root, and looks at it when the new program runs.
  const watch = 'cd /; (sleep 1; echo "left: $(echo *) and $(echo m/*)") & sleep 0.3'
  await shell(watch)
  system.mount('/proc', '/tmp/proc', '', ['move'], '')
  write('{"switch":true}\n')
  try {
    const script = 'read -t 3 x; echo "new: $(echo *) pid $$ $1 $V"; trap; exit 9'
    const words = ['sh', '-c', script, 'sh', 'word']
    system.switchRoot('/tmp', { program: '/bin/sh', words, environment: ['V=v'] })
  } catch (error) {
    if (isSystemError(error)) write(`${error.message}\n`)
    throw error
  }
})

test.run()
await runSuites({ report: (result) => write(`${JSON.stringify(result)}\n`) })
write('{"end":true}\n')
