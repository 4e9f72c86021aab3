/**
 * How the servers of docs/SERVER.md start at boot, and their limits for each address: systemd's own
 * check of each unit, and the daemon as xinetd, systemd's socket activation and HAProxy start it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { Page } from '../support/page.ts'
import { PROGRAM } from '../support/program.ts'
import { freePort, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const page = new Page('docs/SERVER.md', 'test/docs/start-at-boot.test.ts')
const block = (language: string, holds: string) => page.block(language, holds)
const PER_ADDRESS = 4

const children = new Set<ChildProcess>()
const sockets = new Set<Socket>()
test.after(() => {
  for (const socket of sockets) socket.destroy()
  for (const child of children) child.kill('SIGKILL')
})

function start(program: string, words: string[]): void {
  children.add(spawn(program, words, { stdio: 'ignore' }))
}

/** The folder of the configuration that the guide gives, with a module below it; its file. */
function rsyncd(): { place: string; config: string } {
  const place = scratch('rsyncd')
  mkdirSync(join(place, 'xo'))
  writeFileSync(join(place, 'xo/latest'), 'x')
  const text = block('ini', 'max connections')
    .replace('/run/rsyncd-xo.lock', join(place, 'lock'))
    .replace('/srv/xo', join(place, 'xo'))
  const config = join(place, 'rsyncd.conf')
  writeFileSync(config, `log file = ${place}/log\n${text}`)
  return { place, config }
}

/** The greeting of the daemon, or nothing if the connection was ended instead. */
function greeting(port: number, from = '127.0.0.1'): Promise<string> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from })
    sockets.add(socket)
    socket.once('data', (bytes) => done(bytes.toString('latin1')))
    socket.once('close', () => done(''))
    socket.once('error', () => done(''))
  })
}

async function serves(port: number): Promise<void> {
  await until(() => {
    const { stdout } = spawnSync('rsync', [`rsync://127.0.0.1:${port}/xo/`], { encoding: 'utf8' })
    return / latest\n/.test(stdout)
  }, `a daemon on port ${port}`)
}

async function holdsForEachAddress(port: number): Promise<void> {
  await serves(port)
  for (let count = 0; count < PER_ADDRESS; count++) {
    assert.match(await greeting(port), /^@RSYNCD: /, `connection ${count}`)
  }
  assert.is(await greeting(port), '', 'one too many')
  assert.match(await greeting(port, '127.0.0.2'), /^@RSYNCD: /, 'from another address')
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await serves(port)
}

test('xinetd starts the daemon, and sends away who has too many connections', async () => {
  const { place, config } = rsyncd()
  const port = await freePort()
  const file = join(place, 'xinetd.conf')
  const service = block('xinetd', 'per_source')
    .replace('/etc/rsyncd.conf', config)
    .replace('{', `{\n\ttype = UNLISTED\n\tport = ${port}\n\tbind = 127.0.0.1`)
  writeFileSync(file, service)
  start('xinetd', ['-dontfork', '-f', file, '-pidfile', join(place, 'pid')])
  await holdsForEachAddress(port)
})

test('the load balancer sends away who has too many connections', async () => {
  const { place } = rsyncd()
  const daemon = await startDaemon('rsync', [{ name: 'xo', path: join(place, 'xo') }])
  const port = await freePort()
  const file = join(place, 'haproxy.cfg')
  const text = block('haproxy', 'conn_cur')
    .replace('bind :873', `bind 127.0.0.1:${port}`)
    .replaceAll(/school-\d:873/g, `127.0.0.1:${daemon.port}`)
  writeFileSync(file, text)
  start('haproxy', ['-db', '-f', file])
  try {
    await holdsForEachAddress(port)
  } finally {
    await daemon.stop()
  }
})

/** What systemd itself says about a unit. */
function complaintsOf(name: string, units: Record<string, string>): string[] {
  const folder = scratch('units')
  for (const [file, text] of Object.entries(units)) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), text.replaceAll('/usr/sbin/xo-upgrade', PROGRAM))
  }
  const words = ['verify', '--man=no', join(folder, name)]
  const { status, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' })
  const ours = stderr.split('\n').filter((line) => line.includes(folder))
  return status === 0 ? ours : [...ours, `status ${status}`]
}

function verified(name: string, units: Record<string, string>): void {
  assert.equal(complaintsOf(name, units), [])
}

const socket = () => block('systemd', 'MaxConnectionsPerSource')
const service = () => block('systemd', 'StandardInput=socket')

test('systemd takes every unit, ours and those of the guide', () => {
  for (const name of ['xo-upgrade', 'xo-upgrade-confirm', 'xo-upgrade-home', 'xo-upgrade-serve']) {
    const file = `${name}.service`
    verified(file, { [file]: readFileSync(`firmware/system/${file}`, 'utf8') })
  }
  verified('xo-rsync.socket', { 'xo-rsync.socket': socket(), 'xo-rsync@.service': service() })
  verified('rsync.service', {
    'rsync.service': '[Service]\nExecStart=/usr/bin/rsync --daemon --no-detach\n',
    'rsync.service.d/xo.conf': block('systemd', 'Service]\nNice'),
  })
  const wrong = { 'a.service': `[Service]\nExecStart=${PROGRAM}\nNise=1\n` }
  assert.match(complaintsOf('a.service', wrong).join(), /Nise/)
})

