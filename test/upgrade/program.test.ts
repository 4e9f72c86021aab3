/**
 * The program as a program: help and version, JSON lines as docs/OPERATING.md describes them, its table of
 * exit statuses, what it does when nobody reads its output, and what it needs of the system (nothing).
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device, type Event, run } from '../support/device.ts'
import { smallImage } from '../support/image.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const OPERATING = readFileSync('docs/OPERATING.md', 'utf8')
const COMMANDS = 'upgrade swap roll-back status verify install publish keygen'.split(' ')
const publisher = new Publisher()
let daemon: Daemon

test.before(async () => {
  publisher.publish(1, smallImage(1))
  publisher.publish(2, smallImage(2))
  daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
})

test.after(async () => {
  await daemon.stop()
})

/** The rows of the table whose head begins with this cell, as lists of cells. */
function rowsOf(head: string): string[][] {
  const table = OPERATING.slice(OPERATING.indexOf(`\n| ${head} |`) + 1).split('\n\n', 1)[0] ?? ''
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  return table.trim().split('\n').slice(2).map(cells)
}

const wordsIn = (text = '') => [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word as string)

test('help and version', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  assert.is((await run(['--version'])).stdout, `xo-upgrade ${version}\n`)
  const { status, stdout } = await run(['--help'])
  assert.is(status, 0)
  for (const command of COMMANDS) {
    assert.match(stdout, `\n  ${command} `)
    const help = await run([command, '--help'])
    assert.is(help.status, 0)
    assert.match(help.stdout, new RegExp(`^xo-upgrade ${command} `))
  }
  assert.is((await run([])).status, 64)
  assert.is((await run(['dance'])).status, 64)
  assert.is((await run(['upgrade', '--dance'])).status, 64)
})

test('the statuses of the help are those of the guide', async () => {
  const { stdout } = await run(['--help'])
  const sentence = stdout.slice(stdout.indexOf('Exit status:')).replace(/\n/g, ' ')
  for (const [status = ''] of rowsOf('status'))
    assert.match(sentence, new RegExp(`[:;] ${status} `))
})

test('JSON lines have the events and fields that the guide names', async () => {
  const rows = rowsOf('`event`')
  const fields = new Map(rows.map(([event, text]) => [wordsIn(event)[0], wordsIn(text)]))
  assert.equal([...fields.keys()].sort(), [
    'error',
    'note',
    'phase',
    'progress',
    'result',
    'served',
  ])
  const source = `rsync://127.0.0.1:${daemon.port}/xo`
  const device = new Device({
    sources: ['file:///no/such/folder', source],
    keys: publisher.keys.publicFile,
  })
  const events: Event[] = []
  const words: [string, string[]][] = [
    ['install', ['--version', '1']],
    ['upgrade', []],
    ['verify', ['--full']],
    ['swap', []],
    ['swap', []],
    ['status', []],
  ]
  for (const [command, more] of words) events.push(...(await device.run(command, more)).events)
  const image = join(scratch('image'), 'image')
  execFileSync('mkdir', [image])
  const published = ['--to', publisher.module, '--key', publisher.keys.secretFile, '--json']
  events.push(
    ...(await run(['publish', '--any-tree', '--image', image, '--version', '3', ...published]))
      .events,
  )
  const phases = wordsIn(rows.find(([event]) => event === '`phase`')?.[1]).slice(1, -2)
  const seen = new Set<string>()
  for (const event of events) {
    const known = fields.get(event.event)
    assert.ok(known, `an undocumented event: ${JSON.stringify(event)}`)
    seen.add(event.event)
    const optional = ['total', 'cure', 'secondsLeft']
    if (event.event === 'result') continue
    for (const name of Object.keys(event)) {
      assert.ok(name === 'event' || known?.includes(name), `${name} of ${event.event}`)
    }
    if (event.event === 'phase') {
      assert.ok(phases.includes(event.phase), event.phase)
      assert.ok(['bytes', 'entries'].includes(event.unit))
    } else {
      for (const name of known ?? []) assert.ok(name in event || optional.includes(name), name)
    }
  }
  assert.equal([...seen].sort(), ['error', 'note', 'phase', 'progress', 'result'])
  const met = new Set(events.filter(({ event }) => event === 'phase').map(({ phase }) => phase))
  // There is no pack here: packs.test.ts takes some.
  assert.equal([...met, 'pack'].sort(), [...phases].sort())
})

