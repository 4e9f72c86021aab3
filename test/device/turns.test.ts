/**
 * A command that only waits for a source gives way to another one: at once, without losing what it had
 * staged, and it goes on afterwards. One that works on is left alone.
 */
import * as assert from 'uvu/assert'
import { givingWay, lockInTurn } from '../../src/device/turns.ts'
import { BusyError } from '../../src/errors.ts'
import { silent } from '../../src/progress.ts'
import { Store } from '../../src/store/store.ts'
import { claimTurn, GaveWayError, isTurnClaimed } from '../../src/store/turn.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { test } from '../support/suite.ts'

/** Two commands that opened the same store. Time passes only while one sleeps, which `slept` is told. */
function two(slept: (nowMs: number) => void = () => {}) {
  let nowMs = 0
  const real = nodeHost()
  const clock = {
    ...real.clock,
    monotonicMs: () => nowMs,
    async sleep(ms: number) {
      nowMs += ms
      slept(nowMs)
    },
  }
  const host = { ...real, clock }
  const path = newStorePath()
  return { first: Store.open(host, path, true), second: Store.open(host, path, false) }
}

test('who wants the trees is seen while it waits for them, and no longer', async () => {
  const seen: boolean[] = []
  const stores = two(() => seen.push(isTurnClaimed(stores.first)))
  stores.first.lock()
  assert.is(isTurnClaimed(stores.first), false)
  assert.instance(await rejects(lockInTurn(stores.second, silent, 0), /at work/), BusyError)
  assert.ok(seen.length > 0 && seen.every((claimed) => claimed))
  assert.is(isTurnClaimed(stores.first), false)
})

test('whoever gives way is begun again, once the other one is done', async () => {
  const happened: string[] = []
  const { first, second } = two((nowMs) => {
    if (nowMs === 250 || nowMs === 1250) return
    if (second.isLocked) {
      happened.push('the other is done')
      second.unlock()
    }
  })
  first.lock()
  const work = async () => {
    happened.push(`works: ${first.isLocked}`)
    if (happened.length > 1) return 'done'
    // As a session does while nothing comes.
    first.unlock()
    second.lock()
    throw new GaveWayError('another one wants it')
  }
  assert.is(await givingWay(first, silent, work), 'done')
  assert.equal(happened, ['works: true', 'the other is done', 'works: true'])
})

test('a claim by somebody who died is none, and whatever else has its name is no harm', () => {
  const { first } = two()
  const takeBack = claimTurn(first)
  takeBack()
  assert.is(isTurnClaimed(first), false)
  const { files } = first.host
  files.removeFile(first.directory, 'turn')
  files.makeDirectory(first.directory, 'turn', 0o700)
  assert.is(isTurnClaimed(first), false)
  claimTurn(first)()
  first.lock()
  assert.is(files.stat(first.directory, 'turn'), undefined)
})

test.run()
