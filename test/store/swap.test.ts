/**
 * The swap and the way back: cut before every single change, on a file system that can exchange names and
 * on one that can't, then recovered. Wherever it was cut, the device runs the old tree or the new one.
 */

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Files, Host } from '../../src/host.ts'
import { changeState, readState } from '../../src/store/state.ts'
import type { Store, TreeName } from '../../src/store/store.ts'
import { finishCutSwap, rollBack, swap } from '../../src/store/swap.ts'
import { confirm, countBoot } from '../../src/store/trial.ts'
import { Cut, cutting } from '../support/faults.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { copyFolder, copyOfStore, waitingStore } from '../support/stores.ts'
import { test } from '../support/suite.ts'

/** A cut is modelled by what was changed, so nothing has to reach the disk. */
const { files } = nodeHost()
const plain: Host = { ...nodeHost(), files: { ...files, sync() {}, syncFileSystem() {} } }
/** What a file system without RENAME_EXCHANGE says. */
const refuse = () => {
  throw systemError('rename', undefined, 'EINVAL')
}
const HOSTS: [string, Host][] = [
  ['with exchange', plain],
  ['without exchange', { ...plain, files: { ...plain.files, exchange: refuse } as Files }],
]

const publisher = new Publisher()
/** 1 runs and 2 waits; 1 runs, 2 waits and 3 ran before. */
let waiting: string
let swapped: string

test.before(async () => {
  waiting = await waitingStore(publisher)
  swapped = copyOfStore(waiting)
  await withStore(swapped, (store) => swap(store))
})

/** Versions by tree, as their releases say, and what `root` itself holds. */
function versions(store: Store): Record<string, number | undefined> {
  const of = (name: TreeName) => {
    const version = store.tree(name)?.release.version
    if (version === undefined) return undefined
    const held = readFileSync(join(store.path, name, 'root', 'etc', 'release'), 'utf8')
    assert.is(held, `${version}\n`)
    return version
  }
  return { runs: of('fakeroot'), waits: of('upgraded-root'), ran: of('previous-root') }
}

const leftovers = (store: Store) => existsSync(join(store.path, 'previous-root.swap'))

for (const [name, host] of HOSTS) {
  test(`swap and roll-back ${name}`, async () => {
    const path = copyOfStore(waiting)
    await withStore(
      path,
      (store) => {
        assert.equal(versions(store), { runs: 1, waits: 2, ran: undefined })
        assert.equal(swap(store), { source: 1, target: 2 })
        assert.equal(versions(store), { runs: 2, waits: undefined, ran: 1 })
        assert.equal(rollBack(store), { source: 2, target: 1 })
        assert.equal(versions(store), { runs: 1, waits: undefined, ran: 2 })
        assert.equal(rollBack(store), { source: 1, target: 2 })
        assert.equal(versions(store), { runs: 2, waits: undefined, ran: 1 })
        assert.is(readState(store).intent, undefined)
        assert.is(finishCutSwap(store), undefined)
        assert.is(leftovers(store), false)
      },
      host,
    )
  })

  for (const verb of ['swap', 'roll-back'] as const) {
    test(`a ${verb} ${name} that is cut before any of its changes is recovered`, async () => {
      const act = verb === 'swap' ? swap : rollBack
      const start = verb === 'swap' ? waiting : swapped
      let cuts = 0
      for (let done = false; !done; cuts++) {
        const path = copyOfStore(start)
        const { host: broken } = cutting(host.files, cuts, (files) => ({ ...host, files }))
        await withStore(
          path,
          (store) => {
            try {
              act(store)
              done = true
            } catch (error) {
              assert.instance(error, Cut)
            }
          },
          broken,
        )
        await withStore(path, (store) => afterCut(store, verb), host)
        rmSync(path, { recursive: true })
      }
      assert.ok(cuts > 6, `${cuts} changes`)
    })

    test(`a recovery of a ${verb} ${name} may be cut as well, at any change`, async () => {
      const act = verb === 'swap' ? swap : rollBack
      const start = verb === 'swap' ? waiting : swapped
      for (let first = 3; first < 9; first++) {
        for (let second = 0; second < 7; second += 2) {
          const path = copyOfStore(start)
          const cutAt = (changes: number, run: (store: Store) => void) =>
            withStore(
              path,
              (store) => {
                try {
                  run(store)
                } catch (error) {
                  assert.instance(error, Cut)
                }
              },
              cutting(host.files, changes, (files) => ({ ...host, files })).host,
            )
          await cutAt(first, (store) => void act(store))
          await cutAt(second, (store) => void finishCutSwap(store))
          await withStore(path, (store) => afterCut(store, verb), host)
          rmSync(path, { recursive: true })
        }
      }
    })
  }
}

