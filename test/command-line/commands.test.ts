/**
 * Command lines in this process: words, help, exit status, errors as text and as JSON. What the
 * program writes to its two streams is caught.
 */

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { COMMANDS, runCommandLine } from '../../src/command-line/commands.ts'
import { EXIT, exitOf } from '../../src/command-line/exit-status.ts'
import { parseOptions, versionOf } from '../../src/command-line/options.ts'
import {
  AssertionError,
  BusyError,
  ConfigError,
  DeadlineError,
  PeerError,
  SpaceError,
  TrustError,
} from '../../src/errors.ts'
import type { Host } from '../../src/host.ts'
import { bytesOfArray, harmless, textOfBytes } from '../../src/text.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { newStorePath } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

interface Said {
  status: number
  out: string
  err: string
  // biome-ignore lint/suspicious/noExplicitAny: JSON lines are whatever the program writes.
  events: any[]
}

async function say(words: string[], change: Partial<Host['processes']> = {}): Promise<Said> {
  const host = nodeHost()
  const streams: [string, string, string] = ['', '', '']
  const { files } = host
  const write: typeof files.write = (fd, buffer, offset, length) => {
    if (fd !== 1 && fd !== 2) files.write(fd, buffer, offset, length)
    else streams[fd] += textOfBytes(bytesOfArray(buffer.subarray(offset, offset + length)))
  }
  const status = await runCommandLine(
    {
      ...host,
      files: { ...files, write, isTerminal: () => false },
      processes: { ...host.processes, ...change },
    },
    words,
    '4.5.6',
  )
  const [, out, err] = streams
  const lines = words.includes('--json') ? out.trimEnd().split('\n') : []
  return { status, out, err, events: lines.filter((line) => line).map((line) => JSON.parse(line)) }
}

test('without words the help is shown, with the status of a wrong command line', async () => {
  const { status, out } = await say([])
  assert.is(status, 64)
  for (const { name } of COMMANDS) assert.match(out, `  ${name} `)
  assert.equal(await say(['--help']), { status: 0, out, err: '', events: [] })
  assert.is((await say(['--version'])).out, 'xo-upgrade 4.5.6\n')
})

for (const { name: command } of COMMANDS) {
  test(`${command} has help of its own, and refuses what it does not know`, async () => {
    const help = await say([command, '--help'])
    assert.is(help.status, 0)
    assert.is(help.err, '')
    assert.match(help.out, new RegExp(`^xo-upgrade ${command} `))
    // The command that starts a laptop talks to a screen.
    assert.is(/--json/.test(help.out), command !== 'init')
    assert.match(help.out, /--debug/)
    assert.equal(await say(['help', command]), help)
    for (const line of help.out.split('\n')) assert.ok(line.length <= 100, line)
    const unknown = await say([command, '--no-such-option'])
    assert.is(unknown.status, 64)
    assert.match(unknown.err, '--no-such-option')
    const stray = await say([command, 'stray'])
    assert.is(stray.status, 64)
    assert.match(stray.err, '"stray" is not expected')
  })
}

test('an unknown command is named, whatever bytes it has', async () => {
  const { status, err } = await say(['\xff\x1b[31m'])
  assert.is(status, 64)
  assert.match(err, 'no command "\\377\\033[31m"')
})

test('what flash or a stranger wrote never reaches the terminal as a command', async () => {
  const path = newStorePath()
  mkdirSync(path)
  const records = [
    'floor=\x1b[2J',
    'floor=1\nhome-stolen=no\nhome-message=Hola \u202e\x1b]0;x\x07\u2028.',
    'floor=1\nlast-time=\x1b[31m\nlast-outcome=\u2066\x9b\nlast-message=\x1bc',
  ]
  for (const record of records) {
    writeFileSync(join(path, 'state'), `${record}\n`)
    for (const words of [
      ['status', '--store', path],
      ['status', '--json', '--store', path],
    ]) {
      const { out, err } = await say(words)
      for (const line of `${out}${err}`.split('\n')) assert.is(harmless(line), line)
    }
  }
})

