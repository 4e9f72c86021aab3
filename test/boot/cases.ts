/**
 * What the field asks of a laptop, each as one case that boots real machines: the upgrade with its trial,
 * the sick release that is given up, the ruined system that repairs itself, and the releases that are
 * refused. A case throws if the laptop does not do what it should.
 */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { makeStick, QemuLaptop, SchoolServer } from './laptop.ts'
import type { Machine } from './machine.ts'
import type { Init, Stage } from './stage.ts'

// biome-ignore lint/suspicious/noExplicitAny: what the program writes as JSON.
type Result = Record<string, any>

/** A laptop with release 41 and a school server that offers one. */
export function setUp(stage: Stage, init: Init, offered: number) {
  const releases = stage.releases(init)
  const server = new SchoolServer(releases)
  server.offer(offered)
  return { laptop: new QemuLaptop(stage.firmware, releases.disk), server }
}

/** Runs a command of the program in the laptop; its last JSON line is the result, or the error. */
export async function xo(machine: Machine, words: string) {
  const { status, output } = await machine.run(`xo-upgrade ${words} --json`)
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  const events: Result[] = lines.map((line) => JSON.parse(line))
  const isLast = ({ event }: Result) => event === 'result' || event === 'error'
  const last = events.reverse().find(isLast) ?? {}
  return { status, last, output }
}

export async function succeeds(machine: Machine, words: string): Promise<Result> {
  const { status, last, output } = await xo(machine, words)
  assert.is(status, 0, `xo-upgrade ${words} in the laptop:\n${output}`)
  return last
}

/** The running tree is whole, to the last byte, and its state record agrees. */
export async function runsWhole(machine: Machine, version: number): Promise<Result> {
  const verified = await succeeds(machine, 'verify --full')
  assert.is(verified.version, version)
  const status = await succeeds(machine, 'status')
  assert.is(status.running, version)
  assert.is(status.intent, undefined)
  return status
}

/** The system itself says that it is healthy, some time after it is up. */
export async function isConfirmed(machine: Machine, version: number): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    const status = await succeeds(machine, 'status')
    if (status.confirmed === version && status.trial === undefined && status.boots === 0) return
    await machine.run('sleep 1')
  }
  assert.unreachable(`version ${version} never confirmed itself:\n${machine.console}`)
}

/**
 * The system is up, and has itself said that it is healthy: from then on only the test is at work in the
 * store.
 */
export async function starts(machine: Machine, version: number): Promise<void> {
  assert.is(await machine.isUp(), version)
  await isConfirmed(machine, version)
}

/** From 41 to 42 as the user does it; the machine then runs 42 on trial, and confirms it itself. */
export async function upgradeAndReboot(machine: Machine): Promise<void> {
  await starts(machine, 41)
  const upgraded = await succeeds(machine, 'upgrade')
  assert.is(upgraded.version, 42)
  machine.send('reboot')
  assert.is(await machine.isUp(), 42)
}

/** 1: upgrade from a stock daemon outside, reboot, trial, confirm; the next boot is an ordinary one. */
export async function upgrade(stage: Stage, init: Init): Promise<string> {
  const { laptop, server } = setUp(stage, init, 42)
  const machine = await laptop.boot({ server })
  await upgradeAndReboot(machine)
  await isConfirmed(machine, 42)
  await runsWhole(machine, 42)
  const { previous } = await succeeds(machine, 'status')
  assert.is(previous, 41, 'the version before is kept')
  machine.send('reboot')
  assert.is(await machine.isUp(), 42)
  const { trial } = await succeeds(machine, 'status')
  assert.is(trial, undefined)
  await machine.cut()
  await server.stop()
  return machine.console
}

/** 2: a release that never becomes healthy: three boots, then the old one again, and never another try. */
export async function sickRelease(stage: Stage, init: Init): Promise<void> {
  const { laptop, server } = setUp(stage, init, 43)
  const machine = await laptop.boot({ server })
  await starts(machine, 41)
  await succeeds(machine, 'upgrade')
  machine.send('reboot')
  for (const boot of [1, 2, 3]) await machine.says(new RegExp(`43 is on trial: boot ${boot} of 3`))
  await machine.says('Version 43 was started 3 times and never became healthy.')
  assert.is(await machine.isUp(), 41)
  await isConfirmed(machine, 41)
  const status = await runsWhole(machine, 41)
  assert.equal(status.bad, [43], 'it is remembered as bad')
  assert.match(status.last.message, 'Version 43 was started 3 times and never became healthy.')
  const again = await succeeds(machine, 'upgrade')
  assert.is(again.outcome, 'up-to-date', 'it is not taken again unasked')
  machine.send('reboot')
  assert.is(await machine.isUp(), 41)
  await machine.cut()
  await server.stop()
}

