/** The step of an early boot that sets the clock: forward to what was signed, on a machine of its own. */

import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import type { Boot } from '../../src/boot/boot.ts'
import { STEPS } from '../../src/boot/steps.ts'
import { changeState, type ReleaseDate } from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { test } from '../support/suite.ts'

const SIGNED_SECONDS = 1_700_000_000
const step = STEPS.find(({ name }) => name === 'clock')

interface Machine {
  wallSeconds: number
  ownsMachine?: boolean
  /** The kernel takes no new time. */
  refuses?: boolean
  /** The newest time that was signed; undefined: there is no store. */
  signedSeconds?: number | undefined
  newestRelease?: ReleaseDate
}

/** Runs the step; what the clock was set to, and what the console showed. */
async function run(machine: Machine) {
  const { wallSeconds, ownsMachine = true, refuses = false } = machine
  const { signedSeconds = SIGNED_SECONDS } = machine
  const plain = nodeHost()
  const set: number[] = []
  const setWallClock = (seconds: number) => {
    if (refuses) throw systemError('clock_settime', undefined, 'EPERM')
    set.push(seconds)
  }
  const host = {
    ...plain,
    clock: { ...plain.clock, wallSeconds: () => wallSeconds },
    system: { ...plain.system, setWallClock },
  }
  const hasStore = !('signedSeconds' in machine) || machine.signedSeconds !== undefined
  const store = hasStore ? Store.open(host, newStorePath(), true) : undefined
  const { newestRelease } = machine
  if (store) changeState(store, { trustedSeconds: signedSeconds, newestRelease })
  const shown: string[] = []
  const console = { line: (text: string) => void shown.push(text) }
  await step?.run({ host, ownsMachine, console, store } as unknown as Boot)
  store?.close()
  return { set, shown }
}

test('it comes after the store was opened, which says what was signed', () => {
  const names = STEPS.map(({ name }) => name)
  assert.ok(names.includes('clock'))
  assert.ok(names.indexOf('clock') > names.indexOf('store'))
})

test('a clock that is behind is set to the newest signed time, and that is told', async () => {
  for (const wallSeconds of [0, SIGNED_SECONDS - 1]) {
    const { set, shown } = await run({ wallSeconds })
    assert.equal(set, [SIGNED_SECONDS])
    assert.match(shown.join('\n'), /The clock was behind/)
  }
})

test('what home said last goes before the date of a release, which may be wrong', async () => {
  const newestRelease = { version: 42, issued: SIGNED_SECONDS + 1e8 }
  const first = await run({ wallSeconds: 0, newestRelease })
  assert.equal(first.set, [SIGNED_SECONDS])
  const { set } = await run({ wallSeconds: 0, signedSeconds: 0, newestRelease })
  assert.equal(set, [SIGNED_SECONDS + 1e8])
})

test('a clock that is not behind is left alone', async () => {
  for (const wallSeconds of [SIGNED_SECONDS, SIGNED_SECONDS + 1e9]) {
    assert.equal(await run({ wallSeconds }), { set: [], shown: [] })
  }
})

test('without a store nothing is known, and nothing is set', async () => {
  assert.equal(await run({ wallSeconds: 0, signedSeconds: undefined }), { set: [], shown: [] })
})

test("a machine that is somebody else's keeps its clock", async () => {
  assert.equal(await run({ wallSeconds: 0, ownsMachine: false }), { set: [], shown: [] })
})

test('a kernel that refuses is no trouble, and nothing is claimed', async () => {
  assert.equal(await run({ wallSeconds: 0, refuses: true }), { set: [], shown: [] })
})

test.run()
