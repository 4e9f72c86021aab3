/**
 * The real thing beside the model: the static binary on a real ext4 in a file. It is stopped with -9
 * at some moment, and the file is copied as it is then, with all that the kernel still held back
 * missing: what a power cut leaves. The copy is mounted, so that its journal is replayed, and looked at.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silent } from '../../src/progress.ts'
import { recover } from '../../src/trees/swap.ts'
import { verify } from '../../src/trees/verify.ts'
import { Device } from '../support/device.ts'
import { withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { nastyImage } from './images.ts'

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
if (!possible) console.log('no loop mounts on this machine: NOT proved on a real ext4')

const publisher = new Publisher()
const store = join(point, 'store')
const sources = [`file://${publisher.module}`]
const device = new Device({ sources, keys: publisher.keys.publicFile, store })

/** Version 1 runs; version 1 runs and 2 waits. */
const bases = { upgrade: join(folder, 'runs'), swap: join(folder, 'waits') }

test.before(async () => {
  if (!possible) return
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

/** Which version runs after recovery; it must be whole. */
function running(): Promise<number | undefined> {
  return withStore(store, async (opened) => {
    recover(opened)
    const release = opened.tree('fakeroot')?.release
    if (!release) return undefined
    const { damage } = await verify(opened, 'fakeroot', { release, full: true, progress: silent })
    assert.equal(damage, [])
    return release.version
  })
}

for (const command of ['upgrade', 'swap'] as const) {
  test(`${command} on a real ext4, ended and cut at some moments`, async () => {
    if (!possible) return
    for (const delayMs of DELAYS_MS[command]) {
      const image = join(folder, 'working')
      const left = join(folder, 'left')
      copyFileSync(bases[command], image)
      assert.ok(mount(image))
      const started = (child: { kill(signal: 'SIGKILL'): boolean }) =>
        void setTimeout(() => child.kill('SIGKILL'), delayMs)
      await device.run(command, [], { started })
      copyFileSync(image, left)
      unmount()
      assert.ok(mount(left))
      const version = await running()
      const allowed = command === 'swap' ? [1, 2] : [1]
      assert.ok(allowed.includes(version ?? 0), `version ${version} after ${delayMs} ms`)
      await device.succeed('upgrade')
      if (version === 1) await device.succeed('swap')
      assert.is(await running(), 2)
      unmount()
    }
  })
}

test.run()
