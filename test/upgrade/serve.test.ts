// deadline: 15 minutes
/**
 * `xo-upgrade serve`, the program: stock clients and our own laptops fetch from a store and from a module. That it
 * only reads is seen by the calls that it makes.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { Device, type Event, run } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { mountTmpfs } from '../support/mounts.ts'
import { packedImage } from '../support/pack-images.ts'
import { PROGRAM, PUBLISHER } from '../support/program.ts'
import { makeKeys } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'
import { file, linesOfTree, makeTree, noise, type Tree } from '../support/tree.ts'
import { until } from '../support/until.ts'

const host = nodeHost()
const keys = makeKeys()
const module = join(scratch('module'), 'xo')
/** 41 runs, and 42 waits with the pack that it came by. */
let giver: Device
/** 41 runs. */
let taker: Device

const servers = new Set<Server>()
process.on('exit', () => {
  for (const { child } of servers) child.kill('SIGKILL')
})

function image(version: number): Tree {
  return packedImage(version).set('usr/fresh', file(noise(60_000, version)))
}

async function publish(version: number, deltas: string[] = []): Promise<void> {
  const tree = join(scratch('image'), String(version))
  makeTree(host, tree, image(version))
  const words = ['--image', tree, '--version', String(version), '--to', module, ...deltas]
  const options = { program: PUBLISHER }
  const all = ['publish', '--json', '--any-tree', '--key', keys.secretFile, ...words]
  const { status, stderr, stdout } = await run(all, options)
  assert.is(status, 0, `${stdout}${stderr}`)
}

test.before(async () => {
  if (process.getuid?.() !== 0) skip('serving a store needs root')
  await publish(41)
  const configuration = {
    store: { 'keep-packs': 'yes' },
    policy: { 'on-battery': 'yes' },
    serve: { 'on-battery': 'yes', 'bytes-per-second': '0' },
  }
  const sources = [`file://${module}`]
  taker = new Device({ sources, keys: keys.publicFile, configuration })
  await taker.succeed('install')
  giver = taker.copy()
  await publish(42, ['--delta-from', '41'])
  await giver.succeed('upgrade')
})

class Server {
  readonly child: ChildProcess
  readonly #ended: Promise<unknown>
  readonly events: Event[] = []
  port = 0
  stderr = ''

  private constructor(words: string[], launcher: string[]) {
    const [program = '', ...more] = [
      ...launcher,
      PROGRAM,
      'serve',
      '--json',
      ...['--listen', '127.0.0.1:0'],
      ...words,
    ]
    this.child = spawn(program, more, { stdio: ['ignore', 'pipe', 'pipe'] })
    servers.add(this)
    this.#ended = new Promise((done) => this.child.once('exit', done))
    let rest = ''
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.events.push(JSON.parse(line))
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
  }

  static async start(words: string[], launcher: string[] = []): Promise<Server> {
    const server = new Server(words, launcher)
    const listening = () => server.starts.at(-1)
    await until(() => listening() ?? server.child.exitCode !== null, 'a server').catch(() => {})
    server.port = listening()?.ports?.[0] ?? 0
    if (server.port === 0) throw new Error(`no server: ${server.stderr}`)
    return server
  }

  get url(): string {
    return `rsync://127.0.0.1:${this.port}/xo`
  }

  /** What it said each time that it began to listen. */
  get starts(): Event[] {
    return this.events.filter(({ event }) => event === 'result')
  }

