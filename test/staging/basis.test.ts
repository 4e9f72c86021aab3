/**
 * What a file that must be fetched is compared with: what came of it before, or what the disk has that is
 * like it.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { PeerError } from '../../src/errors.ts'
import type { Path } from '../../src/host.ts'
import { openSource } from '../../src/source/open-source.ts'
import type { Source } from '../../src/source/source.ts'
import { Counterparts } from '../../src/staging/counterpart.ts'
import { Store } from '../../src/store/store.ts'
import type { WantedFile } from '../../src/wanted-file.ts'
import { nodeHost } from '../support/host.ts'
import { BIG, BIG_SIZE, image41, image42 } from '../support/image.ts'
import { bring, newStorePath, sourceOptions } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()
const { files } = host
const publisher = new Publisher()

test.before(() => {
  publisher.publish(41, image41())
  publisher.publish(42, image42())
})

/** Upgrades from a folder that calls `meet` with each file that it is asked for. */
async function upgrade(path: string, meet: (wanted: WantedFile) => void) {
  const store = Store.open(host, path, false)
  const folder = openSource(host, `file://${publisher.module}`, sourceOptions(host, store))
  const source: Source = {
    name: folder.name,
    statement: (version) => folder.statement(version),
    manifest: (version, wanted) => folder.manifest(version, wanted),
    content: (version, asked) =>
      folder.content(version, {
        ...asked,
        *wanted() {
          for (const wanted of asked.wanted()) {
            meet(wanted)
            yield wanted
          }
        },
      }),
    close: () => folder.close(),
  }
  try {
    return await bring('upgrade', path, publisher, { sources: [source] })
  } finally {
    store.close()
  }
}

for (const [part, basis] of [
  [0.25, 'the older file'],
  [0.75, 'what had come'],
] as const) {
  test(`of a file of which ${part * 100} % had come, the basis is ${basis}`, async () => {
    const path = newStorePath()
    await bring('install', path, publisher, { change: { version: 41 } })
    const came = BIG_SIZE * part
    const breaking = (wanted: WantedFile) => {
      if (wanted.name !== BIG) return
      files.write(wanted.target(), new Uint8Array(came), 0, came)
      throw new PeerError('the line went dead', 'broken')
    }
    await rejects(upgrade(path, breaking), /went dead/)
    let size: number | undefined
    const { outcome } = await upgrade(path, (wanted) => {
      if (wanted.name === BIG) size = wanted.basis?.size
    })
    assert.is(outcome, 'staged')
    assert.is(size, part < 0.5 ? BIG_SIZE : came)
  })
}

test('the counterpart of a file: its own path, else the newest one that differs in its version alone', () => {
  const root = scratch('live')
  const names = [
    'lib/libx.so.1.2',
    'lib/libx.so.1.4',
    'lib/liby.so.1.2',
    'modules/6.1.0-40/a.ko',
    'modules/6.1.0-41/a.ko',
    'modules/6.1.0-41/b.ko',
    'plain',
  ]
  for (const name of names) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), '')
  }
  const live = files.openRoot(root)
  const counterparts = new Counterparts(files, live)
  const expected: [Path, Path | undefined][] = [
    ['lib/libx.so.1.2', 'lib/libx.so.1.2'],
    ['lib/libx.so.1.5', 'lib/libx.so.1.4'],
    ['lib/libz.so.1.2', undefined],
    ['modules/6.1.0-42/a.ko', 'modules/6.1.0-41/a.ko'],
    ['modules/6.1.0-42/c.ko', undefined],
    ['plain', 'plain'],
    ['plain/below', undefined],
    ['nowhere/a', undefined],
  ]
  for (const [path, found] of expected) assert.is(counterparts.find(path), found, path)
  files.close(live)
})

test.run()
