/** What a run has proved spares a second look for ten minutes: on a slow line the tree is looked at again. */
import * as assert from 'uvu/assert'
import type { Host } from '../../src/host.ts'
import { nodeHost } from '../support/host.ts'
import { bring, newStorePath } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'
import { file, folder, type Tree } from '../support/tree.ts'

const AGE_MAX_MS = 10 * 60 * 1000

/** One file of it has a new content in each version. */
const image = (version: number): Tree =>
  new Map([
    ['.', folder()],
    ['kept', file('kept')],
    ['new', file(`version ${version}`)],
  ])

/** Whether the staged tree was verified with what was proved before, where each file takes so long to come. */
async function sparedWhenEachTakes(milliseconds: number): Promise<boolean> {
  const publisher = new Publisher()
  for (const version of [1, 2]) publisher.publish(version, image(version))
  const path = newStorePath()
  await bring('install', path, publisher, { change: { version: 1 } })
  const host = nodeHost()
  let now = 0
  const spared: boolean[] = []
  const slow: Host = {
    ...host,
    clock: { ...host.clock, monotonicMs: () => now },
    delta: {
      ...host.delta,
      copyWhole(...words) {
        now += milliseconds
        return host.delta.copyWhole(...words)
      },
    },
    trees: {
      ...host.trees,
      openVerify(options) {
        spared.push(options.proof !== undefined)
        return host.trees.openVerify(options)
      },
    },
  }
  const { version } = await bring('upgrade', path, publisher, { host: slow })
  assert.is(version, 2)
  // The manifest came before anything was proved, and one file after it.
  assert.is(now, 2 * milliseconds)
  assert.is(spared.length, 1)
  return spared[0] === true
}

test('what was proved ten minutes ago is not looked at again', async () => {
  assert.is(await sparedWhenEachTakes(AGE_MAX_MS), true)
})

test('a millisecond later it is', async () => {
  assert.is(await sparedWhenEachTakes(AGE_MAX_MS + 1), false)
})

test.run()
