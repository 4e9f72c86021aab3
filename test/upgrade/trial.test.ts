/**
 * The trial, end to end with the real program: a swap begins it, `confirm` ends it, hooks may veto, a
 * way back is kept until then, and what never became healthy is not taken again unasked.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { changeState, readState } from '../../src/store/state.ts'
import { rollBack } from '../../src/store/swap.ts'
import { countBoot } from '../../src/store/trial.ts'
import { Device, run } from '../support/device.ts'
import { smallImage } from '../support/image.ts'
import { withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

interface Trial {
  device: Device
  publisher: Publisher
  hooks: string
}

/** 2 was swapped in over 1. */
async function onTrial(settings: Record<string, string> = {}): Promise<Trial> {
  const publisher = new Publisher()
  publisher.publish(1, smallImage(1))
  const device = new Device({
    sources: [`file://${publisher.module}`],
    keys: publisher.keys.publicFile,
  })
  const hooks = scratch('health')
  device.configure({ trial: { 'health-hooks': hooks, ...settings } })
  await device.succeed('install')
  publisher.publish(2, smallImage(2))
  await device.succeed('upgrade')
  await device.succeed('swap')
  return { device, publisher, hooks }
}

const booted = (device: Device) => withStore(device.store, (store) => void countBoot(store))

function hook(folder: string, name: string, script: string, mode = 0o755): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, name), mode)
}

test('a swap begins a trial, a boot and a confirmation end it', async () => {
  const { device } = await onTrial()
  let status = await device.succeed('status')
  assert.equal([status.running, status.trial, status.boots, status.bootsMax], [2, 2, 0, 3])
  const early = await device.fail('confirm', 75, 'BusyError')
  assert.match(early.message, /version 2 was swapped in and has not been started yet/)
  await booted(device)
  const confirmed = await device.succeed('confirm')
  assert.equal([confirmed.outcome, confirmed.version, confirmed.trial], ['confirmed', 2, true])
  status = await device.succeed('status')
  assert.equal([status.trial, status.boots, status.confirmed], [undefined, 0, 2])
  assert.is(status.previous, 1, 'the way back is kept until the next upgrade')
  assert.is((await device.succeed('confirm')).trial, false)
})

