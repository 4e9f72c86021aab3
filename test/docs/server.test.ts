/** The blocks of docs/SERVER.md, with other addresses and folders; those of what starts at boot: start-at-boot. */
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parseConfiguration } from '../../src/device/settings.ts'
import { sourceOfLease } from '../../src/source/lease.ts'
import { Device } from '../support/device.ts'
import { smallImage } from '../support/image.ts'
import { Page } from '../support/page.ts'
import { startProxy } from '../support/proxy.ts'
import { Publisher } from '../support/release.ts'
import { freePort, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { FORCED, runTool } from '../support/ssh-server.ts'
import { test } from '../support/suite.ts'
import { file, folder, noise } from '../support/tree.ts'

const page = new Page('docs/SERVER.md', 'test/docs/server.test.ts')
const blockWith = (language: string, holds: string) => page.block(language, holds)

const image = (version: number) =>
  smallImage(version)
    .set('usr', folder())
    .set('usr/shared', file(noise(200_000, 1)))
    .set('usr/fresh', file(noise(400_000, version)))

/** The mirror script as a program. */
function mirrorScript(): string {
  const path = join(scratch('mirror'), 'mirror-xo')
  writeFileSync(path, blockWith('sh', 'mirror-xo UPSTREAM'))
  chmodSync(path, 0o755)
  return path
}

test('the daemon serves a mirror as it is configured, nicely, and hides what is half-made', async () => {
  const module = scratch('module')
  chmodSync(module, 0o755)
  mkdirSync(join(module, '.mirror'))
  for (const name of ['latest', '.mirror/latest']) writeFileSync(join(module, name), 'x')
  const port = await freePort()
  const place = scratch('daemon')
  const config = join(place, 'rsyncd.conf')
  writeFileSync(
    config,
    `address = 127.0.0.1\nport = ${port}\npid file = ${place}/pid\nlog file = ${place}/log\n${blockWith(
      'ini',
      'max connections',
    )
      .replace('/run/rsyncd-xo.lock', join(place, 'lock'))
      .replace('/srv/xo', module)}`,
  )
  const start = blockWith('sh', 'nice').replace('/etc/rsyncd.conf', config)
  assert.is(spawnSync('sh', ['-euc', start], { stdio: 'ignore' }).status, 0)
  try {
    const listed = spawnSync(
      'sh',
      [
        '-c',
        `for i in $(seq 300); do rsync rsync://127.0.0.1:${port}/xo/ && break; sleep 0.2; done`,
      ],
      { encoding: 'utf8' },
    )
    assert.match(listed.stdout, / latest\n/)
    assert.not.match(listed.stdout, /mirror/)
    const pid = readFileSync(join(place, 'pid'), 'utf8').trim()
    const [, nice] = /\) \S (?:\S+ ){15}(\S+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    // Whoever runs the tests may already be nice.
    assert.is(Number(nice), Math.min(getPriority() + 10, 19))
  } finally {
    process.kill(Number(readFileSync(join(place, 'pid'), 'utf8')))
  }
})

test('the mirror never shows half a version, goes on where it was cut, and serves laptops', async () => {
  const publisher = new Publisher()
  publisher.publish(1, image(1))
  const upstream = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
  const module = join(scratch('school'), 'xo')
  const script = mirrorScript()
  const mirror = (port: number) =>
    spawnSync(script, [`rsync://127.0.0.1:${port}/xo`, module], { encoding: 'utf8' })
  const shown = () => readdirSync(module).filter((name) => !name.startsWith('.'))
  const latest = () => /^version=(\d+)$/m.exec(readFileSync(join(module, 'latest'), 'latin1'))?.[1]
  try {
    const first = mirror(upstream.port)
    assert.is(first.status, 0, first.stderr)
    assert.equal([shown(), latest()], [['1', 'latest'], '1'])
    publisher.publish(2, image(2))
    for (const cutAfter of [1_000, 50_000, 300_000]) {
      const cut = await cutLine(upstream.port, cutAfter)
      const { status } = await cut.run(script, [`rsync://127.0.0.1:${cut.port}/xo`, module])
      cut.close()
      assert.is.not(status, 0, `${cutAfter}`)
      assert.equal([shown(), latest()], [['1', 'latest'], '1'], `${cutAfter}`)
    }
    const second = mirror(upstream.port)
    assert.is(second.status, 0, second.stderr)
    assert.equal([shown(), latest()], [['1', '2', 'latest'], '2'])
    // The same size and time as in version 1, but other content.
    const fresh = readFileSync(join(module, '2/root/usr/fresh'))
    assert.ok(fresh.equals(noise(400_000, 2)))
    const inode = (version: number) => statSync(join(module, `${version}/root/usr/shared`)).ino
    assert.is(inode(1), inode(2))
    assert.equal(readdirSync(join(module, '.mirror')), ['lock'])
    writeFileSync(join(publisher.module, 'keys'), 'the first rotation\n')
    assert.is(mirror(upstream.port).status, 0)
    assert.is(readFileSync(join(module, 'keys'), 'utf8'), 'the first rotation\n')
    writeFileSync(join(publisher.module, 'keys'), 'the first rotation\nand the second\n')
    for (const version of [3, 4]) {
      publisher.publish(version, image(version))
      assert.is(mirror(upstream.port).status, 0)
    }
    assert.match(readFileSync(join(module, 'keys'), 'utf8'), /and the second/)
    assert.equal(shown(), ['2', '3', '4', 'keys', 'latest'])
    rmSync(join(publisher.module, 'keys'))
    assert.is(mirror(upstream.port).status, 0)
    await laptopUpgrades(publisher, module)
  } finally {
    await upstream.stop()
  }
})

async function laptopUpgrades(publisher: Publisher, module: string): Promise<void> {
  const settings = { uid: 'nobody', gid: 'nogroup' }
  chmodSync(join(module, '..'), 0o755)
  const school = await startDaemon('rsync', [{ name: 'xo', path: module, settings }])
  try {
    const device = new Device({
      sources: [`rsync://127.0.0.1:${school.port}/xo`],
      keys: publisher.keys.publicFile,
    })
    await device.succeed('install')
    assert.is((await device.succeed('status')).running, 4)
  } finally {
    await school.stop()
  }
}

/** Our proxy works while the script runs, so the script must not block this process. */
async function cutLine(port: number, cutAfter: number) {
  const proxy = await startProxy(port, { cutAfter })
  const run = (command: string, words: string[]) =>
    new Promise<{ status: number | null }>((resolve) => {
      spawn(command, words, { stdio: 'ignore' }).once('close', (status) => resolve({ status }))
    })
  return { port: proxy.port, close: () => proxy.close(), run }
}

test('the line for cron names a user, the script, and a source that parses', () => {
  const line = blockWith('cron', 'mirror-xo').trim()
  assert.match(line, /^(\S+ ){5}mirror \/usr\/local\/sbin\/mirror-xo rsync:\/\/\S+ \/srv\/xo$/)
})

test('dnsmasq takes the lines, and the laptop reads what udhcpc makes of them', () => {
  const place = scratch('dnsmasq')
  const config = join(place, 'dnsmasq.conf')
  const lines = blockWith('dnsmasq', 'dhcp-option')
  writeFileSync(config, lines)
  const checked = spawnSync('dnsmasq', ['--test', `--conf-file=${config}`], { encoding: 'utf8' })
  assert.match(checked.stderr, /syntax check OK/)
  const [, url = ''] = /dhcp-option=224,"(.*)"/.exec(lines) ?? []
  const script = join(place, 'script')
  writeFileSync(script, blockWith('sh', 'Called by udhcpc').replaceAll('/run/xo', place))
  const environment = {
    PATH: process.env.PATH,
    interface: 'eth0',
    ip: '172.18.96.7',
    serverid: '172.18.96.1',
    opt224: Buffer.from(url).toString('hex'),
  }
  assert.is(spawnSync('sh', [script, 'bound'], { env: environment }).status, 0)
  assert.is(sourceOfLease(readFileSync(join(place, 'dhcp.eth0'), 'utf8')), url)
  rmSync(join(place, 'dhcp.eth0'))
  assert.is(spawnSync('sh', [script, 'deconfig'], { env: environment }).status, 0)
  assert.not.ok(existsSync(join(place, 'dhcp.eth0')))
})

test('the keys are made, converted and taken; the forced command is the one that is tested', () => {
  const place = scratch('keys')
  for (const block of [blockWith('sh', 'ssh-keygen'), blockWith('sh', 'dropbearconvert')]) {
    runTool('sh', ['-euc', block.replaceAll('/etc/xo-upgrade', place)])
  }
  assert.match(runTool('dropbearkey', ['-y', '-f', join(place, 'ssh-key.dropbear')]), /ssh-ed25519/)
  assert.is(statSync(join(place, 'ssh-key.dropbear')).mode & 0o77, 0)
  const line = blockWith('authorized_keys', 'command=')
  assert.ok(line.startsWith(`${FORCED('/etc/rsyncd-ssh.conf')} ssh-ed25519 `), line)
})

test('the laptop’s configuration parses, and its pinned key is one', () => {
  const configuration = parseConfiguration(blockWith('ini', '[ssh]'), 'docs/SERVER.md')
  assert.equal(configuration.sources, ['ssh://xo@updates.example.org/xo'])
  assert.is(configuration.ssh.key, '/etc/xo-upgrade/ssh-key')
  assert.is(configuration.ssh.hostKeys.length, 1)
  const pinned = join(scratch('pinned'), 'key.pub')
  writeFileSync(pinned, `${configuration.ssh.hostKeys[0]}\n`)
  assert.match(runTool('ssh-keygen', ['-l', '-f', pinned]), /256 .*ED25519/)
})

test('every block that names this file was run', () => {
  assert.equal(page.left(), [])
})

test.run()
