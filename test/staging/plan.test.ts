/** Whether there is room for what an upgrade will take: to the byte, and to the inode. */
import * as assert from 'uvu/assert'
import { SpaceError } from '../../src/errors.ts'
import type { Host } from '../../src/host.ts'
import { checkSpace, type StagePlan } from '../../src/staging/plan.ts'
import { test } from '../support/suite.ts'

const BLOCK = 4096
/** Of a linked entry, in its directory (bytes). */
const NAME = 128
/** Of content, in the blocks that say where it is (bytes). */
const index = (bytes: number) => Math.ceil(bytes / 256)
const NOTHING: StagePlan = {
  ...{ files: 0, bytes: 0, copied: 0, copiedBytes: 0 },
  ...{ linked: 0, linkedBytes: 0, made: 0, pathsLength: 0 },
}

/** Throws if a disk with so much left has no room for it. */
function check(
  left: { bytes: number; inodes?: number },
  plan: Partial<StagePlan>,
  reserveBytes = 0,
) {
  const space = () => ({ inodes: 1e6, blockSize: BLOCK, ...left })
  checkSpace({ files: { space } } as unknown as Host, 7, { ...NOTHING, ...plan }, reserveBytes)
}

const lacks = (use: () => void): SpaceError => {
  try {
    use()
  } catch (error) {
    assert.instance(error, SpaceError)
    return error as SpaceError
  }
  throw new Error('it has room')
}

for (const [what, plan, reserveBytes, neededBytes] of [
  [
    'what is fetched, and a block for each file',
    { files: 2, bytes: 10_000 },
    0,
    10_000 + index(10_000) + 2 * BLOCK,
  ],
  ['what is copied', { copied: 1, copiedBytes: 5_000 }, 0, 5_000 + index(5_000) + BLOCK],
  ['folders and devices', { made: 3 }, 0, 3 * BLOCK],
  ['names of linked files', { linked: 10 }, 0, 10 * NAME],
  ['what has to stay free', {}, 1_000_000, 1_000_000],
  [
    'all of it',
    { files: 1, bytes: 1, copied: 1, copiedBytes: 2, made: 1, linked: 1 },
    3,
    6 + index(3) + NAME + 3 * BLOCK,
  ],
] as [string, Partial<StagePlan>, number, number][]) {
  test(`bytes are counted of ${what}`, () => {
    check({ bytes: neededBytes }, plan, reserveBytes)
    const error = lacks(() => check({ bytes: neededBytes - 1 }, plan, reserveBytes))
    assert.is(error.missingBytes, 1)
  })
}

test('what is linked takes no inode, everything else one', () => {
  const plan = { files: 2, copied: 3, made: 4, linked: 50 }
  check({ bytes: 1e9, inodes: 9 }, plan)
  assert.match(lacks(() => check({ bytes: 1e9, inodes: 8 }, plan)).message, /9 inodes.* 8 left/)
})

test.run()
