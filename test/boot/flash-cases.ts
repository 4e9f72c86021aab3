/**
 * The first laptops' flash, with the kernel's own JFFS2 on it: it can't exchange two names, so the swap is
 * two renames; and on NAND it writes whole pages, and keeps part of one in memory until it is told to write
 * it. A case throws if the laptop does not do what it should.
 */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/scratch.ts'
import { isConfirmed, runsWhole, setUp, starts, succeeds } from './cases.ts'
import { type CutOptions, cutPowerOften } from './cuts.ts'
import { copySparse, QemuLaptop } from './laptop.ts'
import { Machine } from './machine.ts'
import type { Firmware, Init, Stage } from './stage.ts'

/** 5: the swap on a disk that passes for flash; the power goes when it begins. */
export async function swapOnFlash(stage: Stage, init: Init): Promise<void> {
  const firmware = await stage.firmwareOf('x86_64', { flash: 'block2mtd' })
  const { server } = setUp(stage, init, 42)
  const words = ['xo.store=mtd:xo']
  const laptop = new QemuLaptop(firmware, stage.releases(init).flash, { words })
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
  await cutPowerOften(stage, options, () => new QemuLaptop(firmware, first.disk, first.options))
}

/**
 * A laptop whose flash was empty, and which has fetched 41 by itself. An image of `mkfs.jffs2` would not
 * do: it does not keep the times of folders.
 */
async function filledFlash(stage: Stage, firmware: Firmware): Promise<QemuLaptop> {
  const { server } = setUp(stage, 'busybox', 41)
  const laptop = new QemuLaptop(firmware, blankFlash(stage), {
    lasting: true,
    words: ['xo.store=mtd:xo'],
  })
  const machine = await laptop.boot({ server })
  await starts(machine, 41)
  await runsWhole(machine, 41)
  await laptop.cutPower()
  await server.stop()
  return laptop
}

/** An upgrade is stopped soon after each of these has begun. */
const PHASES = ['compare', 'fetch', 'verify', 'commit']

/**
 * 5 and 6: NAND, as in an XO-1, which is empty: the laptop fetches its first system by itself, upgrades,
 * and goes to the next one without a start of the kernel, which would take the simulated chip's content
 * with it. What is not yet a whole page is in memory, until somebody says `fsync`: so the chip as it is
 * at some moments of that, without what the kernel keeps back, is what a power cut leaves. It is copied
 * to flash that outlives the machine, and each copy starts.
 */
export async function cutsOnNand(stage: Stage, init: Init): Promise<void> {
  const firmware = await stage.firmwareOf('x86_64', { flash: 'nandsim', modules: ['phram'] })
  const { server } = setUp(stage, init, 41)
  const chip = blankFlash(stage)
  const words = ['xo.store=mtd0']
  const serverPort = await server.start()
  const machine = new Machine({ ...firmware, words, disks: [], lastingMemory: chip, serverPort })
  await starts(machine, 41)
  server.offer(42)
  // JFFS2 writes its last page out after this time, and an hour is longer than the test.
  await machine.succeeds('echo 360000 >/proc/sys/vm/dirty_writeback_centisecs; sync')
  await machine.succeeds('xo-upgrade upgrade --json >/tmp/said 2>&1 & echo $! >/tmp/upgrade')
  const copies: string[] = []
  for (const phase of PHASES) {
    const isReached = `grep -q '"phase":"${phase}"' /tmp/said`
    await machine.run(`until ${isReached}; do usleep 10000; done; kill -STOP $(cat /tmp/upgrade)`)
    copies.push(await copyChip(machine, chip))
    await machine.run('kill -CONT $(cat /tmp/upgrade)')
  }
  await machine.succeeds('while [ -d /proc/$(cat /tmp/upgrade) ]; do sleep 1; done')
  const staged = await copyChip(machine, chip)
  machine.send('xo-upgrade swap --live')
  assert.is(await machine.isUp(), 42)
  await isConfirmed(machine, 42)
  const confirmed = await copyChip(machine, chip)
  const { previous } = await runsWhole(machine, 42)
  assert.is(previous, 41)
  await machine.cut()
  const all: Start[] = []
  for (const copy of [...copies, staged, confirmed]) all.push(await startsWhole(stage, copy))
  const [asStaged, asConfirmed] = all.slice(-2).map(({ said }) => said)
  assert.match(asStaged ?? '', /42 is on trial: boot 1/, 'it was staged')
  assert.match(asConfirmed ?? '', /Starting version 42/)
  assert.not.match(asConfirmed ?? '', /on trial/, 'it was confirmed')
  // If it filled a page, it was written.
  assert.ok(
    all.some(({ hasUnsaid }) => !hasUnsaid),
    'copies are without what is kept back',
  )
  await server.stop()
}

/** What the chip has at this moment; `chip` is the file that the machine copies it to. */
async function copyChip(machine: Machine, chip: string): Promise<string> {
  // Nobody asks for this one to be written: it shows that a copy is without what is kept back.
  await machine.succeeds('echo >/xo/unsaid; dd if=/dev/mtd0 of=/dev/mtd1 bs=128k; rm /xo/unsaid')
  const copy = join(scratch('copy'), 'flash')
  copySparse(chip, copy)
  return copy
}

interface Start {
  /** By the console. */
  said: string
  hasUnsaid: boolean
}

/** A laptop with this flash comes up in a whole tree. */
async function startsWhole(stage: Stage, flash: string): Promise<Start> {
  const firmware = await stage.firmwareOf('x86_64', { flash: 'phram' })
  const laptop = new QemuLaptop(firmware, flash, { lasting: true, words: ['xo.store=mtd:xo'] })
  const machine = await laptop.boot()
  await runsWhole(machine, await machine.isUp())
  const { status } = await machine.run('test -e /xo/unsaid')
  await machine.cut()
  return { said: machine.console, hasUnsaid: status === 0 }
}

function blankFlash(stage: Stage): string {
  const blank = join(scratch('flash'), 'blank')
  const bytes = statSync(stage.releases('busybox').flash).size
  writeFileSync(blank, Buffer.alloc(bytes, 0xff))
  return blank
}
