/**
 * What is cut around the boots of a trial: the first boot of what waits, the boot that is counted, the
 * one that gives up and goes back, boots until then, and the word that the system is healthy.
 */
import type { State } from '../../src/store/state.ts'
import type { Store } from '../../src/store/store.ts'
import { countBoot } from '../../src/store/trial.ts'
import { Refuted } from './boot.ts'
import { BOOTS_MAX, type VirtualDevice } from './device.ts'
import type { Claim, Scenario } from './scenarios.ts'

/** A laptop that boots more often than this without a verdict never gets to one. */
const TURNS_MAX = 3 * BOOTS_MAX

/**
 * Disks to begin with: version 1 runs and 2 waits; 2 runs on trial over 1, and was never booted.
 */
interface BootStarts {
  waits2: Scenario['start']
  runs2: Scenario['start']
}

type After = (disk: Scenario['start'], act: Scenario['act']) => Promise<Scenario['start']>

export async function bootScenarios(starts: BootStarts, after: After): Promise<Scenario[]> {
  const { waits2, runs2 } = starts
  const counted = (boots: number) => (device: VirtualDevice) =>
    device.withStore((store) => {
      for (let boot = 0; boot < boots; boot++) countBoot(store)
    })
  const booted1 = await after(runs2, counted(1))
  const usedUp = await after(runs2, counted(BOOTS_MAX))
  const on2 = { running: 2, previous: 1, floor: 2 }
  const backOn1 = { running: 1, previous: 2, floor: 2 }
  return [
    {
      name: 'first boot of what waits',
      again: bootToAny,
      start: waits2,
      act: bootTo(2),
      running: [1, 2],
      end: on2,
      kept: onTrial(1),
    },
    {
      name: 'boot on trial',
      again: bootToAny,
      start: runs2,
      act: bootTo(2),
      running: [2],
      end: on2,
      kept: onTrial(1),
      always: onTrial(0),
    },
    {
      name: 'boot that goes back',
      again: bootToAny,
      start: usedUp,
      act: bootTo(1),
      running: [2, 1],
      end: backOn1,
      always: badWhereLeft,
    },
    {
      name: 'boots that never become healthy',
      again: bootToAny,
      start: runs2,
      act: bootUntil(1),
      running: [2, 1],
      end: backOn1,
      always: badWhereLeft,
    },
    {
      name: 'confirm',
      start: booted1,
      act: (device) =>
        device.withStore((store) => device.world.program.flow.confirm(store, async () => true)),
      running: [2],
      end: on2,
      always: trialOrConfirmed,
      kept: (state) => (state.confirmed === 2 ? undefined : 'the confirmation was lost'),
    },
  ]
}

const onTrial =
  (bootsMin: number): Claim =>
  ({ trial, boots }) => {
    if (trial !== 2) return `version ${trial} is on trial, not 2`
    return boots < bootsMin ? `${boots} boots are counted, and there were ${bootsMin}` : undefined
  }

/** A laptop that went back knows why, from the first moment on. */
const badWhereLeft: Claim = ({ bad, trial }, running) => {
  if (running === 1 && !bad.includes(2)) return 'version 2 was left and is not known as bad'
  if (running === 1 && trial !== undefined) return `version ${trial} is on trial after it was left`
  return running === 2 && trial !== 2 ? 'the trial was forgotten' : undefined
}

const trialOrConfirmed = ({ trial, confirmed }: State): string | undefined =>
  trial === 2 || confirmed === 2 ? undefined : 'neither on trial nor confirmed'

async function bootOnce(device: VirtualDevice, store: Store): Promise<number> {
  let started: number | undefined
  await device.world.program.flow.boot(store, device.circumstances(), (decision) => {
    if (decision.act !== 'boot') throw new Refuted(`the boot ended in ${decision.act}`)
    if (decision.tree !== 'fakeroot') throw new Refuted(`the boot took ${decision.tree}`)
    started = decision.version
  })
  if (started === undefined) throw new Refuted('the boot started nothing')
  return started
}

const bootTo = (version: number) => (device: VirtualDevice) =>
  device.withStore(async (store) => {
    const started = await bootOnce(device, store)
    if (started !== version) throw new Refuted(`version ${started} was started, not ${version}`)
  })

const bootToAny = (device: VirtualDevice) =>
  device.withStore(async (store) => void (await bootOnce(device, store)))

/** Each system hangs after its start, or says that it is ill. */
const bootUntil = (version: number) => (device: VirtualDevice) =>
  device.withStore(async (store) => {
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      if ((await bootOnce(device, store)) === version) return
      await device.world.program.flow.confirm(store, async () => false)
    }
    throw new Refuted(`version ${version} did not come back in ${TURNS_MAX} boots`)
  })
