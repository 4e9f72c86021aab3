/** Which release is taken of what a source offers, and what the device remembers of it. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { DeadlineError, PeerError, TrustError } from '../../src/errors.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { extendChain } from '../../src/release/keys.ts'
import { readRelease } from '../../src/release/release.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { openSource } from '../../src/source/open-source.ts'
import type { Neighbours } from '../../src/source/search.ts'
import { changeState, readState } from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { bring, newStorePath, sourceOptions, withStore } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'

const ISSUED = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z']
const seconds = (instant = '') => Date.parse(instant) / 1000

/** A device with version 1, and a publisher that has 2 as well. */
async function onVersion1() {
  const publisher = new Publisher()
  publisher.publish(1, smallImage(1), { issued: ISSUED[0] })
  const path = newStorePath()
  await bring('install', path, publisher)
  publisher.publish(2, smallImage(2), { issued: ISSUED[1] })
  return {
    publisher,
    path,
    upgrade: (change = {}) => bring('upgrade', path, publisher, { change }),
  }
}

test('the date of a release that is for this device is remembered, also where nothing comes of it', async () => {
  const { publisher, path, upgrade } = await onVersion1()
  const newest = () => withStore(path, (store) => readState(store).newestRelease?.issued)
  assert.is(await newest(), seconds(ISSUED[0]))
  publisher.publish(3, smallImage(3), { issued: ISSUED[1], hardware: 'another machine' })
  await rejects(upgrade(), /wrong hardware/)
  assert.is(await newest(), seconds(ISSUED[0]))
  publisher.publish(4, smallImage(4), { issued: ISSUED[1], jumpFrom: 3 })
  await rejects(upgrade({ version: 4 }), /jump too far/)
  assert.is(await newest(), seconds(ISSUED[1]))
  // An old one does not take it back, and no release is the word of home.
  await upgrade({ version: 2 })
  assert.is(await newest(), seconds(ISSUED[1]))
  await withStore(path, (store) => assert.is(readState(store).trustedSeconds, 0))
})

test('one release dated eight years ahead holds up no later one that expires before that', async () => {
  const { publisher, upgrade } = await onVersion1()
  publisher.publish(3, smallImage(3), { issued: '2034-01-01T00:00:00Z' })
  assert.is((await upgrade()).version, 3)
  publisher.publish(4, smallImage(4), {
    issued: '2026-03-01T00:00:00Z',
    expires: '2027-03-01T00:00:00Z',
  })
  assert.is((await upgrade()).version, 4)
})

test('attack: a newer or an older release under the name of the version that was asked for', async () => {
  const { publisher, path, upgrade } = await onVersion1()
  publisher.publish(3, smallImage(3))
  const statement = (version: number) => join(publisher.module, String(version), 'release')
  const real = readFileSync(statement(2))
  for (const other of [1, 3]) {
    copyFileSync(statement(other), statement(2))
    const error = await rejects(
      upgrade({ version: 2 }),
      new RegExp(`gave version ${other} out as 2`),
    )
    assert.instance(error, TrustError)
  }
  writeFileSync(statement(2), real)
  assert.is((await upgrade({ version: 2 })).version, 2)
  await withStore(path, (store) => assert.is(store.version('upgraded-root'), 2))
})

test('a source whose time ran out over its keys is not waited for a second time', async () => {
  const { publisher, path } = await onVersion1()
  const host = nodeHost()
  const store = Store.open(host, path, false)
  const open = (name: string) => {
    const source = openSource(host, `file://${publisher.module}`, sourceOptions(host, store))
    return Object.assign(source, { name })
  }
  const asked: string[] = []
  const slow = Object.assign(open('slow'), {
    keys: async () => {
      asked.push('keys')
      throw new DeadlineError('slow: no byte for 60 s')
    },
    manifest: async () => void asked.push('manifest'),
  })
  const result = await bring('upgrade', path, publisher, { sources: [slow, open('good')] })
  store.close()
  assert.equal([result.version, result.source, asked], [2, 'good', ['keys']])
})

