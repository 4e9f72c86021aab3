/**
 * The power goes at random moments of an upgrade, of its commit, of the swap, of the trial and of its end:
 * QEMU is killed, and the disk loses what it had not flushed, or some of it, or nothing. After each cut the
 * same disk boots again, into a whole tree, and the laptop goes on from there; so cuts meet what earlier
 * cuts have left. The same seed gives the same moments again, as far as timing allows.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { isConfirmed, runsWhole, setUp, starts, succeeds } from './cases.ts'
import type { QemuLaptop } from './laptop.ts'
import type { Machine } from './machine.ts'
import type { Loss } from './power.ts'
import type { Stage } from './stage.ts'

interface Moment {
  name: string
  /** Brings a laptop that runs 41 to the moment; something may already be staged. */
  reach(machine: Machine, waits: boolean): Promise<void>
  /** The cut comes at any time after it, but not later (milliseconds). */
  spanMs: number
}

const UPGRADE = 'xo-upgrade upgrade --json'

async function swapBegins(machine: Machine, waits: boolean): Promise<void> {
  if (!waits) await succeeds(machine, 'upgrade')
  machine.send('reboot')
  await machine.says(/Version 42 waits/)
}

const MOMENTS: Moment[] = [
  {
    name: 'upgrade',
    spanMs: 6000,
    reach: async (machine) => machine.send(UPGRADE),
  },
  {
    name: 'commit',
    spanMs: 400,
    reach: async (machine, waits) => {
      machine.send(UPGRADE)
      if (!waits) await machine.writes(/"phase":"(verify|commit)"/)
    },
  },
  { name: 'swap', spanMs: 600, reach: swapBegins },
  {
    name: 'trial',
    spanMs: 4000,
    reach: async (machine, waits) => {
      await swapBegins(machine, waits)
      await machine.says(/42 is on trial/)
    },
  },
  {
    name: 'confirm',
    spanMs: 3000,
    reach: async (machine, waits) => {
      await swapBegins(machine, waits)
      assert.is(await machine.isUp(), 42)
    },
  },
]

const LOSSES: Loss[] = ['some', 'all', 'some', 'nothing']

export interface CutOptions {
  cuts: number
  seed: number
  /** Hears one line for each cut. */
  heard?(line: string): void
}

/** `fresh`: makes a laptop that runs 41; without, one with the usual disk. */
export async function cutPowerOften(
  stage: Stage,
  options: CutOptions,
  fresh = () => setUp(stage, 'busybox', 42).laptop,
): Promise<void> {
  const { cuts, seed, heard } = options
  const random = new SeededRandom(seed)
  const { server } = setUp(stage, 'busybox', 42)
  let laptop: QemuLaptop = fresh()
  let history = 'a fresh laptop'
  for (let cut = 0; cut < cuts; cut++) {
    // All moments in turn, from one that the seed chooses.
    const moment = MOMENTS[(cut + seed) % MOMENTS.length] as Moment
    const loss = LOSSES[random.below(LOSSES.length)] as Loss
    const delayMs = random.below(moment.spanMs)
    let machine = await laptop.boot({ server, mayLose: true })
    const state = await comesUp(machine, history)
    if (state.running === 42 || state.bad.includes(42)) {
      // It has arrived, or was cut too often on trial, so the next cut gets a laptop that runs 41.
      await machine.cut()
      laptop = fresh()
      machine = await laptop.boot({ server, mayLose: true })
      assert.is(await machine.isUp(), 41)
      state.waiting = undefined
    }
    await isConfirmed(machine, 41)
    await moment.reach(machine, state.waiting === 42)
    await sleep(delayMs)
    await laptop.cutPower(loss, () => random.fraction())
    const lost = laptop.options.lasting ? '' : `, ${loss} of the last writes lost`
    history = `seed ${seed}, cut ${cut + 1}: ${delayMs} ms into ${moment.name}${lost}`
    heard?.(history)
  }
  const machine = await laptop.boot({ server })
  const { running, waiting, bad } = await comesUp(machine, history)
  if (running === 41 && !bad.includes(42)) {
    await isConfirmed(machine, 41)
    if (waiting !== 42) await succeeds(machine, 'upgrade')
    machine.send('reboot')
    await starts(machine, 42)
    await runsWhole(machine, 42)
  }
  await machine.cut()
  await server.stop()
}

/** The laptop comes up, in one of the two versions, and that is whole. */
async function comesUp(machine: Machine, history: string) {
  try {
    const version = await machine.isUp()
    assert.ok(version === 41 || version === 42)
    return await runsWhole(machine, version)
  } catch (error) {
    throw new Error(`${history}: ${(error as Error).message}\n${machine.console}`)
  }
}
