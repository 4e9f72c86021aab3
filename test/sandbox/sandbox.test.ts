// deadline: 10 minutes
/**
 * What the program can still do to a machine once somebody has taken it over (docs/OPERATING.md, "What it
 * gives up"): a bundle of ours that misbehaves, on the static host.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import commonjs from '@rollup/plugin-commonjs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { rollup } from 'rollup'
import * as assert from 'uvu/assert'
import { ERRAND_VARIABLE, type Errand } from '../../src/boot/errand-words.ts'
import { generateKeys } from '../../src/publish/keygen.ts'
import { Device, type Event } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { type Lacking, oldKernel } from '../support/old-kernel.ts'
import { HOST, PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'

const BUNDLE = 'build/misbehaving.js'
const DEADLINE_MS = 60_000
/** What each kind of command has to go on being able to do, and what comes of it. */
const NEEDS = {
  'reads a tree of the store': { trees: 'done', home: 'done', serve: 'done' },
  'reads the record of the store': { trees: 'done', home: 'done', serve: 'EACCES' },
  // Nobody is there.
  'talks to somebody': { trees: 'ECONNREFUSED', home: 'ECONNREFUSED', serve: 'EPERM' },
  'writes into the store': { trees: 'done', home: 'done', serve: 'EROFS' },
  // The home server makes no trees.
  'makes a device in the store': { trees: 'done', home: 'EPERM', serve: 'EPERM' },
  'sets what root may set': { trees: 'done', home: 'done', serve: 'EPERM' },
} as const
const isNeeded = (name: string) => Object.hasOwn(NEEDS, name)
const publisher = new Publisher()
const servers = new Set<Server>()

test.before(async () => {
  if (process.getuid?.() !== 0) skip('only root has something to give up')
  if (!existsSync(HOST)) throw new Error(`${HOST} is missing: run \`npm run build\` first`)
  const input = fileURLToPath(new URL('misbehaving.js', import.meta.url))
  const plugins = [nodeResolve({ preferBuiltins: false }), commonjs()]
  const bundle = await rollup({ input, external: /^native:/, plugins })
  await bundle.write({ file: BUNDLE, format: 'es' })
  await bundle.close()
  publisher.publish(1, smallImage(1))
})

test.after(() => {
  for (const server of servers) server.close()
})

interface Victim {
  outside: string
  device: Device
}

/** A laptop with something beside its store that is not the program's. */
async function victim(source: string, configuration = {}): Promise<Victim> {
  const outside = scratch('outside')
  writeFileSync(join(outside, 'secret'), 'secret', { mode: 0o600 })
  const server = createServer().listen(join(outside, 'listener'))
  servers.add(server)
  const store = join(outside, 'store')
  const keys = publisher.keys.publicFile
  const from = new Device({ sources: [`file://${publisher.module}`], keys, store })
  await from.succeed('install')
  return { outside, device: new Device({ sources: [source], keys, store, configuration }) }
}

const upgradeOf = ({ device }: Victim) => ['upgrade', ...device.words]

/** Not spawnSync: the server that must not be reached lives in this process. */
async function misbehave(
  outside: string,
  command: string[],
  launcher = ['unshare', '--mount', '--propagation', 'shared'],
  errand?: Errand,
): Promise<{ note: string; outcomes: Event }> {
  const [program = '', ...words] = [...launcher, HOST, BUNDLE, outside, ...command, '--json']
  const environment = errand && { ...process.env, [ERRAND_VARIABLE]: '1' }
  const child = spawn(program, words, {
    timeout: DEADLINE_MS,
    ...(environment && { env: environment }),
  })
  child.stdin.end(errand && JSON.stringify(errand))
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  await new Promise((done) => child.once('close', done))
  const events: Event[] = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  const [note = ''] = /confined: [^"\n]*/.exec(stdout) ?? []
  const outcomes = events.find((event) => event.outcomes)?.outcomes
  if (!outcomes) throw new Error(`it did not come to misbehave:\n${stdout}${stderr}`)
  return { note, outcomes }
}

function checkOutcomes(outcomes: Event, kind: 'trees' | 'home' | 'serve' = 'trees'): void {
  const names = Object.keys(outcomes).filter((name) => !isNeeded(name))
  assert.ok(names.length > 20)
  const codes = new Set(names.map((name) => outcomes[name]))
  for (const code of codes) assert.match(code, /^(EPERM|EACCES|EROFS|EXDEV|EBUSY)$/)
  for (const [name, { [kind]: outcome }] of Object.entries(NEEDS)) {
    assert.is(outcomes[name], outcome, name)
  }
}

function checkUnharmed({ outside }: Victim): void {
  assert.is(readFileSync(join(outside, 'secret'), 'utf8'), 'secret')
  assert.is(statSync(join(outside, 'secret')).mode & 0o7777, 0o600)
  assert.not.ok(existsSync(join(outside, 'made')))
}

test('taken over while it reads a source, it reads, writes and starts nothing but its own', async () => {
  const laptop = await victim('rsync://127.0.0.1:9/xo')
  const { note, outcomes } = await misbehave(laptop.outside, upgradeOf(laptop))
  if (/refuses/.test(note)) skip(`this machine does not let it give up all: ${note}`)
  checkOutcomes(outcomes)
  checkUnharmed(laptop)
})

test('nor where a part of it stays outside to start ssh', async () => {
  const folder = scratch('ssh')
  const key = join(folder, 'key')
  assert.is(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]).status, 0)
  const ssh = { key, 'host-key[]': readFileSync(`${key}.pub`, 'utf8').trim() }
  const laptop = await victim('rsync://127.0.0.1:9/xo', { ssh })
  const { note, outcomes } = await misbehave(laptop.outside, upgradeOf(laptop))
  if (/refuses/.test(note)) skip(`this machine does not let it give up all: ${note}`)
  checkOutcomes(outcomes)
  checkUnharmed(laptop)
})