/** Whichever tree runs, the other one is not lost: it is waiting, or it is the previous one. */
function afterCut(store: Store, verb: 'swap' | 'roll-back'): void {
  const intent = finishCutSwap(store)
  assert.is(readState(store).intent, undefined)
  assert.is(leftovers(store), false)
  const found = versions(store)
  if (verb === 'swap') {
    const old = { runs: 1, waits: 2, ran: undefined }
    const swapped = { runs: 2, waits: undefined, ran: 1 }
    assert.equal(found, intent || found.runs === 2 ? swapped : old)
  } else {
    const old = { runs: 2, waits: undefined, ran: 1 }
    const back = { runs: 1, waits: undefined, ran: 2 }
    assert.equal(found, intent || found.runs === 1 ? back : old)
  }
}

test('a swap with a tree before throws that one away, whatever is cut', async () => {
  publisher.publish(3, smallImage(3))
  const start = copyOfStore(swapped)
  await withStore(start, (store) => confirm(store))
  // Staging builds out of the previous tree, so a copy of it is put back.
  copyFolder(join(start, 'previous-root'), join(start, 'kept'))
  await bring('upgrade', start, publisher)
  copyFolder(join(start, 'kept'), join(start, 'previous-root'))
  rmSync(join(start, 'kept'), { recursive: true })
  for (let cuts = 0, done = false; !done; cuts++) {
    const path = copyOfStore(start)
    const { host: broken } = cutting(plain.files, cuts, (files) => ({ ...plain, files }))
    await withStore(
      path,
      (store) => {
        try {
          swap(store)
          done = true
        } catch (error) {
          assert.instance(error, Cut)
        }
      },
      broken,
    )
    await withStore(path, (store) => {
      if (!finishCutSwap(store) && store.tree('fakeroot')?.release.version === 2) swap(store)
      assert.equal(versions(store), { runs: 3, waits: undefined, ran: 2 })
    })
    rmSync(path, { recursive: true })
  }
})

test('a tree before of the version that runs, which was mended, is no way back, and nothing changes', async () => {
  const path = copyOfStore(swapped)
  rmSync(join(path, 'previous-root'), { recursive: true })
  copyFolder(join(path, 'fakeroot'), join(path, 'previous-root'))
  await withStore(path, (store) => {
    const before = readState(store)
    assert.throws(
      () => rollBack(store, { bad: 2 }),
      (error: unknown) => error instanceof ConfigError && /version 2 as well/.test(error.message),
    )
    assert.equal(readState(store), before)
  })
})

test('nothing to swap with, and nothing to go back to, are ConfigErrors', async () => {
  const path = newStorePath()
  const one = new Publisher()
  one.publish(1, smallImage(1))
  await bring('install', path, one)
  await withStore(path, (store) => {
    const expected = (error: unknown) => error instanceof ConfigError
    assert.throws(() => swap(store), expected)
    assert.throws(() => rollBack(store), expected)
    assert.equal(versions(store), { runs: 1, waits: undefined, ran: undefined })
  })
})

test('a new trial has all its boots, however often the version before it was started', async () => {
  const path = copyOfStore(waiting)
  await withStore(path, (store) => {
    countBoot(store)
    countBoot(store)
    swap(store)
    const { trial, boots } = readState(store)
    assert.equal({ trial, boots }, { trial: 2, boots: 0 })
  })
})

test('a version that is gone back to is not a bad one any longer, and the one that is left is', async () => {
  await withStore(copyOfStore(swapped), (store) => {
    changeState(store, { bad: [1, 7] })
    rollBack(store, { bad: 2 })
    assert.equal(readState(store).bad, [7, 2])
  })
})

test.run()
