/** Files larger than what is sorted at once (64 MiB) are matched window by window, by the publisher's program. */
import { closeSync, ftruncateSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { PROGRAM, PUBLISHER } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

const MIB = 1024 * 1024
const SIZE = 96 * MIB
const NOISE_SIZE = 64 * 1024
const TIMEOUT_MS = 300_000

/** Bytes that no program makes smaller; others for each seed. */
function noise(seed: number): Buffer {
  let state = seed * 2654435761
  return Buffer.from(
    Array.from({ length: NOISE_SIZE }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 24
    }),
  )
}

/** An image with one file that is empty but for some noise; each piece with where it is (MiB). */
function makeImage(version: number, places: number[]): string {
  const image = join(scratch(), `image-${version}`)
  mkdirSync(image)
  const fd = openSync(join(image, 'large'), 'w')
  ftruncateSync(fd, SIZE)
  places.forEach((place, seed) => {
    writeSync(fd, noise(seed + 1), 0, NOISE_SIZE, place * MIB + 4321 * version)
  })
  closeSync(fd)
  return image
}

/** The size of the pack between two images, which the program has proved. */
function packed(older: number[], newer: number[]): number {
  const folder = scratch()
  const key = join(folder, 'release.sec')
  mustRun(PROGRAM, ['keygen', '--to', folder])
  const module = join(folder, 'module')
  mkdirSync(module)
  for (const [version, places, more] of [
    [1, older, []],
    [2, newer, ['--delta-from', '1']],
  ] as const) {
    const image = makeImage(version, [...places])
    const words = ['--image', image, '--version', `${version}`, '--to', module, '--key', key]
    mustRun(PUBLISHER, ['publish', '--any-tree', ...words, ...more], { timeoutMs: TIMEOUT_MS })
  }
  return statSync(join(module, 'deltas/1-2')).size
}

test('what moved within a window is found, wherever it is in the file', () => {
  const size = packed([1, 45, 70, 90], [3, 60, 55, 94])
  assert.ok(size < NOISE_SIZE / 2, `${size}`)
})

test('what moved from one end to the other costs its bytes, and comes out right', () => {
  const size = packed([1, 45, 70], [95, 45, 70])
  assert.ok(size > NOISE_SIZE && size < 1.5 * NOISE_SIZE, `${size}`)
})

test.run()