test('a confirmation does not wait for whoever is at work on the trees', async () => {
  const { device } = await onTrial()
  await booted(device)
  const script = 'exec 9>>"$0/lock"; flock 9; echo locked; exec sleep 60'
  const holder = spawn('sh', ['-c', script, device.store], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(holder, 'close')
  await once(holder.stdout, 'data')
  const { status, events } = await device.run('confirm')
  assert.is(status, 0)
  assert.not.ok(events.some(({ text }) => /waiting for it/.test(text)))
  assert.is(holder.exitCode, null, 'the lock was held all the time')
  assert.is(await withStore(device.store, (store) => readState(store).trial), undefined)
  holder.kill()
  await closed
})

test('what is healthy and settled is confirmed without a write', async () => {
  const { device } = await onTrial()
  await device.succeed('confirm', ['--force'])
  const before = readFileSync(join(device.store, 'state'))
  await device.succeed('confirm')
  assert.equal(readFileSync(join(device.store, 'state')), before)
  await booted(device)
  await device.succeed('confirm')
  await withStore(device.store, (store) => assert.is(readState(store).boots, 0))
})

test('no upgrade and no swap while a version is on trial, but the news that there is none', async () => {
  const { device, publisher } = await onTrial()
  assert.is((await device.succeed('upgrade')).outcome, 'up-to-date')
  publisher.publish(3, smallImage(3))
  const error = await device.fail('upgrade', 75, 'BusyError')
  assert.match(error.message, /version 2 is on trial, and 1 is kept as the way back/)
  assert.match(error.cure, /xo-upgrade confirm/)
  assert.not.ok(existsSync(join(device.store, 'staging')))
  await device.succeed('confirm', ['--force'])
  assert.is((await device.succeed('upgrade')).version, 3)
})

test('hooks are asked in their order, told what is asked, and each veto is named', async () => {
  const { device, hooks } = await onTrial({ 'health-timeout-seconds': '1' })
  await booted(device)
  const asked = join(scratch('asked'), 'asked')
  hook(hooks, '10-first', `echo first $XO_UPGRADE_VERSION $XO_UPGRADE_TRIAL >> ${asked}`)
  hook(hooks, '20-says-no', `echo second >> ${asked}; echo the network is away; exit 3`)
  hook(hooks, '30-hangs', `echo third >> ${asked}; exec sleep 60`)
  hook(hooks, '40-stubborn', `echo fourth >> ${asked}; trap '' TERM; while :; do sleep 0.1; done`)
  hook(hooks, '50-no-program', 'exit 9', 0o644)
  hook(hooks, '60-old~', 'exit 9')
  hook(hooks, '.hidden', 'exit 9')
  const { status, result, events } = await device.run('confirm')
  assert.is(status, 1)
  assert.is(result.outcome, 'vetoed')
  assert.equal(result.vetoes, [
    { hook: '20-says-no', why: 'ended with status 3' },
    { hook: '30-hangs', why: 'did not end within 1 s' },
    { hook: '40-stubborn', why: 'did not end within 1 s' },
  ])
  assert.is(readFileSync(asked, 'utf8'), 'first 2 yes\nsecond\nthird\nfourth\n')
  assert.ok(events.some(({ text }) => text === '20-says-no: the network is away'))
  const { trial, last } = await device.succeed('status')
  assert.is(trial, 2)
  assert.match(last.message, /version 2 is not healthy: 20-says-no ended with status 3/)
  await device.succeed('confirm', ['--force'])
})

test('a hook that leaves a program behind does not hold the confirmation up', async () => {
  const { device, hooks } = await onTrial()
  await booted(device)
  const pidFile = join(scratch('left'), 'pid')
  hook(hooks, 'leaves', `sleep 3000 2>/dev/null & echo $! > ${pidFile}; exit 0`)
  assert.is((await device.succeed('confirm')).outcome, 'confirmed')
  process.kill(Number(readFileSync(pidFile, 'utf8')))
})

test('a hook that anybody may write is not run', async () => {
  const { device, hooks } = await onTrial()
  await booted(device)
  hook(hooks, 'open', 'exit 0', 0o777)
  const error = await device.fail('confirm', 64, 'ConfigError')
  assert.match(error.message, /open is run as root, and anybody may write it/)
})

test('a version that was rolled back is not taken again, but where it is asked for', async () => {
  const { device } = await onTrial()
  await withStore(device.store, (store) => {
    rollBack(store, { bad: 2, reason: 'Version 2 was started 3 times and never became healthy.' })
  })
  const { running, bad, last, trial } = await device.succeed('status')
  assert.equal([running, bad, trial], [1, [2], undefined])
  assert.is(last.outcome, 'rolled-back')
  const { status, result, events } = await device.run('upgrade')
  assert.is(status, 0)
  assert.equal([result.outcome, result.version, result.skipped], ['up-to-date', 1, 2])
  assert.ok(events.some(({ text }) => /version 2, which is known as bad here/.test(text ?? '')))
  await device.succeed('upgrade', ['--version', '2'])
  assert.equal((await device.succeed('status')).bad, [])
  await device.succeed('swap')
  assert.is((await device.succeed('status')).running, 2)
})

test('a roll-back by hand ends the trial, and is not undone by the next upgrade', async () => {
  const { device } = await onTrial()
  await device.succeed('roll-back')
  const { running, trial, bad } = await device.succeed('status')
  assert.equal([running, trial, bad], [1, undefined, [2]])
  assert.is((await device.succeed('upgrade')).skipped, 2)
  // And forward again: what is chosen by hand is no longer bad, and what is left is older anyway.
  await device.succeed('roll-back')
  const back = await device.succeed('status')
  assert.equal([back.running, back.bad], [2, []])
})

test('status tells people what is on trial, and what is bad', async () => {
  const { device } = await onTrial()
  const text = async () => (await run(['status', '--store', device.store])).stdout
  await booted(device)
  await withStore(device.store, (store) => changeState(store, { bad: [7, 9] }))
  assert.match(await text(), /^running {4}2, on trial: 1 of 3 boots, not confirmed yet$/m)
  assert.match(await text(), /^bad {8}7, 9: taken only with --version$/m)
  await device.succeed('confirm', ['--force'])
  assert.match(await text(), /^running {4}2, confirmed$/m)
  await booted(device)
  assert.match(await text(), /^running {4}2, confirmed, and started 1 times since$/m)
})

test.run()
