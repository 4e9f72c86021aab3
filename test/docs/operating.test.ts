/**
 * docs/OPERATING.md: its commands on a small tree, each where the page has it, and its configurations
 * parsed. `/xo`, `/etc` and `/srv` of the page are folders of the test.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parseConfiguration } from '../../src/device/settings.ts'
import { nodeHost } from '../support/host.ts'
import { systemImage } from '../support/image.ts'
import { packedImage } from '../support/pack-images.ts'
import { Page } from '../support/page.ts'
import { PROGRAM, PUBLISHER } from '../support/program.ts'
import { freePort, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { shell } from '../support/shell.ts'
import { skip, test } from '../support/suite.ts'
import { makeTree } from '../support/tree.ts'
import { until } from '../support/until.ts'

const page = new Page('docs/OPERATING.md', 'test/docs/operating.test.ts')
const folder = scratch('operating')
const at = (name: string) => join(folder, name)

/** As on a laptop, where one configuration says it all; whoever starts it by hand has no early boot. */
const WRAPPER = `#!/bin/sh
word=$1
shift
[ "$word" != confirm ] || set -- --force "$@"
exec ${PROGRAM} "$word" --config '${at('xo-upgrade.conf')}' "$@"
`

/** Without one it says so before it looks at anything. */
function makesPacks(): boolean {
  const words = ['delta', '--in', '/', '--key', '/', '--from', 'none']
  return !spawnSync(PUBLISHER, words, { encoding: 'utf8' }).stderr.includes('only reads packs')
}

test('a release is published, and stock programs check it', () => {
  mkdirSync(at('MODULE'))
  makeTree(nodeHost(), at('TREE'), systemImage(42))
  shell(page.next('sh', 'xo-upgrade keygen'), { folder })
  shell(page.next('sh', 'signify-openbsd'), { folder })
})

test('packs are made with a release, and after it', () => {
  const script = page.next('sh', 'xo-upgrade publish')
  if (!makesPacks()) skip("the publisher's program here has no coder of packs")
  const [own, bin] = [at('packs'), at('packs/bin')]
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'xo-upgrade'), `#!/bin/sh\nexec ${PUBLISHER} "$@"\n`, { mode: 0o755 })
  const environment = { PATH: `${bin}:${process.env.PATH}` }
  shell('xo-upgrade keygen --to keys', { folder: own, environment })
  for (const version of [41, 42, 43]) {
    makeTree(
      nodeHost(),
      join(own, version === 43 ? 'TREE' : `TREE-${version}`),
      new Map([...packedImage(version), ...systemImage(version)]),
    )
  }
  const publish = 'xo-upgrade publish --to MODULE --key keys/release.sec'
  for (const version of [41, 42]) {
    shell(`${publish} --image TREE-${version} --version ${version}`, { folder: own, environment })
  }
  shell(script, { folder: own, environment })
  assert.equal(readdirSync(join(own, 'MODULE/deltas')).sort(), ['0-43', '41-43', '42-43'])
})

test('the daemon’s configuration serves it', async () => {
  const port = await freePort()
  const text = page.next('ini', '[xo]').replace('/srv/xo', at('MODULE'))
  const place = `address = 127.0.0.1\nport = ${port}\npid file = ${at('pid')}\nlog file = ${at('log')}\n`
  writeFileSync(at('rsyncd.conf'), place + text)
  const [url, stop] = [`rsync://127.0.0.1:${port}/xo/`, `kill "$(cat ${at('pid')})"`]
  const wait = `for i in $(seq 300); do rsync ${url} && break; sleep 0.2; done`
  const said = shell(`rsync --daemon --config=rsyncd.conf\n${wait}\n${stop}`, { folder })
  assert.match(said, / latest\n/)
})