/** 3: the system is gone: the laptop fetches it again, by itself. */
export async function deletedTree(stage: Stage, init: Init): Promise<void> {
  const { laptop, server } = setUp(stage, init, 41)
  const machine = await laptop.boot({ server })
  assert.is(await machine.isUp(), 41)
  machine.send('rm -rf /xo/fakeroot; sync; echo gone >/dev/ttyS0')
  await machine.says('gone')
  await laptop.cutPower()
  const again = await laptop.boot({ server })
  assert.is(await again.isUp(), 41)
  await runsWhole(again, 41)
  await again.cut()
  await server.stop()
}

/** 3: the C library is zeros, which nothing but its digest tells: only what is damaged is fetched. */
export async function zeroedLibrary(stage: Stage, init: Init): Promise<void> {
  const { laptop, server } = setUp(stage, init, 41)
  laptop.zero('/fakeroot/root/usr/lib/x86_64-linux-gnu/libc.so.6')
  const machine = await laptop.boot({ server })
  assert.is(await machine.isUp(), 41)
  await runsWhole(machine, 41)
  await machine.cut()
  await server.stop()
}

/** 4: no network at all, but a stick with the release; nothing is left of the system. */
export async function stick(stage: Stage, init: Init): Promise<void> {
  const { laptop, server } = setUp(stage, init, 41)
  const machine = await laptop.boot()
  assert.is(await machine.isUp(), 41)
  machine.send('rm -rf /xo/fakeroot; sync; echo gone >/dev/ttyS0')
  await machine.says('gone')
  await laptop.cutPower()
  const again = await laptop.boot({ stick: makeStick(server) })
  assert.is(await again.isUp(), 41)
  await runsWhole(again, 41)
  await again.cut()
}

/** 7: the program as the first laptops run it, for a Geode of 32 bits: a whole upgrade through it. */
export async function geode(stage: Stage, init: Init): Promise<void> {
  const firmware = await stage.firmwareOf('i586')
  const { laptop, server } = setUp({ ...stage, firmware }, init, 42)
  const machine = await laptop.boot({ server })
  await upgradeAndReboot(machine)
  await isConfirmed(machine, 42)
  await runsWhole(machine, 42)
  await machine.cut()
  await server.stop()
}

/**
 * 8: what is refused, so that the laptop boots what it had: somebody else's key, a full disk, an older
 * release.
 */
export async function refusals(stage: Stage, init: Init): Promise<void> {
  const { laptop, server } = setUp(stage, init, 42)
  server.offer(42, foreignModule(stage, init))
  const machine = await laptop.boot({ server })
  await starts(machine, 41)
  await fails(machine, 'upgrade', 65, 'TrustError')
  await runsWhole(machine, 41)
  server.offer(42)
  // Almost full: it says how much is missing. Full to the last block: not even that can be recorded.
  await machine.succeeds('dd if=/dev/zero of=/xo/last bs=64k count=32')
  await machine.run('dd if=/dev/zero of=/xo/filler bs=64k; sync; rm /xo/last; sync')
  await fails(machine, 'upgrade', 73, 'SpaceError')
  await machine.run('dd if=/dev/zero of=/xo/last bs=4k; sync')
  const full = await xo(machine, 'upgrade')
  assert.is(full.status, 73, full.output)
  machine.send('reboot')
  assert.is(await machine.isUp(), 41, 'a full disk boots')
  await runsWhole(machine, 41)
  await machine.succeeds('rm /xo/filler /xo/last; sync')
  await laptop.cutPower()

  const later = await laptop.boot({ server })
  await upgradeAndReboot(later)
  await isConfirmed(later, 42)
  server.offer(41)
  const offered = await xo(later, 'upgrade')
  assert.is(offered.last.version ?? 42, 42, offered.output)
  await fails(later, 'upgrade --version 41', 65, 'TrustError')
  later.send('reboot')
  assert.is(await later.isUp(), 42)
  await runsWhole(later, 42)
  await later.cut()
  await server.stop()
}

/** A module whose release 42 is signed with a key that the laptop doesn't know. */
function foreignModule(stage: Stage, init: Init): string {
  const folder = scratch('foreign')
  mustRun(PROGRAM, ['keygen', '--to', folder])
  const module = join(folder, 'xo')
  const image = join(stage.releases(init).module, '42', 'root')
  const words = ['--image', image, '--version', '42', '--to', module]
  mustRun(PROGRAM, ['publish', ...words, '--key', join(folder, 'release.sec')])
  return module
}

/** Ends with that status and that kind of error. */
export async function fails(machine: Machine, words: string, status: number, kind: string) {
  const ended = await xo(machine, words)
  assert.equal([ended.status, ended.last.class], [status, kind], ended.output)
}