/** Of a hundred: as systemd sums up what a service could do. */
const EXPOSURE_MAX = 30

test('systemd finds the daemon and both servers well confined', () => {
  for (const name of ['xo-upgrade', 'xo-upgrade-home', 'xo-upgrade-serve']) {
    const file = `firmware/system/${name}.service`
    const words = ['security', '--offline=yes', '--no-pager', `--threshold=${EXPOSURE_MAX}`, file]
    const { status, stdout, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' })
    if (/unrecognized option/.test(stderr)) skip('this systemd judges no files (before 250)')
    assert.is(status, 0, `${stdout}${stderr}`)
    assert.match(stdout, /Overall exposure level/)
  }
})

test('the daemon serves a connection that systemd gives it', async () => {
  const { config } = rsyncd()
  const port = await freePort()
  const [, program = '', words = ''] = /^ExecStart=-(\S+) (.*)$/m.exec(service()) ?? []
  const command = [program, ...words.replace('/etc/rsyncd.conf', config).split(' ')]
  const activate = ['--accept', '--inetd', `--listen=127.0.0.1:${port}`, ...command]
  start('systemd-socket-activate', activate)
  await serves(port)
})

test('busybox init’s line serves', async () => {
  const { config } = rsyncd()
  const port = await freePort()
  const [, command = ''] = /^::respawn:(.*)$/m.exec(block('inittab', 'respawn')) ?? []
  const words = command.replace('/etc/rsyncd.conf', config).split(' ')
  const [program = '', ...more] = [...words, '--address=127.0.0.1', `--port=${port}`]
  start(program, more)
  await serves(port)
})

test('the home server’s rc script starts it as its user, again when it fails, and stops it', async () => {
  const place = scratch('home-rc')
  const home = join(place, 'home')
  spawnSync('chmod', ['755', place])
  const key = join(place, 'keys/home.sec')
  // The guide's own preparation, with a user who is there already.
  const made = spawnSync(PROGRAM, ['keygen', '--to', join(place, 'secret'), '--name', 'home'])
  assert.is(made.status, 0)
  const [, ...lines] = block('sh', 'useradd').trim().split('\n')
  const script = lines
    .join('\n')
    .replaceAll('/etc/xo-home', join(place, 'keys'))
    .replaceAll('/srv/home', home)
    .replaceAll('xo-home:xo-home', 'nobody:nogroup')
    .replaceAll('-o xo-home', '-o nobody')
  const prepared = spawnSync('sh', ['-euc', script], { cwd: place, encoding: 'utf8' })
  assert.is(prepared.status, 0, prepared.stderr)
  const program = join(place, 'xo-upgrade')
  copyFileSync(PROGRAM, program)
  const port = await freePort()
  const environment = {
    PATH: process.env.PATH,
    XO_HOME_FOLDER: home,
    XO_HOME_KEY: key,
    XO_HOME_LISTEN: `127.0.0.1:${port}`,
    XO_UPGRADE: program,
    XO_UPGRADE_USER: 'nobody',
    XO_UPGRADE_PID: join(place, 'pid'),
    XO_UPGRADE_PAUSE: '0.2',
    XO_UPGRADE_RC: resolve('firmware/system/xo-upgrade.rc'),
  }
  const rc = (word: string) =>
    spawnSync('sh', ['firmware/system/xo-upgrade-home.rc', word], { env: environment }).status
  const answers = () => until(() => answersOn(port), 'an answer of the home server')
  try {
    assert.is(rc('start'), 0)
    await answers()
    const [server = 0] = pidsOf(program)
    assert.match(readFileSync(`/proc/${server}/status`, 'utf8'), /^Uid:\t65534\t/m)
    process.kill(server, 'SIGKILL')
    await until(() => !pidsOf(program).includes(server), 'its end')
    await answers()
    assert.is(rc('status'), 0)
  } finally {
    assert.is(rc('stop'), 0)
  }
  assert.is(rc('status'), 1)
  assert.equal(pidsOf(program), [])
})

function answersOn(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => done(false))
    socket.once('connect', () => {
      socket.destroy()
      done(true)
    })
  })
}

/** Those that run this very file. */
function pidsOf(program: string): number[] {
  const { stdout } = spawnSync('sh', [
    '-c',
    `ls -l /proc/[0-9]*/exe 2>/dev/null | grep "${program}$"`,
  ])
  return [...stdout.toString().matchAll(/\/proc\/(\d+)\/exe/g)].map(([, pid]) => Number(pid))
}

test('every block that names this file was run', () => {
  assert.equal(page.left(), [])
})

test.run()
