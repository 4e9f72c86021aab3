/**
 * One round of a device, in this process: what home says and what the store remembers become a decision
 * and an outcome. test/call-home has the same with the program.
 */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Reply } from '../../src/call-home/reply.ts'
import type { RoundResult } from '../../src/daemon/daemon.ts'
import { Device } from '../../src/device/device.ts'
import { makeRound } from '../../src/device/round.ts'
import { silent } from '../../src/progress.ts'
import { makeKeyPair, readSecretKey } from '../../src/release/signify.ts'
import { changeState, readState, type State } from '../../src/store/state.ts'
import { HomeServer, replying } from '../support/home-server.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { copyTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
const pair = makeKeyPair(host, 'home')
const secret = readSecretKey(host, pair.secretFile)
const foreign = readSecretKey(host, makeKeyPair(host, 'foreign').secretFile)
const keys = scratch('keys')
const module = `file://${publisher.module}`
const only41 = join(scratch('only41'), 'xo')
const now = () => Math.floor(Date.now() / 1000)

let home: HomeServer

test.before(async () => {
  publisher.publish(41, smallImage(41))
  copyTree(publisher.module, only41)
  for (const version of [42, 43]) publisher.publish(version, smallImage(version))
  writeFileSync(join(keys, 'release.pub'), readFileSync(publisher.keys.publicFile))
  writeFileSync(join(keys, 'home.pub'), pair.publicFile)
  home = await HomeServer.start(replying(secret, {}))
})
test.after(() => home.stop())

interface Laptop {
  device: Device
  path: string
  round(hinted?: boolean): Promise<RoundResult>
  remembers(change: Partial<State>): Promise<void>
  state(): Promise<State>
  waiting(): Promise<number | undefined>
}

async function laptop(says: Partial<Reply>, more = '', installed = 41): Promise<Laptop> {
  home.script = replying(secret, says)
  const path = newStorePath()
  await bring('install', path, publisher, { change: { version: installed } })
  const file = join(scratch('round'), 'conf')
  const lines = [
    `[store]\npath = ${path}\nkeep-free-mb = 0`,
    `[device]\nserial = SHC1`,
    `[home]\nurl = ${home.url}\ntimeout-seconds = 10`,
    `[trust]\nkeys = ${keys}`,
    '[policy]\non-battery = yes',
    more,
  ]
  const sources = more.includes('[sources]')
    ? []
    : [`[sources]\npeers = off\nupstream[] = ${module}`]
  writeFileSync(file, [...lines, ...sources, ''].join('\n'))
  const device = new Device(host, silent, { configuration: file })
  return {
    device,
    path,
    round: (hinted = false) => makeRound(device, { ask: true, hinted }),
    remembers: (change) => withStore(path, (store) => changeState(store, change)),
    state: () => withStore(path, readState),
    waiting: () => withStore(path, (store) => store.version('upgraded-root')),
  }
}

test('what home says of version, interval and sources holds, its sources first', async () => {
  const named = join(scratch('named'), 'module')
  symlinkSync(publisher.module, named)
  const sources = ['carrier-pigeon://loft/xo', `file://${named}`]
  const { round } = await laptop({ version: 42, intervalSeconds: 7200, sources })
  const { outcome, answered, failed, intervalSeconds } = await round()
  assert.equal([answered, failed, intervalSeconds], [true, false, 7200], outcome)
  assert.ok(outcome.includes(`Version 42 is staged and proved, from file://${named};`), outcome)
})

test('a reply that is not to be believed fails the round, is kept by its name, and holds nothing up', async () => {
  const { round, state, waiting } = await laptop({})
  home.script = replying(foreign, { stolen: true })
  const { outcome, answered, failed } = await round()
  assert.equal([answered, failed], [false, true])
  assert.match(outcome, /^unknown key: .*Version 43 is staged/)
  assert.is(await waiting(), 43)
  assert.is((await state()).last?.outcome, 'TrustError')
})

test('sources that are waited for are left alone, but where somebody wants it now', async () => {
  const wait = { tries: 0, failures: 1, begun: now(), until: now() + 1000 }
  const patient = await laptop({ version: 42 })
  await patient.remembers({ wait })
  const { outcome, againSeconds = 0 } = await patient.round()
  assert.match(outcome, /The sources are asked again at/)
  assert.ok(againSeconds > 0 && againSeconds <= 1000, `${againSeconds}`)
  assert.is(await patient.waiting(), undefined)
  await patient.round(true)
  assert.is(await patient.waiting(), 42, 'a hint')
  const urgent = await laptop({ version: 42, priority: 'urgent' })
  await urgent.remembers({ wait })
  await urgent.round()
  assert.is(await urgent.waiting(), 42, 'what is urgent')
})

test('the newest of a source that is behind is no downgrade', async () => {
  const { round, waiting } = await laptop(
    {},
    `[sources]\npeers = off\nupstream[] = file://${only41}`,
    43,
  )
  const { outcome } = await round()
  assert.match(outcome, /Version 43 is the newest/)
  assert.is(await waiting(), undefined)
})

test('the hook of a stolen laptop runs where it is stolen, and not where its lease is over', async () => {
  const told = join(scratch('hook'), 'told')
  const hook = join(scratch('hook'), 'stolen')
  writeFileSync(hook, `#!/bin/sh\necho stolen >> ${told}\n`, { mode: 0o755 })
  const lock = `[anti-theft]\nenforce = yes\ngrace-days = 0\nstolen-hook = ${hook}`
  const { round } = await laptop({ leaseEnd: now() - 86_400 }, lock)
  const { outcome } = await round()
  assert.match(outcome, /lease/)
  assert.not(existsSync(told))
  home.script = replying(secret, { stolen: true })
  await round()
  assert.is(readFileSync(told, 'utf8'), 'stolen\n')
})

test('without an answer the interval of the last one holds, and the round has failed', async () => {
  const { round } = await laptop({ version: 41, intervalSeconds: 7200 })
  await round()
  home.script = (socket) => socket.destroy()
  const { answered, failed, intervalSeconds, outcome } = await round()
  assert.equal([answered, failed, intervalSeconds], [false, true, 7200])
  assert.match(outcome, /Version 41 runs, as the home server wants it\./)
})

test.run()
