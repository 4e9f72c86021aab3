/**
 * The first laptops' flash, with the kernel's own JFFS2 on it: it can't exchange two names, so that the
 * swap is two renames; and on NAND it writes whole pages, and keeps a part of one in memory until it is
 * told to write it. A case throws where the laptop does not do what it should.
 */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/scratch.ts'
import { isConfirmed, runsWhole, setUp, starts, succeeds } from './cases.ts'
import { type CutOptions, cutPowerOften } from './cuts.ts'
import { Laptop } from './laptop.ts'
import { Machine } from './machine.ts'
import type { Firmware, Init, Stage } from './stage.ts'

/** 5: the swap on a disk that passes for flash; the power goes when it begins. */
export async function swapOnFlash(stage: Stage, init: Init): Promise<void> {
  const firmware = await stage.firmwareOf('x86_64', { flash: 'block2mtd' })
  const { server } = setUp(stage, init, 42)
  const words = ['xo.store=mtd:xo']
  const laptop = new Laptop(firmware, stage.releases(init).flash, { words })
  const machine = await laptop.boot({ server })
  await starts(machine, 41)
  await succeeds(machine, 'upgrade')
  machine.send('reboot')
  await machine.says(/Version 42 waits/)
  await laptop.cutPower()
  const again = await laptop.boot({ server })
  await starts(again, 42)
  await runsWhole(again, 42)
  await again.cut()
  await server.stop()
}

/**
 * 5: the power goes at random moments, in the middle of a write as well, on flash which has every byte
 * that was written, in the order in which it was written.
 */
export async function cutsOnFlash(stage: Stage, options: CutOptions): Promise<void> {
  const firmware = await stage.firmwareOf('x86_64', { flash: 'phram' })
  const first = await filledFlash(stage, firmware)
  await cutPowerOften(stage, options, () => new Laptop(firmware, first.disk, first.options))
}

/**
 * A laptop whose flash was empty, and which has fetched 41 by itself. An image of `mkfs.jffs2` would not
 * do: it does not keep the times of folders.
 */
async function filledFlash(stage: Stage, firmware: Firmware): Promise<Laptop> {
  const { server } = setUp(stage, 'busybox', 41)
  const blank = join(scratch('flash'), 'blank')
  const bytes = statSync(stage.releases('busybox').flash).size
  writeFileSync(blank, Buffer.alloc(bytes, 0xff))
  const laptop = new Laptop(firmware, blank, { lasting: true, words: ['xo.store=mtd:xo'] })
  const machine = await laptop.boot({ server })
  await starts(machine, 41)
  await runsWhole(machine, 41)
  await laptop.cutPower()
  await server.stop()
  return laptop
}

/**
 * 6: NAND, as in an XO-1, which is empty: the laptop fetches its first system by itself, and goes to the
 * next one without a start of the kernel, which would take the simulated chip's content with it.
 */
export async function nand(stage: Stage, init: Init): Promise<void> {
  const firmware = await stage.firmwareOf('x86_64', { flash: 'nandsim' })
  const { server } = setUp(stage, init, 41)
  const machine = new Machine({
    ...firmware,
    words: ['xo.store=mtd0'],
    disks: [],
    serverPort: await server.start(),
  })
  await starts(machine, 41)
  await runsWhole(machine, 41)
  server.offer(42)
  await succeeds(machine, 'upgrade')
  machine.send('xo-upgrade swap --live')
  assert.is(await machine.isUp(), 42)
  await isConfirmed(machine, 42)
  const { previous } = await runsWhole(machine, 42)
  assert.is(previous, 41)
  await machine.cut()
  await server.stop()
}
