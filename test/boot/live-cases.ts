/**
 * Live swaps, as cases that boot real machines: the new version takes over under the same kernel, by
 * whatever each init offers. A case throws if the laptop does not do what it should.
 */
import * as assert from 'uvu/assert'
import { fails, isConfirmed, runsWhole, setUp, starts, succeeds } from './cases.ts'
import type { Machine } from './machine.ts'
import type { Init, Stage } from './stage.ts'
import { DEVICES, fact, firmwareWith } from './watchdog-cases.ts'

/** In a list of mounts: a tree that is not the running one. */
const OLD_TREE = /\/previous-root\//

const mountsOf = (machine: Machine) => machine.succeeds('cat /proc/self/mountinfo')
const bootOf = (machine: Machine) => machine.succeeds('cat /proc/sys/kernel/random/boot_id')

/**
 * 6: from 41 to 42 without a start of the kernel, with a watchdog for the trial; the next start is an
 * ordinary one, into 42.
 */
export async function liveSwap(stage: Stage, init: Init): Promise<void> {
  const firmware = await firmwareWith(stage, 300)
  const { laptop, server } = setUp({ ...stage, firmware }, init, 42)
  const machine = await laptop.boot({ server, devices: DEVICES })
  await starts(machine, 41)
  await succeeds(machine, 'upgrade')
  const before = await bootOf(machine)
  machine.send('xo-upgrade swap --live')
  assert.is(await machine.isUp(), 42)
  assert.is(await bootOf(machine), before, 'the kernel runs on')
  await machine.succeeds('test -e /run/xo/watchdog')
  await isConfirmed(machine, 42)
  assert.is(await fact(machine, 'state'), 'inactive', 'the watchdog of the trial is stopped')
  await runsWhole(machine, 42)
  if (init === 'busybox') await letGoOfOld(machine)
  assert.not.match(await mountsOf(machine), OLD_TREE, 'nothing holds the old tree')
  await machine.succeeds('touch /home/kept')
  machine.send('reboot')
  assert.is(await machine.isUp(), 42)
  assert.is.not(await bootOf(machine), before)
  await machine.succeeds('test -e /home/kept')
  await machine.cut()
  await server.stop()
}

/**
 * 6: the same under sysvinit, which goes on with its services: init itself is the new one's at once, and
 * the rest when it is restarted. Nothing of the new system has said that it is healthy: a person does.
 */
export async function liveSwapUnderSysvinit(stage: Stage, init: Init): Promise<void> {
  const { laptop, server } = setUp(stage, init, 42)
  const machine = await laptop.boot({ server })
  await starts(machine, 41)
  await succeeds(machine, 'upgrade')
  const before = await bootOf(machine)
  await succeeds(machine, 'swap --live')
  assert.is(await machine.succeeds('cat /etc/release-number'), '42\n')
  await machine.succeeds('test /proc/1/exe -ef /sbin/init')
  const { trial } = await succeeds(machine, 'status')
  assert.is(trial, 42)
  await succeeds(machine, 'confirm')
  await isConfirmed(machine, 42)
  await letGoOfOld(machine)
  await runsWhole(machine, 42)
  assert.is(await bootOf(machine), before, 'the kernel runs on')
  machine.send('reboot')
  await starts(machine, 42)
  assert.is.not(await bootOf(machine), before)
  await machine.cut()
  await server.stop()
}

/** 6: a systemd without a soft reboot: it is refused, nothing has changed, and a restart brings 42. */
export async function liveSwapRefused(stage: Stage, init: Init): Promise<void> {
  const { laptop, server } = setUp(stage, init, 42)
  const machine = await laptop.boot({ server })
  await starts(machine, 41)
  await succeeds(machine, 'upgrade')
  await fails(machine, 'swap --live', 64, 'ConfigError')
  const status = await runsWhole(machine, 41)
  assert.equal([status.waiting, status.trial], [42, undefined])
  machine.send('reboot')
  await starts(machine, 42)
  await machine.cut()
  await server.stop()
}

/** After a pivot the old root is in sight until somebody unmounts it. */
async function letGoOfOld(machine: Machine): Promise<void> {
  assert.is(await machine.succeeds('cat /mnt/etc/release-number'), '41\n')
  await machine.succeeds('umount -l /mnt')
}
