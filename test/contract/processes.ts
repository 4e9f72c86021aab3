/** What native:processes, native:random and native:clock promise, for any host. */
import type { Socket } from 'native:sockets'
import * as assert from 'uvu/assert'
import type { Host, Path } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { suite } from '../support/suite.ts'
import { fails } from './kit.ts'

const TIMEOUT_MS = 10_000
const SIGKILL = 9
const SIGTERM = 15

export function processesContract(name: string, host: Host): void {
  const test = suite(name)
  const { processes, sockets } = host
  const environment = [`PATH=${processes.variable('PATH')}`]

  const readAll = async (stream: Socket): Promise<string> => {
    const buffer = new Uint8Array(4096)
    let text = ''
    for (;;) {
      const count = await sockets.read(stream, buffer, 0, buffer.length, TIMEOUT_MS)
      if (count === 0) break
      text += bytesOfArray(buffer.subarray(0, count))
    }
    sockets.close(stream)
    return text
  }
  const output = async (command: Path[], variables = environment): Promise<string> => {
    const { stream, ended } = processes.start({ command, environment: variables, pipe: true })
    const text = await readAll(stream as Socket)
    assert.is(await ended, 0)
    return text
  }

  test('knows its own command line, variables and user', () => {
    assert.ok(processes.argv.length >= 1)
    assert.ok((processes.argv[0] as string).length > 0)
    assert.ok((processes.variable('PATH') ?? '').includes('/'))
    assert.is(processes.variable('NO_SUCH_VARIABLE_AT_ALL'), undefined)
    assert.ok(Number.isInteger(processes.userId()))
  })

  test('stdin and stdout of a child are one stream', async () => {
    const child = processes.start({ command: ['cat'], environment, pipe: true })
    const stream = child.stream as Socket
    assert.ok(child.pid > 1)
    const words = arrayOfBytes('there and back')
    await sockets.write(stream, words, 0, words.length, TIMEOUT_MS)
    sockets.shutdown(stream)
    assert.is(await readAll(stream), 'there and back')
    assert.is(await child.ended, 0)
  })

  test('stderr goes to a file that is named, and such a child has no terminal', async () => {
    const { files } = host
    const name = `stderr-of-a-child-${host.random.randomBytes(6).join('-')}`
    const folder = files.openRoot('/tmp')
    const fd = files.createFile(folder, name, 0o600)
    try {
      const command = [
        'sh',
        '-c',
        'echo out; echo err >&2; cat </dev/tty; cut -d" " -f1,6 /proc/$$/stat',
      ]
      const child = processes.start({ command, environment, pipe: true, stderr: fd })
      const text = await readAll(child.stream as Socket)
      await child.ended
      // It leads a session of its own.
      assert.is(text, `out\n${child.pid} ${child.pid}\n`)
      const buffer = new Uint8Array(4096)
      const words = bytesOfArray(buffer.subarray(0, files.read(fd, buffer, 0, buffer.length, 0)))
      assert.match(words, /^err\n/)
      assert.match(words, /tty/)
    } finally {
      files.close(fd)
      files.removeFile(folder, name)
      files.close(folder)
    }
  })

  /** A lock that a child kept holding, or a log that it could write to, would outlive us. */
  test('a child has none of our handles', async () => {
    const { files, trees } = host
    const name = `not-for-children-${host.random.randomBytes(6).join('-')}`
    const folder = files.openRoot('/tmp')
    files.makeDirectory(folder, name, 0o700)
    files.makeDirectory(folder, `${name}/tree`, 0o700)
    files.makeDirectory(folder, `${name}/tree/deep`, 0o700)
    files.makeDirectory(folder, `${name}/tree/deep/er`, 0o700)
    const inside = files.openDirectory(folder, name)
    const open = [
      inside,
      files.createFile(folder, `${name}/file`, 0o600),
      files.openRead(folder, `${name}/file`),
      files.openAppend(folder, `${name}/file`, 0o600),
      files.createFile(inside, 'other', 0o600),
      files.openRead(inside, 'file'),
      files.openAppend(inside, 'file', 0o600),
      files.openDirectory(inside, '.'),
      files.openDirectory(folder, `${name}/tree/deep`),
      files.openRoot(`/tmp/${name}`),
    ]
    // A job keeps the folder open in which it is.
    const manifest = files.createFile(inside, 'manifest', 0o600)
    const directory = (path: Path) => `${path} type=dir mode=0700 uid=0 gid=0 time=1.0\n`
    const paths = ['.', './deep', './deep/er', './deep/er/missing']
    const text = arrayOfBytes(`#mtree v2.0\n${paths.map(directory).join('')}`)
    files.write(manifest, text, 0, text.length)
    const tree = files.openDirectory(inside, 'tree')
    const job = trees.openVerify({ manifest, tree, live: undefined, full: true })
    assert.is(trees.verify(job, paths.length).entries, paths.length)
    open.push(manifest, tree)
    try {
      const list = await output(['sh', '-c', 'ls -l /proc/$$/fd'])
      assert.match(list, / 1 -> /)
      assert.not.match(list, name)
    } finally {
      trees.closeVerify(job)
      for (const fd of open) files.close(fd)
      files.removeTree(folder, name)
      files.close(folder)
    }
  })

  test('the exit status, or 128 and the signal', async () => {
    for (const status of [0, 1, 42, 255]) {
      const command = ['sh', '-c', `exit ${status}`]
      const child = processes.start({ command, environment, pipe: false })
      assert.is(child.stream, undefined)
      assert.is(await child.ended, status)
    }
    for (const signal of [SIGKILL, SIGTERM]) {
      const child = processes.start({ command: ['sleep', '60'], environment, pipe: false })
      processes.signal(child, signal)
      assert.is(await child.ended, 128 + signal)
      processes.signal(child, signal)
    }
  })

  test('words are bytes', async () => {
    const words = ['a b', 'new\nline\n', '', '\xff\xfe\x80', '\xc3\xa9', '*', '\'"$HOME\\', '%s']
    assert.is(await output(['printf', '[%s]', ...words]), words.map((word) => `[${word}]`).join(''))
  })

  test('a child has exactly the variables that it is given', async () => {
    const variables = ['ONE=1', 'TWO=\xff=\n2', 'EMPTY=']
    const found = (await output(['/usr/bin/env', '-0'], variables)).split('\0').slice(0, -1)
    assert.equal(found.sort(), [...variables].sort())
  })

  test('a child has no handle of ours', async () => {
    const list = () => output(['ls', '/proc/self/fd'])
    const before = await list()
    const directory = host.files.openRoot('/')
    const file = host.files.openFile('/etc/passwd')
    assert.is(await list(), before)
    host.files.close(directory)
    host.files.close(file)
  })

  test('what is no program can not be started', () => {
    const start = (...command: Path[]) => processes.start({ command, environment, pipe: true })
    fails('ENOENT', () => start('no-such-program-at-all'), 'no-such-program-at-all')
    fails('ENOENT', () => start('/no/such/program'), '/no/such/program')
    fails('EACCES', () => start('/etc/passwd'), '/etc/passwd')
    fails('EACCES', () => start('/etc'), '/etc')
    assert.throws(() => start())
    assert.throws(() => start('a\0b'))
  })

  test('many children end, each with its own status', async () => {
    const children = Array.from({ length: 12 }, (_, i) => {
      const command = ['sh', '-c', `exit ${i}`]
      return processes.start({ command, environment, pipe: i % 2 === 0 })
    })
    const found = await Promise.all(children.map(({ ended }) => ended))
    assert.equal(
      found,
      children.map((_, i) => i),
    )
    for (const { stream } of children) if (stream) sockets.close(stream)
  })

  test.run()
}