test('a missing value and a missing option are told apart', async () => {
  assert.match((await say(['keygen', '--to'])).err, /--to/)
  assert.match((await say(['keygen'])).err, '--to DIR is missing')
})

test('options are parsed by their table', () => {
  const table = [
    { name: '--one', value: 'X', help: '' },
    { name: '--many', value: 'X', repeated: true, help: '' },
    { name: '--flag', help: '' },
  ]
  const values = parseOptions(['--many', 'a', '--one=b', '--many', 'c', '--flag'], table, 'x')
  assert.equal(values['--many'], ['a', 'c'])
  assert.is(values['--one'], 'b')
  assert.is(values['--flag'], true)
  assert.throws(
    () => parseOptions(['--flagg'], table, 'x'),
    (e: unknown) => e instanceof ConfigError,
  )
})

for (const version of ['0', '-1', '1.5', 'x', '', '1000000000', '1e3', ' 1', '0x1']) {
  test(`"${version}" is no version`, () => {
    assert.throws(
      () => versionOf({ '--version': version }, '--version'),
      (error: unknown) => error instanceof ConfigError,
    )
  })
}

test('each class of error has its documented status', () => {
  const table: [unknown, number | undefined][] = [
    [new ConfigError('x'), 64],
    [new TrustError('x'), 65],
    [Object.assign(new Error('x'), { name: 'ManifestError' }), 65],
    [new PeerError('x', 'absent'), 69],
    [systemError('connect', undefined, 'ECONNREFUSED'), 69],
    [Object.assign(systemError('resolve', undefined, 'ENOENT'), { code: 'ENOTFOUND' }), 69],
    [new SpaceError('x', 1), 73],
    [systemError('write', undefined, 'ENOSPC'), 73],
    [systemError('write', undefined, 'EDQUOT'), 73],
    [systemError('open', undefined, 'EROFS'), 74],
    [new DeadlineError('x'), 75],
    [new BusyError('x'), 75],
    [new AssertionError('x'), undefined],
    [new TypeError('x'), undefined],
    ['x', undefined],
  ]
  for (const [error, status] of table) assert.is(exitOf(error)?.status, status, String(error))
  assert.is(EXIT.internal, 70)
})

test('who is not root is told so, in the form that was asked for', async () => {
  const user = { userId: () => 1000 }
  const plain = await say(['upgrade'], user)
  assert.is(plain.status, 64)
  assert.match(plain.err, /upgrade needs root/)
  assert.match(plain.err, /sudo/)
  const json = await say(['upgrade', '--json'], user)
  assert.is(json.status, 64)
  assert.is(json.err, '')
  const [error] = json.events
  assert.is(error.event, 'error')
  assert.is(error.class, 'ConfigError')
  assert.is(error.exit, 64)
  assert.match(error.message, /needs root/)
})

test('an error as JSON names class, message, cure and exit', async () => {
  const store = newStorePath()
  const { status, events, err } = await say(['status', '--json', '--store', store])
  assert.is(status, 64)
  assert.is(err, '')
  assert.equal(events, [
    {
      event: 'error',
      class: 'ConfigError',
      message: `there is no store at ${store}: ENOENT`,
      cure: 'name it with --store, or make one with `xo-upgrade install`',
      exit: 64,
    },
  ])
})

const publisher = new Publisher()
publisher.publish(1, smallImage(1))
const place = (store: string) => [
  '--store',
  store,
  '--keys',
  publisher.keys.publicFile,
  '--source',
  `file://${publisher.module}`,
]