test('nor has who takes over the home server more than its folder', async () => {
  const laptop = await victim('file:///no/such')
  const keys = generateKeys(nodeHost(), { directory: scratch('home-key'), name: 'home' })
  const folder = join(laptop.outside, 'store')
  const listen = ['--listen', '127.0.0.1:0', '--key', keys.secretFile]
  const { note, outcomes } = await misbehave(laptop.outside, [
    'home',
    '--folder',
    folder,
    ...listen,
  ])
  if (/refuses/.test(note)) skip(`this machine does not let it give up all: ${note}`)
  checkOutcomes(outcomes, 'home')
  checkUnharmed(laptop)
})

test('nor can who takes over the server of neighbours write at all, or read more than it serves', async () => {
  const laptop = await victim('file:///no/such')
  const store = join(laptop.outside, 'store')
  const listen = ['--listen', '127.0.0.1:0', '--store', store]
  const { note, outcomes } = await misbehave(laptop.outside, ['serve', ...listen])
  assert.match(note, /^confined: all else read-only, no new privileges, /)
  if (/refuses/.test(note)) skip(`this machine does not let it give up all: ${note}`)
  checkOutcomes(outcomes, 'serve')
  checkUnharmed(laptop)
})

/** Mounts as an initramfs has them, and there a key for releases. */
const INITRAMFS = `mount -t tmpfs memory "$0"; mkdir "$0/upper" "$0/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" etc /etc
mkdir -p /etc/xo-upgrade/keys; cp "$1" /etc/xo-upgrade/keys/release.pub; shift; exec "$@"`

test('nor has who takes over an errand of process 1 more than the store', async () => {
  const laptop = await victim('file:///no/such')
  writeFileSync(join(laptop.outside, 'store/fakeroot/root/etc/release'), '')
  const errand: Errand = {
    ...{ task: 'recover', store: join(laptop.outside, 'store'), known: '' },
    ...{ places: ['rsync://127.0.0.1:9/xo'], asksNetwork: false },
  }
  const shell = ['sh', '-ec', INITRAMFS, scratch('etc'), publisher.keys.publicFile]
  const launcher = ['unshare', '--mount', '--propagation', 'private', ...shell]
  const { note, outcomes } = await misbehave(laptop.outside, [], launcher, errand)
  assert.match(note, /^confined: all else read-only, no new privileges, /)
  if (/refuses/.test(note)) skip(`this machine does not let it give up all: ${note}`)
  checkOutcomes(outcomes)
  checkUnharmed(laptop)
})

/** What Landlock alone shuts. */
const READS = [
  'reads a file',
  'reads /etc/shadow',
  'reads below a folder that it looks at',
  'lists a folder',
  'reads through a link in the store',
]

interface OldKernel {
  lacks: Lacking[]
  mounts?: 'private-mounts'
  sentence: RegExp
  /** What stands open there, and is shut by nothing else. */
  open: string[]
}

const OLD_KERNELS: OldKernel[] = [
  {
    lacks: ['landlock'],
    sentence: /refuses Landlock \(/,
    open: [...READS, 'listens for strangers'],
  },
  // Before Linux 5.12 they are sealed one by one.
  { lacks: ['mount_setattr'], sentence: /all else read-only, .*seccomp$/, open: [] },
  {
    lacks: ['unshare'],
    sentence: /refuses all else read-only \(/,
    open: ['reads a disk by a device of its own', 'makes a file run as root', 'gives a file away'],
  },
  // As busybox and sysvinit have them.
  { lacks: [], mounts: 'private-mounts', sentence: /all else read-only, .*seccomp$/, open: [] },
  {
    lacks: ['seccomp'],
    sentence: /refuses seccomp \(/,
    open: ['asks a program of this machine'],
  },
  // The first kernels of an XO: no file outside is changed as yet, but who may mount can undo that.
  {
    lacks: ['landlock', 'mount_setattr', 'seccomp'],
    mounts: 'private-mounts',
    sentence: /all else read-only, no new privileges, capabilities; .* Landlock .* seccomp/,
    open: [
      ...READS,
      ...['starts a program', 'starts a program by ssh', 'mounts', 'unmounts'],
      'listens for strangers',
    ],
  },
]

test('a kernel that lacks something gives the rest, and one line says so', async () => {
  for (const { lacks, mounts = 'shared-mounts', sentence, open } of OLD_KERNELS) {
    const laptop = await victim('rsync://127.0.0.1:9/xo')
    const launcher = oldKernel(...lacks, mounts)
    const { note, outcomes } = await misbehave(laptop.outside, upgradeOf(laptop), launcher)
    assert.match(note, sentence)
    const done = Object.keys(outcomes).filter((name) => !isNeeded(name))
    assert.equal(
      done.filter((name) => outcomes[name] === 'done'),
      open,
      `${lacks}`,
    )
    if (!lacks.includes('unshare')) checkUnharmed(laptop)
  }
  const lacksAll = oldKernel('landlock', 'mount_setattr', 'unshare', 'seccomp', 'shared-mounts')
  const words = ['verify', '--json', ...(await victim('file:///no/such')).device.words]
  const [program = '', ...more] = [...lacksAll, PROGRAM, ...words]
  const { status, stdout } = spawnSync(program, more, { encoding: 'utf8' })
  assert.is(status, 0, stdout)
  assert.match(stdout, /confined: no new privileges, capabilities; .* refuses all else read-only/)
})

test.run()
