/**
 * A watchdog device, as cases that boot real machines with QEMU's Intel 6300ESB: it restarts a release on
 * trial that stands still, and leaves a healthy one alone. A case throws if the laptop does not do what it
 * should.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { isConfirmed, runsWhole, setUp, starts, succeeds, upgradeAndReboot } from './cases.ts'
import type { Machine } from './machine.ts'
import type { Init, Stage } from './stage.ts'

export const DEVICES = ['i6300esb']
const ARMED = /The watchdog starts the laptop again after ([0-9]+) s/
/** Systemd feeds the device more often than this (seconds). */
const SYSTEMD_SECONDS = 20

export function firmwareWith(stage: Stage, seconds: number, module = 'i6300esb') {
  return stage.firmwareOf('x86_64', {
    modules: [module],
    boot: [`watchdog-seconds = ${seconds}`],
  })
}

export const fact = async (machine: Machine, name: string) =>
  (await machine.succeeds(`cat /sys/class/watchdog/watchdog0/${name}`)).trim()

/** 2: a release that stands still is restarted by the watchdog; each of its boots counts, and it is left. */
export async function hangingRelease(stage: Stage, init: Init): Promise<void> {
  const firmware = await firmwareWith(stage, 10)
  const { laptop, server } = setUp({ ...stage, firmware }, init, 43)
  const machine = await laptop.boot({ server, devices: DEVICES, words: ['boot-test-hang'] })
  await starts(machine, 41)
  assert.is(await fact(machine, 'state'), 'inactive', 'without a trial nothing is armed')
  await succeeds(machine, 'upgrade')
  machine.send('reboot')
  await machine.says(/43 is on trial: boot 1 of 3/)
  for (const boot of [2, 3]) {
    await machine.says('The watchdog has restarted this laptop')
    await machine.says(new RegExp(`43 is on trial: boot ${boot} of 3`))
  }
  await machine.says(/43 was started 3 times and never became healthy/)
  assert.is(await machine.isUp(), 41)
  assert.is(await fact(machine, 'state'), 'inactive')
  await isConfirmed(machine, 41)
  const status = await runsWhole(machine, 41)
  assert.equal(status.bad, [43], 'it is remembered as bad')
  await machine.cut()
  await server.stop()
}

/**
 * 2: a healthy release in which nobody feeds the watchdog: it is armed, and the confirmation stops it.
 */
export async function healthyRelease(stage: Stage, init: Init): Promise<void> {
  const seconds = 120
  const firmware = await firmwareWith(stage, seconds)
  const { laptop, server } = setUp({ ...stage, firmware }, init, 42)
  const machine = await laptop.boot({ server, devices: DEVICES })
  await upgradeAndReboot(machine)
  const log = await machine.succeeds('cat /run/xo/boot.log')
  assert.is(ARMED.exec(log)?.[1], `${seconds}`, log)
  await isConfirmed(machine, 42)
  assert.is(await fact(machine, 'state'), 'inactive', 'the confirmation stops it')
  await runsWhole(machine, 42)
  await machine.cut()
  await server.stop()
}

/**
 * 2: a watchdog that could not be stopped again is not armed: it would end this healthy release.
 */
export async function unstoppable(stage: Stage, init: Init): Promise<void> {
  const firmware = await firmwareWith(stage, 120, 'i6300esb nowayout=1')
  const { laptop, server } = setUp({ ...stage, firmware }, init, 42)
  const machine = await laptop.boot({ server, devices: DEVICES })
  await upgradeAndReboot(machine)
  assert.match(await machine.succeeds('cat /run/xo/boot.log'), 'The watchdog is left alone')
  assert.is(await fact(machine, 'state'), 'inactive')
  await isConfirmed(machine, 42)
  await machine.cut()
  await server.stop()
}

/** 2: a healthy release under a systemd that takes the watchdog over: it goes on feeding it, and nothing restarts. */
export async function takenOver(stage: Stage, init: Init): Promise<void> {
  const firmware = await firmwareWith(stage, 120)
  const { laptop, server } = setUp({ ...stage, firmware }, init, 42)
  const words = [`systemd.watchdog_sec=${SYSTEMD_SECONDS}`]
  const machine = await laptop.boot({ server, devices: DEVICES, words })
  await upgradeAndReboot(machine)
  assert.match(await machine.succeeds('cat /run/xo/boot.log'), ARMED)
  await isConfirmed(machine, 42)
  assert.is(await fact(machine, 'state'), 'active', 'the confirmation leaves it to systemd')
  assert.is(await fact(machine, 'timeout'), `${SYSTEMD_SECONDS}`)
  const bootOf = () => machine.succeeds('cat /proc/sys/kernel/random/boot_id')
  const before = await bootOf()
  await sleep(2 * SYSTEMD_SECONDS * 1000)
  assert.is(await bootOf(), before, 'it is fed')
  await machine.cut()
  await server.stop()
}