export function randomContract(name: string, host: Host): void {
  const test = suite(name)
  const { random } = host

  test('gives as many bytes as asked for, and others each time', () => {
    for (const length of [0, 1, 32, 257, 65_536]) {
      assert.is(random.randomBytes(length).length, length)
    }
    assert.not.equal(random.randomBytes(16), random.randomBytes(16))
    const seen = new Set(random.randomBytes(10_000))
    assert.is(seen.size, 256)
  })

  test.run()
}

export function clockContract(name: string, host: Host): void {
  const test = suite(name)
  const { clock } = host

  test('the monotonic clock only goes on', () => {
    let before = clock.monotonicMs()
    for (let i = 0; i < 1000; i++) {
      const now = clock.monotonicMs()
      assert.ok(now >= before)
      before = now
    }
  })

  test('the wall clock knows the century', () => {
    const now = clock.wallSeconds()
    assert.ok(now > 1_700_000_000 && now < 4_102_444_800)
  })

  test('sleeps end in the order of their lengths, and not before', async () => {
    const before = clock.monotonicMs()
    const order: number[] = []
    const sleep = async (milliseconds: number) => {
      await clock.sleep(milliseconds)
      assert.ok(clock.monotonicMs() - before >= milliseconds - 1)
      order.push(milliseconds)
    }
    await Promise.all([sleep(120), sleep(0), sleep(60)])
    assert.equal(order, [0, 60, 120])
  })

  test.run()
}