  get served(): Event[] {
    return this.events.filter(({ event }) => event === 'served')
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM')
    assert.is(await deadline(this.#ended), 0, this.stderr)
    servers.delete(this)
  }
}

async function serving<Result>(
  words: string[],
  use: (server: Server) => Promise<Result>,
): Promise<Result> {
  const server = await Server.start(words)
  try {
    return await use(server)
  } finally {
    await server.stop()
  }
}

const overStore = (device: Device) => [...device.words, '--store', device.store]
const plain = (root: string) => linesOfTree(host, root, { inodes: false })

function fetch(url: string, ...words: string[]): string {
  const target = scratch('fetched')
  const all = ['-aH', '--numeric-ids', '--timeout=30', ...words, url, `${target}/`]
  const { status, stdout, stderr } = spawnSync('rsync', all, { encoding: 'utf8' })
  assert.is(status, 0, `${stdout}${stderr}`)
  return target
}

const contentsOf = (root: string) => plain(root).map((line) => line.replace(/ xattr\S*/g, ''))

test('a stock client fetches a version from a laptop, whole', () =>
  serving(overStore(giver), async (server) => {
    for (const version of [41, 42]) {
      const got = fetch(`${server.url}/${version}/root/`)
      assert.equal(contentsOf(got), contentsOf(join(module, String(version), 'root')))
      const [manifest, release] = ['manifest', 'release'].map((name) =>
        readFileSync(join(fetch(`${server.url}/${version}/${name}`), name)),
      )
      assert.equal(manifest, readFileSync(join(module, String(version), 'manifest')))
      assert.equal(release, readFileSync(join(module, String(version), 'release')))
    }
    const top = readdirSync(fetch(`${server.url}/`, '--exclude=root')).sort()
    assert.equal(top, ['41', '42', 'deltas', 'latest'])
    await until(() => server.served.length === 7, 'a record of each client')
    assert.ok(server.served.every(({ module, fault }) => module === 'xo' && fault === undefined))
  }))

test('and a module as it lies, with nothing that is not finished', async () => {
  appendFileSync(join(module, '.new-43'), 'half')
  try {
    await serving(['--config', giver.configurationFile, '--module', module], async (server) => {
      const got = fetch(`${server.url}/`)
      const own = readdirSync(module).filter((name) => !name.startsWith('.new-'))
      assert.equal(readdirSync(got).sort(), own.sort())
      assert.equal(contentsOf(join(got, '42')), contentsOf(join(module, '42')))
    })
  } finally {
    rmSync(join(module, '.new-43'))
  }
})

test('something is mounted on the machine, and whoever is being served goes on', async () => {
  await serving(['--config', giver.configurationFile, '--module', module], async (server) => {
    const target = scratch('fetched')
    const words = ['-a', '--bwlimit=400', `${server.url}/42/root/`, `${target}/`]
    const client = spawn('rsync', words, { stdio: 'ignore' })
    const ended = new Promise((done) => client.once('exit', done))
    await until(() => readdirSync(target).length > 0, 'the first file')
    mountTmpfs(1_000_000)
    assert.is(await deadline(ended), 0)
    await until(() => server.served.length > 0, 'the end of the client')
    assert.is(server.served[0]?.fault, undefined)
    // Then nobody is there, and it takes notice.
    await until(() => server.starts.length > 1, 'a new start')
  })
})

for (const way of ['by pack', 'file by file']) {
  test(`a laptop upgrades from its neighbour ${way}`, () =>
    serving(overStore(giver), async (server) => {
      const device = taker.copy({ sources: [server.url] })
      const words = way === 'by pack' ? [] : ['--no-packs']
      const result = await device.succeed('upgrade', words)
      assert.is(result.version, 42)
      if (way === 'by pack') assert.equal(result.packs.packs, ['41-42'])
      assert.equal(plain(device.root('upgraded-root')), plain(join(module, '42', 'root')))
      await device.succeed('verify', ['--full']).catch(() => {})
      assert.ok(server.served.every(({ fault }) => fault === undefined))
    }))
}

test('what was edited on the laptop is not handed on, and the other one gets what there is', () => {
  const edited = giver.copy()
  appendFileSync(join(edited.root(), 'etc/version'), 'edited')
  return serving(overStore(edited), async (server) => {
    const got = fetch(`${server.url}/41/root/`)
    assert.not.ok(existsSync(join(got, 'etc/version')))
    assert.ok(existsSync(join(got, 'usr/large')))
  })
})

test('a swap is followed while it serves: one on trial is not handed on, and it is once it is confirmed', () => {
  const laptop = giver.copy()
  return serving(overStore(laptop), async (server) => {
    const versions = () => {
      const words = ['--timeout=10', `rsync://127.0.0.1:${server.port}/xo/`]
      const { stdout } = spawnSync('rsync', words, { encoding: 'utf8' })
      return [...stdout.matchAll(/ (\d+)$/gm)].map(([, version]) => version).join()
    }
    // A server that begins again may listen at another port where it may choose.
    const follow = () => {
      server.port = server.starts.at(-1)?.ports?.[0] ?? 0
      return versions()
    }
    assert.is(versions(), '41,42')
    await laptop.succeed('swap')
    await until(() => follow() === '' && server.starts.length > 1, 'nothing')
    await laptop.succeed('confirm', ['--force'])
    await until(() => follow() === '42', 'the confirmed version')
  })
})

test('while somebody is at work on the store nobody is served', async () => {
  const laptop = giver.copy()
  await serving(overStore(laptop), async (server) => {
    const lock = join(laptop.store, 'lock')
    const holder = spawn('flock', ['--no-fork', lock, 'sleep', '60'], { stdio: 'ignore' })
    try {
      const said = () =>
        spawnSync('rsync', ['--timeout=10', `${server.url}/`], { encoding: 'utf8' }).stderr
      await until(
        () => /max connections \(0\) reached -- try again later: it is at work/.test(said()),
        'a no',
      )
    } finally {
      holder.kill()
    }
  })
})

/** Calls that change a file system, and flags by which a file is opened to be changed. */
const CALLS = [
  'rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir link linkat symlink symlinkat',
  'mknod mknodat chmod fchmod fchmodat fchmodat2 chown fchown fchownat lchown setxattr lsetxattr',
  'fsetxattr removexattr lremovexattr fremovexattr truncate ftruncate utimensat utime utimes',
  'fallocate copy_file_range sendfile pwrite64 pwritev fsync fdatasync sync syncfs',
]
const FLAGS = 'O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE'
const CHANGING = new RegExp(`\\b((${CALLS.join(' ').replaceAll(' ', '|')})\\(|(${FLAGS})\\b)`)

test('serving only reads: no call that it makes could change a file', async () => {
  const { error } = spawnSync('strace', ['-V'])
  if (error) skip('no strace here (npm run setup)')
  const trace = join(scratch('trace'), 'calls')
  const before = plain(giver.store)
  const launcher = ['strace', '-f', '-qq', '-e', 'trace=!read,poll,ppoll', '-o', trace]
  const server = await Server.start(overStore(giver), launcher)
  try {
    fetch(`${server.url}/42/root/`, '-z')
    const device = taker.copy({ sources: [server.url] })
    await device.succeed('upgrade', ['--no-packs'])
  } finally {
    const inner = spawnSync('pgrep', ['-P', String(server.child.pid), '-f', 'serve --json'])
    process.kill(Number(inner.stdout.toString().split('\n')[0]), 'SIGTERM')
    await until(() => server.child.exitCode !== null, 'its end')
  }
  const all = readFileSync(trace, 'utf8').split('\n')
  // What a program does that is started without its standard files.
  const calls = all.filter((call) => !call.includes('open("/dev/null", '))
  assert.ok(
    calls.some((call) => /openat.*"large"/.test(call)),
    'it is seen',
  )
  assert.equal(
    calls.filter((call) => CHANGING.test(call.replace(/"[^"]*"/g, '""'))),
    [],
  )
  assert.equal(plain(giver.store), before)
})

test.run()