test('install, status, upgrade and verify, as text and as JSON', async () => {
  const store = newStorePath()
  const installed = await say(['install', ...place(store)])
  assert.is(installed.status, 0, installed.err)
  assert.match(installed.out, /^Version 1 is installed; 3 files/)
  assert.match(installed.err, /fetching: /)
  const again = await say(['install', ...place(store)])
  assert.is(again.status, 64)
  assert.match(again.err, /holds version 1 already/)

  const newest = await say(['upgrade', ...place(store)])
  assert.is(newest.out, `Version 1 runs and is the newest, says file://${publisher.module}.\n`)

  const status = await say(['status', '--json', '--store', store])
  const { event, running, waiting, previous, staging, floor, intent, last } = status.events[0]
  assert.equal(
    { event, running, waiting, previous, staging, floor, intent },
    {
      event: 'result',
      running: 1,
      waiting: undefined,
      previous: undefined,
      staging: false,
      floor: 1,
      intent: undefined,
    },
  )
  assert.is(last.outcome, 'up-to-date')
  assert.match(last.time, /^\d{4}-\d\d-\d\dT/)

  const keys = ['--store', store, '--keys', publisher.keys.publicFile]
  const whole = await say(['verify', '--full', ...keys])
  assert.is(whole.status, 0)
  assert.match(whole.out, /Version 1 in fakeroot is whole: 6 entries/)
  const damagedFile = join(store, 'fakeroot', 'root', 'etc', 'release')
  writeFileSync(damagedFile, '2\n')
  chmodSync(damagedFile, 0o600)
  const damaged = await say(['verify', '--json', '--full', ...keys])
  assert.is(damaged.status, 1)
  const result = damaged.events.find((one) => one.event === 'result')
  assert.is(result.version, 1)
  assert.is(result.tree, 'fakeroot')
  const found = result.damage.map(
    (one: { path: string; what: string }) => `${one.path} ${one.what}`,
  )
  for (const what of ['mode', 'time', 'sha256digest']) {
    assert.ok(found.includes(`etc/release ${what}`), found.join(', '))
  }
  assert.is((await say(['verify', '--tree', 'upgraded-root', ...keys])).status, 64)
  assert.match((await say(['verify', '--tree', 'x', ...keys])).err, /--tree is "x", allowed:/)
})

test('a failed upgrade is remembered by status', async () => {
  const store = newStorePath()
  assert.is((await say(['install', ...place(store)])).status, 0)
  const nowhere = ['--store', store, '--keys', publisher.keys.publicFile]
  const failed = await say(['upgrade', ...nowhere, '--source', 'file:///no/such/folder'])
  assert.is(failed.status, 69)
  const { out } = await say(['status', '--store', store])
  assert.match(out, /last +PeerError, .*: there is no folder/)
})

test('keys are one file, or a folder of which only release*.pub count', async () => {
  const store = newStorePath()
  const folder = scratch('keys')
  const source = ['--store', store, '--source', `file://${publisher.module}`, '--keys']
  const empty = await say(['install', ...source, folder])
  assert.is(empty.status, 64)
  assert.match(empty.err, /holds no release\*\.pub/)
  writeFileSync(join(folder, 'home.pub'), 'not a key')
  symlinkSync(publisher.keys.publicFile, join(folder, 'release-2.pub'))
  mkdirSync(join(folder, 'release-other.pub.old'))
  assert.is((await say(['install', ...source, join(folder, 'none')])).status, 64)
  assert.is((await say(['install', ...source, publisher.keys.secretFile])).status, 64)
  const linked = await say(['install', ...source, folder])
  assert.is(linked.status, 0, linked.err)
})

test('a password file that others can read is refused', async () => {
  const password = join(scratch('password'), 'password')
  writeFileSync(password, 'secret\n', { mode: 0o644 })
  const { status, err } = await say([
    'install',
    ...place(newStorePath()),
    '--password-file',
    password,
  ])
  assert.is(status, 64)
  assert.match(err, /open to others/)
  assert.match(err, `chmod 600 ${password}`)
})

test('where no source is named, the school server is asked by its name', async () => {
  const config = join(scratch('configuration'), 'file')
  writeFileSync(config, '')
  const keys = ['--keys', publisher.keys.publicFile, '--config', config]
  const { status, err } = await say(['install', '--store', newStorePath(), ...keys])
  assert.is(status, 69)
  assert.match(err, /rsync:\/\/schoolserver.*: the name has no address/)
})

test('a bug of ours is thrown to the host, which says where', async () => {
  const broken = {
    userId: () => {
      throw new TypeError('a bug')
    },
  }
  assert.match((await rejects(say(['upgrade'], broken))).message, 'a bug')
})

test.run()
