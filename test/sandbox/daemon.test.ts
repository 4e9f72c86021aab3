/**
 * A daemon is confined to what its configuration names; when that is another, it is confined again, and
 * nobody has to start it again.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { Device } from '../support/device.ts'
import { smallImage } from '../support/image.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const publisher = new Publisher()
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

test.before(() => {
  if (process.getuid?.() !== 0) skip('the daemon needs root')
  publisher.publish(1, smallImage(1))
  publisher.publish(2, smallImage(2))
})

const SECTIONS = () => ({
  policy: { 'on-battery': 'yes' },
  push: { port: '0' },
  daemon: { control: join(scratch('control'), 'socket') },
})

class RunningDaemon {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  text = ''

  constructor(
    readonly device: Device,
    launcher: string[] = [],
  ) {
    const stdio = ['ignore', 'ignore', 'pipe'] as const
    const [program = '', ...words] = [...launcher, PROGRAM, 'daemon', ...device.words]
    this.child = spawn(program, words, { stdio: [...stdio] })
    children.add(this.child)
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.text += text
    })
    this.ended = new Promise((done) => this.child.once('close', done))
  }

  says(pattern: RegExp): Promise<unknown> {
    return until(() => pattern.test(this.text), `${pattern} in the log`).catch((error) => {
      throw new Error(this.text, { cause: error })
    })
  }

  /** The mounts that it sees, and those of whoever started it. */
  mounts(): { own: string; others: string } {
    const { pid = 0 } = this.child
    const [inner] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    const table = (of: string | number) => readFileSync(`/proc/${of}/mountinfo`, 'utf8')
    // While it starts again there is none.
    return { own: inner ? table(inner) : '', others: table(pid) }
  }

  /** Shell among the mounts of whoever started it. */
  outside(script: string): void {
    execFileSync('nsenter', ['-m', '-t', `${this.child.pid}`, 'sh', '-ec', script])
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM')
    // Before it listens to signals, this one ends it as it ends anybody.
    assert.ok([0, null].includes(await deadline(this.ended)), this.text)
  }
}

test('one line says what it gave up', async () => {
  const keys = publisher.keys.publicFile
  const device = new Device({ sources: [], keys, configuration: SECTIONS() })
  mkdirSync(device.store)
  const daemon = new RunningDaemon(device)
  await daemon.says(/^confined: .*no new privileges.*$/m)
  assert.is([...daemon.text.matchAll(/confined: /g)].length, 1)
  const { pid = 0 } = daemon.child
  const [inner] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  const status = readFileSync(`/proc/${inner}/status`, 'utf8')
  assert.match(status, /^NoNewPrivs:\t1$/m)
  if (/seccomp/.test(daemon.text)) assert.match(status, /^Seccomp:\t2$/m)
  // What mounts, traces, and enters the network's and the system's settings.
  const capabilities = BigInt(`0x${/^CapEff:\t([0-9a-f]+)$/m.exec(status)?.[1]}`)
  for (const number of [5, 6, 7, 8, 12, 13, 16, 17, 18, 19, 22, 25]) {
    assert.is(capabilities & (1n << BigInt(number)), 0n, `capability ${number}`)
  }
  await daemon.stop()
})

test('a store and a source that come later, and a configuration that is replaced, are used', async () => {
  const keys = scratch('keys')
  copyFileSync(publisher.keys.publicFile, join(keys, 'release.pub'))
  const device = new Device({ sources: ['file:///no/such'], keys, configuration: SECTIONS() })
  const daemon = new RunningDaemon(device)
  await daemon.says(/confined: /)
  const first = daemon.child.pid
  const from = { sources: [`file://${publisher.module}`], keys, store: device.store }
  await new Device(from).succeed('install', ['--version', '1'])
  const next = new Device({ ...from, configuration: SECTIONS() })
  // As editors do it: another file under the same name.
  writeFileSync(`${device.configurationFile}.new`, readFileSync(next.configurationFile))
  renameSync(`${device.configurationFile}.new`, device.configurationFile)
  daemon.child.kill('SIGHUP')
  await daemon.says(/starting again/)
  await daemon.says(/Version 2 is staged and proved/)
  assert.is(daemon.child.pid, first)
  assert.is(await device.succeed('status').then(({ waiting }) => waiting), 2)
  const before = daemon.text.match(/starting again/g)?.length
  daemon.child.kill('SIGHUP')
  await daemon.says(/waits already|is the newest|waits for the next start/)
  assert.is(daemon.text.match(/starting again/g)?.length, before, daemon.text)
  await daemon.stop()
})

/** As busybox and sysvinit have them; with a stick, and what may be mounted. */
function privateMounts() {
  const stick = scratch('stick')
  const image = join(scratch('image'), 'stick.img')
  execFileSync('truncate', ['-s', '8M', image])
  execFileSync('mkfs.ext2', ['-q', image])
  const script = `mount -o loop ${image} ${stick}; exec "$@"`
  const launcher = ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh']
  return { stick, launcher }
}

test('where mounts are private it has a view of its own, keeps no stick in use, and notices a disk', async () => {
  const keys = publisher.keys.publicFile
  const device = new Device({
    sources: ['rsync://127.0.0.1:9/xo'],
    keys,
    configuration: SECTIONS(),
  })
  mkdirSync(device.store)
  const { stick, launcher } = privateMounts()
  const daemon = new RunningDaemon(device, launcher)
  await daemon.says(/^confined: all else read-only, no new privileges/m)
  const { own, others } = daemon.mounts()
  assert.ok(others.includes(` ${stick} `))
  assert.not.ok(own.includes(` ${stick} `))
  assert.match(own, / \/ ro,[^ ]*nodev/)
  daemon.outside(`mount -t tmpfs none ${device.store}; umount ${stick}`)
  daemon.child.kill('SIGHUP')
  await daemon.says(/a mount has changed: starting again/)
  await until(() => / tmpfs /.test(lineOf(daemon.mounts().own, device.store)))
  await daemon.stop()
})

test('a source that is a folder may be a stick: no copy of private mounts keeps that in use', async () => {
  const keys = publisher.keys.publicFile
  const { stick, launcher } = privateMounts()
  const device = new Device({ sources: [`file://${stick}`], keys, configuration: SECTIONS() })
  mkdirSync(device.store)
  const daemon = new RunningDaemon(device, launcher)
  await daemon.says(/^confined: .* refuses all else read-only where mounts are private/m)
  const { own, others } = daemon.mounts()
  assert.is(own, others)
  await daemon.stop()
})

const lineOf = (table: string, path: string) =>
  table
    .split('\n')
    .filter((line) => line.includes(` ${path} `))
    .pop() ?? ''

test.run()
