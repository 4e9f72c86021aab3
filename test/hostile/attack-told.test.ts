/**
 * An attack has a name, and is reported: in the state record and to home, even if another source made up
 * for it.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { attackIn } from '../../src/attacks.ts'
import { callHome } from '../../src/call-home/call-home.ts'
import { parseHttpUrl } from '../../src/call-home/http-post.ts'
import { recordReply } from '../../src/call-home/lock.ts'
import { makeKeyPair, readPublicKey, readSecretKey } from '../../src/release/signify.ts'
import { changeState, readState } from '../../src/store/state.ts'
import { deadline } from '../support/deadline.ts'
import { HomeServer, replying } from '../support/home-server.ts'
import { nodeHost } from '../support/host.ts'
import { image41, image42 } from '../support/image.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { copyTree } from '../support/tree.ts'

const publisher = new Publisher()
publisher.publish(41, image41())
publisher.publish(42, image42())

const alter = (path: string) => {
  const content = readFileSync(path)
  content[content.length >> 1] = (content[content.length >> 1] ?? 0) ^ 1
  writeFileSync(path, content)
}

/** Each alteration of a mirror, with the name by which it must be reported. */
const ALTERATIONS: [string, (module: string) => void, number?][] = [
  ['altered', (module) => alter(join(module, '42/manifest'))],
  ['altered', (module) => alter(join(module, '42/root/etc/release'))],
  ['endless data', (module) => writeFileSync(join(module, 'latest'), 'x'.repeat(1e6))],
  ['given out as another', (module) => copyRelease(module, 41, 42), 42],
  [
    'forged',
    (module) => {
      const text = readFileSync(join(module, 'latest'), 'latin1')
      writeFileSync(join(module, 'latest'), text.replace('version=42', 'version=43'), 'latin1')
    },
  ],
]

const copyRelease = (module: string, from: number, to: number) =>
  copyFileSync(join(module, `${from}/release`), join(module, `${to}/release`))

for (const [name, change, version] of ALTERATIONS) {
  test(`${name}: told after the next source has healed it`, async () => {
    const liar = join(scratch('liar'), 'xo')
    copyTree(publisher.module, liar)
    const path = newStorePath()
    await bring('install', path, publisher, { change: { version: 41 } })
    change(liar)
    const urls = [`file://${liar}`, `file://${publisher.module}`]
    const result = await bring('upgrade', path, publisher, { urls, change: { version } })
    assert.is(result.version, 42)
    const { attack } = await withStore(path, readState)
    assert.is(attack?.name, name)
    assert.match(attack?.message ?? '', liar)
    assert.is(attack?.told, false)
  })
}

test('home is told of it once, before the code of what went wrong since', async () => {
  const host = nodeHost()
  const pair = makeKeyPair(host, 'home')
  const home = await HomeServer.start(replying(readSecretKey(host, pair.secretFile), {}))
  const path = newStorePath()
  await bring('install', path, publisher)
  await withStore(path, async (store) => {
    const last = { time: 'then', outcome: 'SystemError', message: 'write: no room (ENOSPC)' }
    const attack = { name: 'altered', time: 'then', message: 'altered: x', told: false }
    changeState(store, { last, attack })
    const server = {
      address: parseHttpUrl(home.url),
      keys: [readPublicKey(host, pair.publicFile)],
      timeoutMs: 5000,
    }
    const laptop = { serial: 'SHC1', hardware: 'any', deployment: 'any', installed: 41 }
    for (const code of ['altered', 'ENOSPC']) {
      const reply = await deadline(callHome(host, server, laptop, readState(store)))
      assert.is(home.questions.at(-1)?.code, code)
      recordReply(store, reply)
      assert.is(readState(store).attack?.told, true)
    }
  })
  await home.stop()
})

test('a message is named by the attack that it names first, and not by a peer’s own words', () => {
  assert.is(attackIn('rollback: version 41 is older'), 'rollback')
  assert.is(
    attackIn('rsync://x:873/xo: freeze: version 41 expired; it said: rollback: x'),
    'freeze',
  )
  assert.is(attackIn('rsync://x:873/xo: slow: 3 useful bytes per second'), 'slow')
  assert.is(attackIn('rsync://slow:873/xo has no latest'), undefined)
  assert.is(attackIn('the disk is altered'), undefined)
})

test.run()
