/**
 * Servers that lie: forged, altered, replayed and misdirected releases. Each ends with status 65, the name
 * of the attack, and nothing committed; or with the next source, if that one is honest.
 */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device, type DeviceOptions } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { FRESH, image41, image42, SAME, smallImage } from '../support/image.ts'
import { makeKeys, Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { copyTree, digestOfTree, linesOfTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
/** An honest mirror, and one that each test alters as it likes. */
const honest = join(scratch('honest'), 'xo')
const liar = join(scratch('liar'), 'xo')
/** A device on 41, copied for each test. */
let installed: Device
let daemon: Daemon

const url = (name: string) => `rsync://127.0.0.1:${daemon.port}/${name}`

test.before(async () => {
  publisher.publish(41, image41())
  publisher.publish(42, image42())
  copyTree(publisher.module, honest)
  daemon = await startDaemon('rsync', [
    { name: 'honest', path: honest },
    { name: 'liar', path: liar },
  ])
  installed = new Device({ sources: [url('honest')], keys: publisher.keys.publicFile })
  await installed.succeed('install', ['--version', '41'])
})

test.before.each(() => {
  rmSync(liar, { recursive: true, force: true })
  copyTree(honest, liar)
})

test.after(async () => {
  await daemon.stop()
})

function deviceOn41(sources: string[], options: Partial<DeviceOptions> = {}): Device {
  return installed.copy({ sources, ...options })
}

/** Alters one byte in the middle of a file. */
function alter(path: string): void {
  const content = readFileSync(path)
  const middle = content.length >> 1
  content[middle] = (content[middle] ?? 0) ^ 1
  writeFileSync(path, content)
}

/** Runs an upgrade that must end with status 65, and checks that nothing was committed. */
async function refused(device: Device, message: RegExp, words: string[] = []): Promise<void> {
  const before = digestOfTree(host, device.root())
  const error = await device.fail('upgrade', 65, 'TrustError', words)
  assert.match(error.message, message, error.message)
  assert.is(digestOfTree(host, device.root()), before)
  assert.not.ok(existsSync(join(device.store, 'upgraded-root')))
  const { running, last } = await device.succeed('status')
  assert.is(running, 41)
  assert.is(last.outcome, 'TrustError')
}

const whole42 = (device: Device) => {
  const plain = (root: string) => linesOfTree(host, root, { inodes: false })
  assert.equal(plain(device.root('upgraded-root')), plain(join(publisher.module, '42', 'root')))
}

test('a release of another key is refused, and both keys are named', async () => {
  const device = deviceOn41([url('honest')], { keys: makeKeys().publicFile })
  await refused(device, /honest: unknown key: .* signed by key [0-9a-f]{16}; trusted are/)
})

test('a release that says something else than was signed is forged', async () => {
  const path = join(liar, 'latest')
  const text = readFileSync(path, 'latin1')
  writeFileSync(path, text.replace('version=42', 'version=43'), 'latin1')
  await refused(deviceOn41([url('liar')]), /forged/)
})

test('a release that is not a statement at all is refused', async () => {
  writeFileSync(join(liar, 'latest'), '<html>404</html>')
  await refused(deviceOn41([url('liar')]), /not a signed statement/)
})

test('a manifest that was altered by one byte is refused, and another source serves', async () => {
  alter(join(liar, '42/manifest'))
  await refused(deviceOn41([url('liar')]), /42\/manifest is not the one that was signed/)
  const device = deviceOn41([url('liar'), url('honest')])
  const { status, events } = await device.run('upgrade')
  assert.is(status, 0)
  assert.ok(events.some(({ event, text }) => event === 'note' && /trying the next/.test(text)))
  whole42(device)
})

test('a manifest that was cut short or made longer is refused', async () => {
  const path = join(liar, '42/manifest')
  const content = readFileSync(path)
  const another = /42\/manifest is not the one/
  const longer = Buffer.concat([content, Buffer.alloc(100, '\n')])
  for (const [altered, message] of [
    [content.subarray(0, -100), another],
    [longer, /endless data: .*42\/manifest has more than the [0-9]+ bytes/],
    [Buffer.alloc(0), another],
  ] as const) {
    writeFileSync(path, altered)
    await refused(deviceOn41([url('liar')]), message)
  }
})

for (const [kind, scheme] of [
  ['rsync', () => url('liar')],
  ['folder', () => `file://${liar}`],
] as const) {
  test(`files that were altered after signing are named, from a ${kind}, and healed`, async () => {
    alter(join(liar, '42/root', FRESH))
    alter(join(liar, '42/root/etc/release'))
    const device = deviceOn41([scheme()])
    await refused(device, /sent 2 files that .* does not allow, the first etc\/release/)
    // The rest was kept: only what was bad is fetched again.
    device.options.sources.splice(0, 1, url('honest'))
    device.configure({})
    assert.is((await device.succeed('upgrade')).fetchedFiles, 2)
    whole42(device)
  })
}

test('altered files are healed from the next source in the same run', async () => {
  alter(join(liar, '42/root', FRESH))
  const device = deviceOn41([url('liar'), url('honest')])
  const { fetchedFiles } = await device.succeed('upgrade')
  assert.is(fetchedFiles, 1)
  whole42(device)
})

test('a file that grew or shrank on the server is refused', async () => {
  for (const altered of ['', '42\nand more', '4']) {
    writeFileSync(join(liar, '42/root/etc/release'), altered)
    await refused(deviceOn41([url('liar')]), /etc\/release/)
  }
})

test('a file that is missing on the server is not an attack, but nothing is committed', async () => {
  rmSync(join(liar, '42/root', FRESH))
  const device = deviceOn41([url('liar')])
  const error = await device.fail('upgrade', 69, 'PeerError')
  assert.match(error.message, new RegExp(`lacks one file of this version, the first ${FRESH}`))
  assert.not.ok(existsSync(join(device.store, 'upgraded-root')))
})

test('an older release, replayed as the latest, is not taken', async () => {
  const device = deviceOn41([url('honest')])
  await device.succeed('upgrade')
  await device.succeed('swap')
  copyFileSync(join(liar, '41/release'), join(liar, 'latest'))
  device.options.sources.splice(0, 1, url('liar'))
  device.configure({})
  const { result, events } = await device.run('upgrade')
  assert.is(result.outcome, 'up-to-date')
  assert.is(result.version, 42)
  assert.ok(events.some(({ text }) => /is behind: its latest is 41/.test(text)))

  // After a roll-back 41 runs, and still nothing below 42 is accepted, but 42 itself.
  await device.succeed('roll-back')
  assert.is((await device.succeed('upgrade')).outcome, 'up-to-date')
})

test('a version below the floor is taken by the hand of the operator only', async () => {
  const own = new Publisher()
  for (const version of [1, 2, 3]) own.publish(version, smallImage(version))
  const device = new Device({ sources: [`file://${own.module}`], keys: own.keys.publicFile })
  await device.succeed('install')
  for (const words of [
    ['--version', '2'],
    ['--version', '1'],
  ]) {
    const error = await device.fail('upgrade', 65, 'TrustError', words)
    assert.match(error.message, /rollback: version \d is older than version 3/)
  }
  const down = await device.succeed('upgrade', ['--version', '2', '--allow-downgrade'])
  assert.is(down.outcome, 'staged')
  await device.succeed('swap')
  await device.succeed('confirm', ['--force'])
  const { running, floor, previous } = await device.succeed('status')
  assert.equal([running, previous, floor], [2, 3, 3])
  assert.is(readFileSync(join(device.root(), 'etc/release'), 'utf8'), '2\n')
  // The floor holds for what lies between, too.
  await device.fail('upgrade', 65, 'TrustError', ['--version', '1'])
  assert.is((await device.succeed('upgrade')).version, 3)
})

test('a release given out under another number is refused', async () => {
  copyFileSync(join(liar, '42/release'), join(liar, '41/release'))
  rmSync(join(liar, 'latest'))
  const device = deviceOn41([url('liar')])
  await refused(device, /gave version 42 out as 41/, ['--version', '41'])
  // The one that is already running, too.
  copyFileSync(join(honest, '41/release'), join(liar, '42/release'))
  await refused(device, /gave version 41 out as 42/, ['--version', '42'])
})

test('a release for other hardware, for another deployment, or expired, is refused', async () => {
  const own = new Publisher()
  own.publish(1, smallImage(1))
  own.publish(2, smallImage(2), { hardware: 'xo-4' })
  own.publish(3, smallImage(3), { deployment: 'peru' })
  const past = { issued: '2020-01-01T00:00:00Z', expires: '2021-01-01T00:00:00Z' }
  own.publish(4, smallImage(4), past)
  own.publish(6, smallImage(6), { jumpFrom: 5 })
  const device = new Device({
    sources: [`file://${own.module}`],
    keys: own.keys.publicFile,
    configuration: { device: { hardware: 'xo-1', deployment: 'nepal' } },
  })
  await device.succeed('install', ['--version', '1'])
  const cases: [string, RegExp][] = [
    ['2', /wrong hardware: version 2 is for "xo-4", this is "xo-1"/],
    ['3', /wrong deployment: version 3 is for "peru", this belongs to "nepal"/],
    ['6', /jump too far: version 6 can follow version 5/],
    // By the date of version 6, which was proved and is not taken.
    ['4', /freeze: version 4 expired at 2021-01-01T00:00:00Z/],
  ]
  for (const [version, message] of cases) {
    const error = await device.fail('upgrade', 65, 'TrustError', ['--version', version])
    assert.match(error.message, message, error.message)
  }
  device.configure({ device: { hardware: 'xo-4', deployment: 'nepal' } })
  assert.is((await device.succeed('upgrade', ['--version', '2'])).outcome, 'staged')
})

test('verify finds damage, lists it, and ends with status 1', async () => {
  const device = deviceOn41([url('honest')])
  alter(join(device.root(), SAME))
  rmSync(join(device.root(), 'etc/release'))
  const { status, result } = await device.run('verify', ['--full'])
  assert.is(status, 1)
  assert.equal(
    result.damage.map((one: { path: string; what: string }) => `${one.path} ${one.what}`).sort(),
    ['etc time', 'etc/release missing', `${SAME} sha256digest`, `${SAME} time`],
  )
  alter(join(device.store, 'fakeroot', 'manifest'))
  await device.fail('verify', 65, 'TrustError')
  alter(join(device.store, 'fakeroot', 'release'))
  await device.fail('verify', 65, 'TrustError')
})

test.run()
