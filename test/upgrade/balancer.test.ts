/**
 * A large deployment: HAProxy in front of three stock rsync daemons, with the configuration of
 * docs/SERVER.md. One daemon dies in the middle of an upgrade, and the upgrade ends well.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { accepts } from '../support/accepts.ts'
import { Device } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { image41, image42 } from '../support/image.ts'
import { Page } from '../support/page.ts'
import { type Proxy as Line, startProxy } from '../support/proxy.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, freePort, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { linesOfTree } from '../support/tree.ts'
import { until } from '../support/until.ts'

const host = nodeHost()
const publisher = new Publisher()
let installed: Device
const daemons: Daemon[] = []
/** Between the balancer and each daemon, so that an upgrade takes a while. */
const lines: Line[] = []
let balancer: ChildProcess
let port: number

test.before(async () => {
  publisher.publish(41, image41())
  installed = new Device({
    sources: [`file://${publisher.module}`],
    keys: publisher.keys.publicFile,
  })
  await installed.succeed('install')
  publisher.publish(42, image42())
  for (let n = 0; n < 3; n++) {
    const daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
    daemons.push(daemon)
    lines.push(await startProxy(daemon.port, { bytesPerSecond: 400_000 }))
  }
  port = await freePort()
  const guide = new Page('docs/SERVER.md', 'test/upgrade/balancer.test.ts').block(
    'haproxy',
    'server',
  )
  let text = guide.replace('bind :873', `bind 127.0.0.1:${port}`)
  for (const [n, name] of ['school-1', 'school-2', 'school-3'].entries()) {
    assert.match(text, `${name}:873`)
    text = text.replace(`${name}:873`, `127.0.0.1:${lines[n]?.port}`)
  }
  const config = join(scratch('haproxy'), 'haproxy.cfg')
  writeFileSync(config, text)
  balancer = spawn('haproxy', ['-db', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  balancer.stderr?.on('data', (chunk) => {
    said += chunk
  })
  await until(() => {
    assert.is(balancer.exitCode, null, said)
    return accepts(port)
  }, 'haproxy listens')
})

test.after(async () => {
  balancer.kill('SIGKILL')
  for (const line of lines) line.close()
  for (const daemon of daemons) await daemon.stop()
})

/** The daemon and whoever serves a connection for it. */
function kill(daemon: Daemon): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const [, parent] =
        /^\d+ \(.*\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
      if (Number(parent) === daemon.pid) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended in the meantime.
    }
  }
  process.kill(daemon.pid, 'SIGKILL')
}

test('one of three daemons is killed in the middle of an upgrade, and the upgrade ends well', async () => {
  const device = installed.copy({ sources: [`rsync://127.0.0.1:${port}/xo`] })
  const before = lines.map(({ received }) => received)
  const running = device.run('upgrade')
  const isServing = (line: Line, n: number) => line.received - (before[n] ?? 0) > 300_000
  const victim = await until(() => {
    const found = lines.findIndex(isServing)
    return found >= 0 && found
  }, 'some daemon serves the content')
  // The whole machine: what is in the buffers of its line is gone as well.
  kill(daemons[victim] as Daemon)
  lines[victim]?.close()
  const run = await running
  assert.is(run.status, 0, run.stdout)
  assert.ok(
    run.events.some(({ text }) => /connecting again/.test(text ?? '')),
    run.stdout,
  )
  const plain = (root: string) => linesOfTree(host, root, { inodes: false })
  assert.equal(plain(device.root('upgraded-root')), plain(join(publisher.module, '42', 'root')))
  // What the dead one had sent is not fetched again.
  const received = Math.max(...run.events.map((event) => event.received ?? 0))
  assert.ok(received < 1_700_000, `${received}`)
})

test.run()
