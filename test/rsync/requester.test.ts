/** How far a session asks ahead of the answers, and when an answer may come. */

import * as assert from 'uvu/assert'
import type { Agreement } from '../../src/rsync/negotiation.ts'
import { Outgoing } from '../../src/rsync/outgoing.ts'
import { WirePatience } from '../../src/rsync/patience.ts'
import { Requester } from '../../src/rsync/requester.ts'
import type { WantedFile } from '../../src/wanted-file.ts'
import { host } from '../support/rsync-client.ts'
import { test } from '../support/suite.ts'

const AGREED: Agreement = {
  protocol: 31,
  checksum: 'md5',
  compression: 'none',
  seed: 0,
  varintFlags: true,
  blockSums: true,
}
/** Sums of blocks that nobody reads. */
const delta: typeof host.delta = {
  ...host.delta,
  blockSums: (_basis, { strongLength }, _first, count) =>
    new Uint8Array(count * (4 + strongLength)),
}

/** Asks for files without end, each with a basis of so many bytes; 0: without one. */
function asking(basisSize: number) {
  const outgoing = new Outgoing()
  const patience = new WirePatience({ timeoutMs: 1000 })
  const find = (name: string) => ({ index: Number(name), size: 100 })
  const requester = new Requester(delta, find, { outgoing, patience }, AGREED)
  function* wanted(): Generator<WantedFile> {
    for (let index = 0; ; index++) {
      const basis = basisSize > 0 ? { fd: 0, size: basisSize } : undefined
      yield { name: `${index}`, sizeMax: 100, basis, target: () => 0, done() {} }
    }
  }
  requester.begin(wanted())
  /** Until it wants no more, with everything that it wrote sent at once. */
  const askOn = () => {
    for (let before = -1; before !== requester.asked.size; ) {
      before = requester.asked.size
      requester.produce()
      outgoing.take()
    }
  }
  return { requester, outgoing, askOn }
}

/** So many are asked for at once, and the next one when the first answer has come. */
function waitsFor({ requester, askOn }: ReturnType<typeof asking>, most: number): void {
  askOn()
  assert.is(requester.asked.size, most)
  const first = requester.awaiting(0)
  assert.ok(first)
  requester.answered(first)
  askOn()
  assert.ok(requester.asked.size === most && requester.asked.has(most))
}

test('a thousand files are asked for ahead of their answers, and one more for each that came', () => {
  waitsFor(asking(0), 1000)
})

test('as each basis is an open file, fewer wait that have one', () => {
  waitsFor(asking(1000), 250)
})

test('nothing is asked for while much of what was asked for is still to be written', () => {
  const { requester, outgoing } = asking(1_000_000)
  for (let turns = 0; turns < 100; turns++) requester.produce()
  const { queued } = outgoing
  assert.ok(queued >= 256 * 1024 && queued < 320 * 1024, `${queued} bytes`)
  assert.not.ok(requester.ready)
})

test('an answer may come when its request has gone out to the last block sum, and not before', () => {
  const { requester, outgoing } = asking(300_000_000)
  assert.ok(requester.produce(), 'a long basis is summed in pieces')
  assert.is(requester.asked.size, 1)
  assert.is(requester.awaiting(0), undefined)
  while (requester.asked.size === 1) {
    requester.produce()
    outgoing.take()
  }
  assert.ok(requester.awaiting(0))
  assert.is(requester.awaiting(1), undefined)
})

test.run()
