/**
 * Trees that can't change names (the lower layer of an overlay, a flag, a mount): the swap is taken back,
 * nothing of it is left, and every other command goes on.
 */

import * as assert from 'uvu/assert'
import { type Code, systemError } from '../../runtime/emulator/disk/system-error.ts'
import { DiskError } from '../../src/errors.ts'
import type { Files, Host } from '../../src/host.ts'
import { changeState, readState } from '../../src/store/state.ts'
import { finishCutSwap, rollBack, swap } from '../../src/store/swap.ts'
import { confirm } from '../../src/store/trial.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { bring, withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { waitingStore } from '../support/stores.ts'
import { test } from '../support/suite.ts'

const base = nodeHost()

/** Refuses to move `fakeroot`, and to exchange it. */
function holding(code: Code, exchanges: boolean): Host {
  const files: Files = {
    ...base.files,
    exchange() {
      throw systemError('rename', 'fakeroot', exchanges ? code : 'EINVAL')
    },
    rename(source, sourcePath, target, targetPath) {
      if (sourcePath === 'fakeroot') throw systemError('rename', 'fakeroot', code)
      base.files.rename(source, sourcePath, target, targetPath)
    },
  }
  return nodeHost(files)
}

for (const code of ['EXDEV', 'EPERM', 'EBUSY'] as const) {
  for (const exchanges of [true, false]) {
    const how = `${exchanges ? 'exchanging' : 'renaming'} ends with ${code}`
    test(`${how}: a swap is taken back, the tree still waits, and an upgrade goes on`, async () => {
      const publisher = new Publisher()
      const path = await waitingStore(publisher)
      const host = holding(code, exchanges)
      await withStore(
        path,
        (store) => {
          assert.throws(
            () => swap(store),
            (error: unknown) => error instanceof DiskError && error.message.includes(code),
          )
          assert.is(readState(store).intent, undefined)
          assert.is(store.version('fakeroot'), 1)
          assert.is(store.version('upgraded-root'), 2)
          assert.is(finishCutSwap(store), undefined)
          confirm(store)
        },
        host,
      )
      publisher.publish(3, smallImage(3))
      assert.is((await bring('upgrade', path, publisher, { host })).version, 3)
    })
  }
}

test('an intent that a cut left is taken back as well, and its way back is kept', async () => {
  const path = await waitingStore(new Publisher())
  await withStore(path, (store) => swap(store))
  await withStore(
    path,
    (store) => {
      changeState(store, { intent: { verb: 'roll-back', source: 2, target: 1 } })
      assert.is(finishCutSwap(store), undefined)
      assert.is(readState(store).intent, undefined)
      assert.is(readState(store).trial, 2)
      assert.is(store.version('previous-root'), 1)
    },
    holding('EXDEV', true),
  )
})

test('a roll-back that is taken back holds nothing against the version that goes on running', async () => {
  const path = await waitingStore(new Publisher())
  await withStore(path, (store) => swap(store))
  await withStore(
    path,
    (store) => {
      const { last } = readState(store)
      assert.throws(() => rollBack(store, { bad: 2, reason: 'It is sick.' }), /taken back/)
      assert.equal(readState(store).bad, [])
      assert.equal(readState(store).last, last)
    },
    holding('EPERM', true),
  )
})

test.run()
