/**
 * The two processes of a confined program (native/processes/outside.h), by scripts on the static host and
 * under the sanitizers: what the outer one starts, what it refuses, and that nobody outside sees that there are two.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { HOST } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'
import { startOn } from './scripts.ts'

for (const host of [HOST, 'build/x86_64-asan/host']) {
  const test = suite(host)

  test('a program of the list is started, heard and ended; its word that is free is a plain one', async () => {
    const { ended, said } = startOn(
      host,
      `apart([shell('echo "$0 $A"; cat >&2; exit 5', '*'), shell('exec sleep 600')])
      const script = 'echo "$0 $A"; cat >&2; exit 5'
      const { stream, ended, pid } = processes.start({ ...shell(script, 'host-1.example'), pipe: true })
      const buffer = new Uint8Array(100)
      const count = await sockets.read(stream, buffer, 0, 100, 60000)
      sockets.shutdown(stream)
      say([String.fromCharCode(...buffer.subarray(0, count)), await ended, pid > 1])
      const sleeping = processes.start({ ...shell('exec sleep 600'), pipe: false })
      processes.signal(sleeping, 15)
      say(await sleeping.ended)
      processes.exit(3)`,
    )
    assert.equal(await ended, { status: 3, signal: null })
    assert.equal(said(), [['host-1.example b\n', 5, true], 128 + 15])
  })

  test('nothing else is started', async () => {
    const { ended, said } = startOn(
      host,
      `apart([shell('true', '*')])
      const start = (program, more) =>
        codeOf(() => processes.start({ pipe: false, ...program, ...more }))
      say([
        start(shell('true', 'plain')),
        start(shell('false', 'plain')),
        start(shell('true')),
        start(shell('true', 'plain', 'more')),
        ...['-option', '', 'two words', 'a;b', 'a,b', 'a/b', '$A', 'x'.repeat(256)].map((word) =>
          start(shell('true', word))),
        start(shell('true', 'plain'), { environment: [] }),
        start(shell('true', 'plain'), { environment: ['A=b', 'LD_PRELOAD=x'] }),
        start({ command: ['/bin/true'], environment }),
        start(shell('true', 'x'.repeat(20000))),
      ])
      processes.exit(0)`,
    )
    assert.equal(await ended, { status: 0, signal: null })
    const [codes] = said() as [string[]]
    assert.is(codes[0], 'done')
    assert.equal(new Set(codes.slice(1, -1)), new Set(['EPERM']))
    assert.is(codes.at(-1), 'E2BIG')
  })

  test('what is missing is told, and does no harm', async () => {
    const { ended, said } = startOn(
      host,
      `apart([{ command: ['/no/such/program'], environment }, shell('exit 4')])
      say(codeOf(() => processes.start({ command: ['/no/such/program'], environment, pipe: true })))
      say(await processes.start({ ...shell('exit 4'), pipe: true }).ended)
      processes.exit(0)`,
    )
    assert.equal(await ended, { status: 0, signal: null })
    assert.equal(said(), ['ENOENT', 4])
  })

  test('its stderr may be a file', async () => {
    const file = join(scratch('stderr'), 'words')
    writeFileSync(file, '')
    const { ended } = startOn(
      host,
      `apart([shell('echo words >&2')])
      const fd = files.openAppend(files.openRoot('${join(file, '..')}'), 'words', 0o600)
      await processes.start({ ...shell('echo words >&2'), pipe: true, stderr: fd }).ended
      processes.exit(0)`,
    )
    assert.equal(await ended, { status: 0, signal: null })
    assert.is(readFileSync(file, 'utf8'), 'words\n')
  })

  test('signals reach it, and its socket goes with it', async () => {
    const path = join(scratch('socket'), 'control')
    const { child, ended, said } = startOn(
      host,
      `globalThis.kept = sockets.listen({ path: '${path}' }, 1)
      apart([], ['${path}'])
      let next = system.nextSignal()
      say('ready')
      for (;;) {
        const number = await next
        say(number)
        if (number === 15) processes.exit(7)
        next = system.nextSignal()
      }`,
    )
    await until(() => said().length > 0)
    assert.ok(existsSync(path))
    child.kill('SIGHUP')
    await until(() => said().includes(1))
    child.kill('SIGTERM')
    assert.equal(await ended, { status: 7, signal: null })
    assert.equal(said(), ['ready', 1, 15])
    assert.not.ok(existsSync(path))
  })

  test('a death by a signal is one outside as well', async () => {
    const { child, ended, said } = startOn(host, `apart([]); say('ready'); system.nextSignal()`)
    await until(() => said().length > 0)
    process.kill(childOf(child.pid as number), 'SIGKILL')
    assert.equal(await ended, { status: null, signal: 'SIGKILL' })
  })

  test('who kills the outer one kills both', async () => {
    const { child, said, ended } = startOn(host, `apart([]); say('ready'); system.nextSignal()`)
    await until(() => said().length > 0)
    const inner = childOf(child.pid as number)
    child.kill('SIGKILL')
    await ended
    await until(() => !existsSync(`/proc/${inner}/exe`))
  })

  test('it starts again with the same words, in the process that was started', async () => {
    const place = scratch('anew')
    const { ended, said } = startOn(
      host,
      `const root = files.openRoot('${place}')
      apart([])
      say(processes.argv.slice(1))
      if (files.stat(root, 'again')) processes.exit(9)
      files.makeDirectory(root, 'again', 0o700)
      processes.startAnew()`,
      ['one', 'two words'],
    )
    assert.equal(await ended, { status: 9, signal: null })
    const words = ['one', 'two words']
    assert.equal(said(), [words, words])
  })

  test.run()
}

function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  assert.is(children.length, 1)
  return Number(children[0])
}