test('a module is served without an rsync daemon', async () => {
  const [port, other] = [await freePort(), await freePort()]
  const script = page
    .next('sh', 'xo-upgrade serve')
    .replace('0.0.0.0:873', `127.0.0.1:${port}`)
    .replace('[::1]:873', `127.0.0.2:${other}`)
  const environment = { PATH: `${join(PROGRAM, '..')}:${process.env.PATH}` }
  const words = ['-euc', `exec ${script}`]
  const server = spawn('sh', words, { cwd: folder, env: environment, stdio: 'ignore' })
  try {
    for (const address of [`127.0.0.1:${port}`, `127.0.0.2:${other}`]) {
      await until(() => {
        assert.is(server.exitCode, null)
        const words = [`rsync://${address}/xo/`]
        return / latest\n/.test(spawnSync('rsync', words, { encoding: 'utf8' }).stdout)
      }, `a server at ${address}`)
    }
  } finally {
    server.kill()
  }
})

test('the home server answers until it is killed', async () => {
  const port = await freePort()
  const script = page.next('sh', 'xo-upgrade keygen').replace('0.0.0.0:8765', `127.0.0.1:${port}`)
  const environment = { PATH: `${join(PROGRAM, '..')}:${process.env.PATH}` }
  const words = ['-euc', script.replace(/^(xo-upgrade home )/m, 'exec $1')]
  const server = spawn('sh', words, { cwd: folder, env: environment, stdio: 'ignore' })
  try {
    const asked = { method: 'POST', body: 'kind=call-home\n' }
    await until(async () => {
      assert.is(server.exitCode, null)
      const answer = await fetch(`http://127.0.0.1:${port}/call-home`, asked).catch(() => undefined)
      return answer?.status === 400
    }, 'an answer of the home server')
  } finally {
    server.kill()
  }
})

test('every command of the device does its part, and every round', async () => {
  const daemon = await startDaemon('rsync', [{ name: 'xo', path: at('MODULE') }])
  const settings = `[store]\npath = ${at('store')}\nkeep-free-mb = 0\n[device]\nserial = SHC1
[trust]\nkeys = ${at('keys')}\n[policy]\non-battery = yes\n[daemon]\ncontrol = ${at('control')}
[sources]\npeers = off\nupstream[] = rsync://127.0.0.1:${daemon.port}/xo\n`
  writeFileSync(at('xo-upgrade.conf'), settings)
  mkdirSync(at('bin'))
  writeFileSync(at('bin/xo-upgrade'), WRAPPER, { mode: 0o755 })
  const environment = { PATH: `${at('bin')}:${process.env.PATH}` }
  try {
    const [install = '', ...device] = page.next('sh', 'xo-upgrade install').trim().split('\n')
    shell(install, { folder, environment })
    makeTree(nodeHost(), at('TREE-43'), systemImage(43))
    const publish = ['--image', at('TREE-43'), '--version', '43', '--to', at('MODULE')].join(' ')
    shell(`xo-upgrade publish ${publish} --key keys/release.sec`, { folder })
    for (const line of device) shell(line, { folder, environment })
    assert.match(shell('xo-upgrade status', { folder, environment }), /running +42/)
    for (const line of page.block('sh', 'xo-upgrade check').trim().split('\n')) {
      // The one that never ends is told to.
      const ends = line.includes(' daemon ') ? `timeout --preserve-status 2 ${line}` : line
      shell(ends, { folder, environment })
    }
  } finally {
    await daemon.stop()
  }
})

test('the hook of the page is a veto where nobody answers', () => {
  const hook = page.block('sh', '# /etc/xo-upgrade/health.d/')
  const answer = (status: number) => {
    const bin = scratch('ping')
    writeFileSync(join(bin, 'ping'), `#!/bin/sh\nexit ${status}\n`, { mode: 0o755 })
    return () => shell(hook, { folder, environment: { PATH: `${bin}:${process.env.PATH}` } })
  }
  assert.is(answer(0)(), '')
  assert.throws(answer(1), /ended with 1/)
})

test('the laptop’s configuration parses, and sets what it shows', () => {
  const configuration = parseConfiguration(page.block('ini', '[store]'), 'docs/OPERATING.md')
  assert.is(configuration.store, '/xo')
  assert.is(configuration.schools.length, 1)
  assert.is(configuration.sources.length, 1)
})

test('every block that names this file was run', () => {
  assert.equal(page.left(), [])
  assert.ok(existsSync(at('store')))
})

test.run()