test('a neighbour that says there is nothing newer keeps nobody behind', async () => {
  const { publisher, path } = await onVersion1()
  const host = nodeHost()
  const store = Store.open(host, path, false)
  const behind = new Publisher()
  const open = (name: string, more: object, module = publisher.module) =>
    Object.assign(openSource(host, `file://${module}`, sourceOptions(host, store)), {
      name,
      ...more,
    })
  const asked: string[] = []
  const away = async () => {
    throw new PeerError('the school server is away', 'away')
  }
  const old = {
    role: 'neighbour',
    statement: async () => readFileSync(join(behind.module, 'latest')),
  }
  copyFileSync(join(publisher.module, '1/release'), join(behind.module, 'latest'))
  const neighbours: Neighbours = {
    peers: 'before-school',
    async find({ version, running }) {
      asked.push(`${version} over ${running}`)
      return [open('neighbour x', old)]
    },
  }
  const sources = [open('school', { role: 'school', statement: away }), open('upstream', {})]
  const result = await bring('upgrade', path, publisher, { sources, change: { neighbours } })
  store.close()
  assert.equal([result.version, result.source, result.origin], [2, 'upstream', 'stick'])
  assert.equal(asked, ['undefined over 1'])
})

test('a version that the school server has comes from a neighbour, its manifest and all', async () => {
  const { publisher, path } = await onVersion1()
  const host = nodeHost()
  const store = Store.open(host, path, false)
  const open = (name: string, more: object) =>
    Object.assign(openSource(host, `file://${publisher.module}`, sourceOptions(host, store)), {
      name,
      ...more,
    })
  const wishes: object[] = []
  const neighbours: Neighbours = {
    peers: 'before-school',
    async find(wish) {
      wishes.push(wish)
      return [open('neighbour x', { role: 'neighbour', isFolder: false })]
    },
  }
  const refuse = async () => {
    throw new PeerError('more was asked of the school server than the statement', 'refused')
  }
  const school = open('school', { role: 'school', manifest: refuse, content: refuse })
  const change = { sources: [school], change: { neighbours } }
  const result = await bring('upgrade', path, publisher, change)
  store.close()
  assert.equal([result.version, result.source, result.origin], [2, 'neighbour x', 'neighbour'])
  assert.equal(wishes, [{ version: 2, running: 1 }])
})

test('a version that is known as bad is skipped, and said to be; by its number it is taken', async () => {
  const { path, upgrade } = await onVersion1()
  await withStore(path, (store) => changeState(store, { bad: [2] }))
  const unasked = await upgrade()
  assert.is(unasked.outcome, 'up-to-date')
  assert.is(unasked.skipped, 2)
  const asked = await upgrade({ version: 2 })
  assert.is(asked.outcome, 'staged')
  await withStore(path, (store) => assert.equal(readState(store).bad, []))
})

test('what waits and was signed by a key that was revoked since is brought again', async () => {
  const { publisher, path, upgrade } = await onVersion1()
  await upgrade()
  const next = new Publisher()
  const load = (file: string) => loadSecretKey(publisher.host, file)
  const own = load(publisher.keys.secretFile)
  const { chain } = extendChain(
    new Uint8Array(0),
    {
      role: 'release',
      issued: seconds(ISSUED[1]),
      next: [publicKeyOf(load(next.keys.secretFile))],
      revoked: [publicKeyOf(own)],
    },
    own,
  )
  writeFileSync(join(next.module, 'keys'), chain)
  // The very same tree, signed by the next key.
  next.publish(2, smallImage(2), { issued: ISSUED[1] })
  const urls = [`file://${next.module}`]
  const waiting = () => readFileSync(join(path, 'upgraded-root', 'release'))
  const before = readRelease(waiting())
  assert.is((await bring('upgrade', path, publisher, { urls })).outcome, 'staged')
  assert.is(readRelease(waiting()).manifestDigest, before.manifestDigest)
  assert.equal(waiting(), readFileSync(join(next.module, '2', 'release')))
  assert.is((await bring('upgrade', path, publisher, { urls })).outcome, 'waiting')
})

test.run()
