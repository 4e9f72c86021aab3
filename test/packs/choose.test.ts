/** The one decision: pack, chain, whole image, or file by file. */

import * as assert from 'uvu/assert'
import {
  chooseWay,
  INSTALL_RATIO,
  MANIFEST_RATIO,
  type Situation,
  UPGRADE_RATIO,
} from '../../src/packs/choose.ts'
import { CHAIN_MAX } from '../../src/release/pack-ways.ts'
import { nameOfPack, type Pack } from '../../src/release/packs.ts'
import { test } from '../support/suite.ts'

const pack = (from: number, to: number, size: number, changedBytes: number): Pack => {
  return { from, to, size, changedBytes, digest: 'cd'.repeat(32) }
}

const STEP = pack(41, 42, 1_900_000, 131_200_000)
const WHOLE = pack(0, 42, 300_000_000, 1_450_000_000)

const situation = (given: Partial<Situation>): Situation => ({
  running: 41,
  target: { version: 42, imageBytes: 1_450_000_000, manifestSize: 8_500_000 },
  packs: [STEP, WHOLE],
  kept: () => 0,
  missingBytes: undefined,
  room: 1e9,
  ...given,
})

const names = (given: Partial<Situation>) =>
  chooseWay(situation(given)).packs.map(nameOfPack).join(' ')

test('a pack that is smaller than the files is taken, and both are named with their bytes', () => {
  const choice = chooseWay(situation({}))
  assert.is(choice.way, 'pack')
  assert.equal(choice.packs, [STEP])
  assert.is(choice.bytes, STEP.size)
  assert.is(choice.reason, '41-42 has 1.9 MB; about 29.0 MB file by file')
})

test('the estimate is the changed content and the manifest, by their ratios', () => {
  const bytes = Math.round(131_200_000 * UPGRADE_RATIO + 8_500_000 * MANIFEST_RATIO)
  const even = { ...STEP, size: bytes }
  assert.is(chooseWay(situation({ packs: [even] })).way, 'pack')
  const choice = chooseWay(situation({ packs: [{ ...even, size: bytes + 1 }] }))
  assert.is(choice.way, 'files')
  assert.is(choice.bytes, bytes)
  assert.match(choice.reason, /fewer than/)
})

test('where the manifest is here, what is missing counts, and not what was counted for all', () => {
  const choice = chooseWay(situation({ missingBytes: 1_000_000 }))
  assert.is(choice.way, 'files')
  assert.is(choice.bytes, Math.round(1_000_000 * UPGRADE_RATIO))
})

test('what lies here of a pack need not come again', () => {
  const large = { ...STEP, size: 40_000_000 }
  assert.is(chooseWay(situation({ packs: [large] })).way, 'files')
  const kept = chooseWay(situation({ packs: [large], kept: () => 38_000_000 }))
  assert.is(kept.way, 'pack')
  assert.is(kept.bytes, 2_000_000)
  assert.is(chooseWay(situation({ packs: [large], kept: () => 50_000_000 })).bytes, 0)
})

test('a chain goes before a direct pack where its sum is smaller', () => {
  const steps = [pack(40, 41, 1_000_000, 50e6), pack(41, 42, 1_000_000, 50e6)]
  const direct = pack(40, 42, 2_500_000, 80e6)
  const choice = chooseWay(situation({ running: 40, packs: [...steps, direct] }))
  assert.is(choice.way, 'chain')
  assert.equal(choice.packs, steps)
  assert.is(choice.bytes, 2_000_000)
  const smaller = { ...direct, size: 1_900_000 }
  assert.is(names({ running: 40, packs: [...steps, smaller] }), '40-42')
})

test('a chain has at most as many steps as it may have', () => {
  const steps = (count: number) =>
    Array.from({ length: count }, (_, at) => pack(42 - count + at, 43 - count + at, 1000, 1e6))
  assert.is(chooseWay(situation({ running: 42 - CHAIN_MAX, packs: steps(CHAIN_MAX) })).way, 'chain')
  const running = 41 - CHAIN_MAX
  assert.is(chooseWay(situation({ running, packs: steps(CHAIN_MAX + 1) })).way, 'files')
})

test('a chain leads to the version that is wanted, and not past it', () => {
  const past = [pack(41, 43, 10, 10), pack(43, 44, 10, 10)]
  assert.is(names({ packs: [...past, STEP] }), '41-42')
})

test('who has nothing takes the whole image, and never a step', () => {
  assert.is(chooseWay(situation({ running: 0 })).way, 'whole')
  assert.is(names({ running: 0 }), '0-42')
  const choice = chooseWay(situation({ running: 0, packs: [STEP, pack(0, 41, 5, 5)] }))
  assert.is(choice.way, 'files')
  assert.is(choice.reason, 'there is no pack of the whole image')
  const large = { ...WHOLE, size: Math.round(1_450_000_000 * (INSTALL_RATIO + 0.01)) }
  assert.is(chooseWay(situation({ running: 0, packs: [large] })).way, 'files')
})

test('the whole image goes before the files of a version that no pack leads away from', () => {
  assert.is(names({ running: 7 }), '0-42')
  const choice = chooseWay(situation({ running: 7, missingBytes: 131_200_000 }))
  assert.is(choice.way, 'files')
})

test('a pack that the disk has no room for is not taken', () => {
  assert.is(chooseWay(situation({ room: STEP.size })).way, 'pack')
  const choice = chooseWay(situation({ room: STEP.size - 1 }))
  assert.is(choice.way, 'files')
  assert.match(choice.reason, /no room for 1.9 MB of packs/)
})

test.run()
