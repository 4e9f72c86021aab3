/**
 * docs/SCHOOL.md from start to end: every block of it, in order, on one machine. Upstream and the school
 * server are stock rsync daemons, the mirror is the script of docs/SERVER.md.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { parseConfiguration } from '../../src/device/settings.ts'
import { placeOf } from '../../src/home/answer.ts'
import { accepts } from '../support/accepts.ts'
import { nodeHost } from '../support/host.ts'
import { systemImage } from '../support/image.ts'
import { Page } from '../support/page.ts'
import { PROGRAM } from '../support/program.ts'
import { type Daemon, freePort, startConfigured, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { file, makeTree } from '../support/tree.ts'
import { until } from '../support/until.ts'

const REFRESH_MS = 1_200
const host = nodeHost()
const place = scratch('school')
const at = (name: string) => join(place, name)

/** So that the commands are as on the page, though each laptop has its own configuration. */
const WRAPPER = `#!/bin/sh
word=$1
shift
exec ${PROGRAM} "$word" \${CONFIGURATION:+--config "$CONFIGURATION"} "$@"
`

const page = new Page('docs/SCHOOL.md', 'test/docs/school.test.ts')
const script = new Page('docs/SERVER.md', 'test/docs/server.test.ts').block(
  'sh',
  'mirror-xo UPSTREAM',
)

const daemons: Daemon[] = []
let home: ChildProcess | undefined
let addresses: Record<string, string> = {}

test.after(async () => {
  home?.kill('SIGKILL')
  for (const daemon of daemons) await daemon.stop()
})

/** A serial number whose place in the queue for 42 is in these bounds. */
function serialWithin(from: number, to: number): string {
  for (let n = 0; ; n++) {
    const serial = `SHC${n}`
    const percent = placeOf(host.checksums, serial, 42)
    if (percent >= from && percent < to) return serial
  }
}
const [EARLY, MIDDLE, LATE] = [serialWithin(0, 5), serialWithin(5, 25), serialWithin(25, 100)]

function here(text: string): string {
  let result = text
  for (const [there, ours] of Object.entries(addresses)) result = result.replaceAll(there, ours)
  return result
}

/** Runs the next block of the page, which must begin like this; returns what it said. */
const next = (begins: string, laptop?: string) => shell(here(page.next('sh', begins)), laptop)

function shell(script: string, laptop?: string): string {
  const environment = {
    PATH: `${at('bin')}:${process.env.PATH}`,
    ...(laptop === undefined ? {} : { CONFIGURATION: at(`${laptop}.conf`) }),
  }
  const { status, stdout, stderr } = spawnSync('sh', ['-euc', script], {
    cwd: place,
    encoding: 'utf8',
    env: environment,
  })
  assert.is(status, 0, `${script}\n${stdout}${stderr}`)
  return stdout
}

async function accepted(port: number): Promise<void> {
  await until(() => accepts(port), `a listener on port ${port}`)
}

function makeImage(version: number): void {
  // Nobody but root can read a system's passwords.
  const shadow = file('root:*', { mode: 0o600 })
  makeTree(host, at(`image-${version}`), systemImage(version).set('etc/shadow', shadow))
}

test('the keys, upstream, and the school server', async () => {
  for (const name of ['bin', 'srv', 'home', 'mirror']) mkdirSync(at(name))
  chmodSync(place, 0o755)
  writeFileSync(at('bin/xo-upgrade'), WRAPPER, { mode: 0o755 })
  const rsyncd = page.block('ini', '[xo]').replace('/srv/xo', at('srv'))
  daemons.push(await startConfigured('rsync', rsyncd))
  daemons.push(await startDaemon('rsync', [{ name: 'xo', path: at('mirror') }]))
  const [upstream, school] = daemons.map(({ port }) => `rsync://127.0.0.1:${port}/xo`)
  addresses = {
    '/srv/xo-school': at('mirror'),
    '/srv/xo ': `${at('srv')} `,
    '/srv/home': at('home'),
    'rsync://updates.example.org/xo': upstream ?? '',
    'rsync://schoolserver/xo': school ?? '',
  }
  next('xo-upgrade keygen --to secret --name release\n')
  assert.ok(existsSync(at('keys/push.pub')) && !existsSync(at('keys/push.sec')))
  makeImage(41)
  next('xo-upgrade publish --image image-41')
  writeFileSync(at('bin/mirror-xo'), script, { mode: 0o755 })
  next('mirror-xo ')
  assert.match(readFileSync(at('mirror/latest'), 'latin1'), /^version=41$/m)
})

test('the home server, and laptops that do as it says', async () => {
  next('echo 41 > /srv/home/latest')
  const port = await freePort()
  addresses['http://home.example.org:8765'] = `http://127.0.0.1:${port}`
  const words = ['--folder', at('home'), '--key', at('secret/home.sec')]
  home = spawn(PROGRAM, ['home', ...words, '--listen', `127.0.0.1:${port}`], { stdio: 'ignore' })
  await accepted(port)
  const text = page.next('ini', '[device]')
  const { hardware, deployment, schools, sources } = parseConfiguration(text, 'docs/SCHOOL.md')
  assert.equal([hardware, deployment], ['xo-1', 'peru'])
  assert.equal([schools.length, sources.length], [1, 1])
  for (const serial of [EARLY, MIDDLE, LATE]) {
    const own = `serial = ${serial}\n[store]\npath = ${at(serial)}\nkeep-free-mb = 0`
    const more = `[trust]\nkeys = ${at('keys')}\n[policy]\non-battery = yes\n`
    writeFileSync(
      at(`${serial}.conf`),
      `${here(text).replace('[device]', `[device]\n${own}\n[device]`).replace('[sources]', '[sources]\npeers = off')}${more}`,
    )
  }
  const said = next('# On a laptop.', EARLY)
  assert.match(said, /^stay: Version 41 runs, as the home server wants it/m)
  for (const serial of [MIDDLE, LATE]) shell('xo-upgrade install', serial)
})

/** One round of each laptop, and whether it wanted 42. */
async function wants42(): Promise<boolean[]> {
  await sleep(REFRESH_MS)
  return [EARLY, MIDDLE, LATE].map((serial) => /^upgrade: /m.test(shell('xo-upgrade run', serial)))
}

/** The next start, and the system's own word. */
function start(serial: string): void {
  shell('xo-upgrade swap; xo-upgrade confirm --force', serial)
}

test('the first roll-out goes to some, to more, to all', async () => {
  makeImage(42)
  next('xo-upgrade publish --image image-42')
  shell(here('mirror-xo rsync://updates.example.org/xo /srv/xo-school'))
  assert.equal(await wants42(), [true, false, false])
  start(EARLY)
  next("echo '42 25'")
  assert.equal(await wants42(), [false, true, false])
  start(MIDDLE)
  next('echo 42 > /srv/home/latest')
  assert.equal(await wants42(), [false, false, true])
})

test('the fleet is told as it is, and a stolen laptop gets nothing more', async () => {
  assert.match(
    next('xo-upgrade home --folder /srv/home --fleet'),
    /3 laptops have called[\s\S]*Behind: 1/,
  )
  addresses.SHC83302A3E = LATE
  next('echo SHC83302A3E')
  await sleep(REFRESH_MS)
  assert.match(shell('xo-upgrade run', LATE), /^lock out: .*stolen/m)
  assert.equal(page.left(), [])
})

test.run()