test('every class of error in the guide ends with the status beside it', async () => {
  const rows = rowsOf('status')
  const classes = new Map(
    rows.flatMap(([status, names]) => wordsIn(names).map((name) => [name, Number(status)])),
  )
  assert.equal([...classes.keys()].sort(), [
    'BusyError',
    'ConfigError',
    'DeadlineError',
    'DiskError',
    'LaterError',
    'ManifestError',
    'PeerError',
    'SpaceError',
    'SystemError',
    'TrustError',
  ])
  const { exitOf } = await import('../../src/command-line/exit-status.ts')
  const errors = await import('../../src/errors.ts')
  for (const [name, status] of classes) {
    const Class = (errors as unknown as Record<string, new (text: string) => Error>)[name as string]
    const error = Class ? new Class('x') : Object.assign(new Error('x'), { name, call: 'open' })
    assert.is(exitOf(error)?.status, status, name as string)
  }
})

test('people get lines, and nothing that moves where no terminal is', async () => {
  const store = join(scratch('device'), 'store')
  const keys = publisher.keys.publicFile
  const place = ['--store', store, '--keys', keys, '--source', `file://${publisher.module}`]
  const { status, stdout, stderr } = await run(['install', '--version', '1', ...place])
  assert.is(status, 0)
  assert.match(
    stdout,
    /^Version 1 is installed; \d+ files \(.*\) fetched from file:.*\.\n$/,
    stdout,
  )
  assert.not.match(stderr, /\r/)
  for (const line of stderr.trimEnd().split('\n')) assert.match(line, /^[a-z ]+: /)
  const failed = await run(['install', ...place])
  assert.is(failed.status, 64)
  assert.match(
    failed.stderr,
    /^(confined: .*\n)?xo-upgrade: this store holds version 1 already\n {2}use `xo-upgrade upgrade`\n$/,
  )
})

test('a terminal gets a bar', () => {
  const store = join(scratch('device'), 'store')
  const keys = publisher.keys.publicFile
  const place = `--store ${store} --keys ${keys} --source file://${publisher.module}`
  const command = `${PROGRAM} install --version 1 ${place}`
  const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
  })
  assert.is(status, 0, stdout)
  assert.ok(stdout.includes('\r\x1b[K'))
  assert.match(stdout, /fetching +[█░]{10,} +\d+% /)
})

test('nobody reads what it says: it does its work, or ends in order', () => {
  const words = [PROGRAM, '--help'].join(' ')
  const { stdout } = spawnSync('bash', ['-c', `${words} | true; echo "\${PIPESTATUS[0]}"`], {
    encoding: 'utf8',
  })
  assert.ok(!stdout.includes('139') && !stdout.includes('134'), stdout)
  const store = join(scratch('device'), 'store')
  const keys = publisher.keys.publicFile
  const place = `--store ${store} --keys ${keys} --source file://${publisher.module}`
  const closed = spawnSync('bash', ['-c', `${PROGRAM} install --version 1 ${place} 2>&-`], {
    encoding: 'utf8',
  })
  assert.is(statSync(join(store)).isDirectory(), true)
  assert.ok(closed.status !== null && closed.signal === null)
})

test('it runs without anything around it: no files, no variables', async () => {
  const root = scratch('empty')
  execFileSync('cp', [PROGRAM, join(root, 'xo-upgrade')])
  const { status, stdout } = spawnSync('chroot', [root, '/xo-upgrade', '--version'], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  })
  assert.is(status, 0)
  assert.match(stdout, /^xo-upgrade /)
})

test.run()
