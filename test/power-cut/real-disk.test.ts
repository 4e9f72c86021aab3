/**
 * The real thing beside the model: the static binary on a real ext4 in a file. It is ended with -9 at some
 * moment, or when it returns from each of its flushes; the file is copied as it is then, without what the
 * kernel still holds back: what a power cut leaves. The copy is mounted, so that its journal is replayed,
 * and looked at.
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { Device } from '../support/device.ts'
import { needStrace } from '../support/needs.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'
import { nastyImage } from './images.ts'
import { recoverAndProve } from './real-store.ts'

const IMAGE_BYTES = 24 * 1024 * 1024
const DELAYS_MS = { upgrade: [5, 20, 40, 60, 80, 110], swap: [3, 6, 9, 12] }

const folder = scratch('ext4')
const point = join(folder, 'mounted')
mkdirSync(point)
process.prependListener('exit', () => spawnSync('umount', ['-l', point]))

const run = (...words: string[]) => spawnSync(words[0] ?? '', words.slice(1)).status === 0
const mount = (image: string) => run('mount', '-o', 'loop', image, point)
const unmount = () => assert.ok(run('umount', point), 'unmounts')

function canMount(): boolean {
  const image = join(folder, 'probe')
  writeFileSync(image, new Uint8Array(IMAGE_BYTES))
  const possible = run('mkfs.ext4', '-q', image) && mount(image)
  if (possible) unmount()
  return possible
}

const possible = canMount()

const publisher = new Publisher()
const store = join(point, 'store')
const sources = [`file://${publisher.module}`]
const device = new Device({ sources, keys: publisher.keys.publicFile, store })

/** Version 1 runs; version 1 runs and 2 waits. */
const bases = { upgrade: join(folder, 'runs'), swap: join(folder, 'waits') }

test.before(async () => {
  if (!possible) skip('this machine allows no loop mounts of an ext4')
  publisher.publish(1, nastyImage(1))
  copyFileSync(join(folder, 'probe'), bases.upgrade)
  assert.ok(mount(bases.upgrade))
  await device.succeed('install')
  unmount()
  publisher.publish(2, nastyImage(2))
  copyFileSync(bases.upgrade, bases.swap)
  assert.ok(mount(bases.swap))
  await device.succeed('upgrade')
  unmount()
})

let cuts = 0

/** Cuts once: `run` ends the program somehow, and copies the disk as it then is to `left`. */
async function cutOnce(
  command: 'upgrade' | 'swap',
  moment: string,
  run: (image: string, left: string) => Promise<unknown>,
): Promise<void> {
  // Names of their own: whatever else runs on the machine may keep a disk that was unmounted here.
  const image = join(folder, `working-${++cuts}`)
  const left = join(folder, `left-${cuts}`)
  copyFileSync(bases[command], image)
  assert.ok(mount(image))
  await run(image, left)
  unmount()
  assert.ok(mount(left))
  const { fakeroot } = await recoverAndProve(store)
  const allowed = command === 'swap' ? [1, 2] : [1]
  assert.ok(allowed.includes(fakeroot ?? 0), `version ${fakeroot} ${moment}`)
  await device.succeed('upgrade')
  if (fakeroot === 1) await device.succeed('swap')
  assert.is((await recoverAndProve(store)).fakeroot, 2)
  unmount()
  for (const disk of [image, left]) rmSync(disk)
}

for (const command of ['upgrade', 'swap'] as const) {
  test(`${command} on a real ext4, ended and cut at some moments`, async () => {
    for (const delayMs of DELAYS_MS[command]) {
      await cutOnce(command, `after ${delayMs} ms`, async (image, left) => {
        const started = (child: ChildProcess) =>
          void setTimeout(() => child.kill('SIGKILL'), delayMs)
        await device.run(command, [], { started })
        copyFileSync(image, left)
      })
    }
  })

  test(`${command} on a real ext4, stopped and cut at each flush`, async () => {
    needStrace()
    let flushes = 0
    for (let ended = false; !ended; flushes++) {
      await cutOnce(command, `at flush ${flushes}`, async (image, left) => {
        ended = !(await stopAtFlush(command, flushes + 1, () => copyFileSync(image, left)))
        if (ended) copyFileSync(image, left)
      })
    }
    console.log(`${command}: ${flushes - 1} flushes`)
    assert.ok(flushes > 5, `${flushes} flushes`)
  })
}

/**
 * Runs the program until it has returned from its n-th flush, calls `look` while it stands still, and ends
 * it with -9. False if there were fewer flushes, so that it came to its end.
 */
async function stopAtFlush(command: string, flush: number, look: () => void): Promise<boolean> {
  const log = join(scratch('strace'), 'log')
  const program = join(scratch('strace'), 'traced')
  const calls = 'fsync,fdatasync,syncfs'
  const words = `-o ${log} -e trace=${calls} -e inject=${calls}:signal=STOP:when=${flush}`
  writeFileSync(program, `#!/bin/sh\nexec strace ${words} ${PROGRAM} "$@"\n`, { mode: 0o755 })
  let tracer: number | undefined
  const run = device.run(command, [], {
    program,
    started(child) {
      tracer = child.pid
    },
  })
  let over = false
  const ended = run.finally(() => {
    over = true
  })
  while (!over) {
    if (existsSync(log) && readFileSync(log, 'latin1').includes('stopped by SIGSTOP')) {
      look()
      const children = readFileSync(`/proc/${tracer}/task/${tracer}/children`, 'latin1')
      for (const pid of children.trim().split(' ')) process.kill(Number(pid), 'SIGKILL')
      await ended
      return true
    }
    await sleep(2)
  }
  assert.is((await ended).status, 0)
  return false
}

test.run()
