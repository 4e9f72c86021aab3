/** The trial of a tree: what counts its boots, what ends it, and what must wait for its end. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { BusyError } from '../../src/errors.ts'
import { changeState, readState } from '../../src/store/state.ts'
import type { Store } from '../../src/store/store.ts'
import { rollBack, swap } from '../../src/store/swap.ts'
import { checkSettled, confirm, countBoot, forgive, trialOf } from '../../src/store/trial.ts'
import { withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { copyOfStore, waitingStore } from '../support/stores.ts'
import { test } from '../support/suite.ts'

const publisher = new Publisher()
/** 1 runs and 2 waits. */
let waiting: string

test.before(async () => {
  waiting = await waitingStore(publisher)
})

/** 2 was swapped in over 1, and is on trial. */
function onTrial(use: (store: Store) => void): Promise<void> {
  return withStore(copyOfStore(waiting), (store) => {
    swap(store)
    use(store)
  })
}

test('a roll-back ends the trial, and holds no boot of it against the tree that runs again', () =>
  onTrial((store) => {
    assert.equal([countBoot(store), countBoot(store), countBoot(store)], [1, 2, 3])
    rollBack(store, { bad: 2 })
    const { trial, boots, bad } = readState(store)
    assert.equal([trial, boots, bad], [undefined, 0, [2]])
    assert.is(countBoot(store), 1)
  }))

test('a version that is confirmed is bad no longer, and the others stay bad', () =>
  onTrial((store) => {
    changeState(store, { bad: [7, 2, 9] })
    assert.equal(confirm(store), { version: 2, wasTrial: true })
    const { trial, confirmed, boots, bad } = readState(store)
    assert.equal([trial, confirmed, boots, bad], [undefined, 2, 0, [7, 9]])
    // Even if nothing else in the record would change.
    changeState(store, { bad: [2, 9] })
    assert.equal(confirm(store), { version: 2, wasTrial: false })
    assert.equal(readState(store).bad, [9])
  }))

test('a version that is asked for is bad no longer, and the others stay bad', () =>
  onTrial((store) => {
    changeState(store, { bad: [7, 3, 9] })
    forgive(store, 3)
    forgive(store, 8)
    assert.equal(readState(store).bad, [7, 9])
  }))

test('what is next waits for the end of a trial, which keeps the way back', () =>
  onTrial((store) => {
    assert.is(trialOf(store), 2)
    assert.throws(
      () => checkSettled(store, 'upgrade'),
      (error: unknown) =>
        error instanceof BusyError && /2 is on trial, and 1 is kept/.test(error.message),
    )
    confirm(store)
    assert.is(trialOf(store), undefined)
    checkSettled(store, 'upgrade')
  }))

test('a trial without a tree before it has no way back that anything could wait for', () =>
  onTrial((store) => {
    rmSync(join(store.path, 'previous-root'), { recursive: true })
    assert.is(trialOf(store), 2)
    checkSettled(store, 'upgrade')
  }))

test('a trial of another version than the one that runs is over', () =>
  onTrial((store) => {
    changeState(store, { trial: 3 })
    assert.is(trialOf(store), undefined)
    checkSettled(store, 'upgrade')
  }))

test.run()
