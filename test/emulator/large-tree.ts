/**
 * A tree as large as a laptop's real one, 40,000 entries, upgraded from a stock daemon by the bundle in
 * 24 MiB of JavaScript's memory. Some minutes, most of them for the real disk that the daemon serves:
 * `npm run bench:emulator`.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { PROGRAM } from '../support/program.ts'
import { makeKeys } from '../support/release.ts'
import { startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { stockRsyncs } from '../support/stock-rsync.ts'
import { EmulatedLaptop, MEMORY_BYTES } from './kit.ts'

const FILES_EACH = 90
const LINKS_EACH = 10
/** One file in so many differs in the second release. */
const CHANGED_EACH = 40
const RUN_DEADLINE_MS = 180_000
const SECONDS = 1_700_000_000

const keys = makeKeys()
const module = scratch('module')

function publish(version: number, directories: number): void {
  const image = join(scratch('image'), 'image')
  mkdirSync(image)
  for (let directory = 0; directory < directories; directory++) {
    const folder = join(image, `usr-share-packages-${directory}`)
    mkdirSync(folder)
    for (let file = 0; file < FILES_EACH; file++) {
      const number = directory * FILES_EACH + file
      const changes = number % CHANGED_EACH === 0 ? version : 0
      const path = join(folder, `a-name-of-usual-length-${file}.txt`)
      writeFileSync(path, `content ${number} ${changes}\n`.repeat(1 + (number % 30)))
      utimesSync(path, SECONDS, SECONDS + changes)
    }
    for (let link = 0; link < LINKS_EACH; link++) {
      symlinkSync(`a-name-of-usual-length-${link}.txt`, join(folder, `link-${link}`))
    }
    chmodSync(folder, 0o755)
  }
  const words = [
    'publish',
    '--any-tree',
    '--image',
    image,
    '--version',
    `${version}`,
    '--to',
    module,
  ]
  const { status, stderr } = spawnSync(PROGRAM, [...words, '--key', keys.secretFile], {
    encoding: 'utf8',
  })
  assert.is(status, 0, stderr)
}

/** Installs and upgrades a tree of so many directories, and says what each took. */
export async function upgradeLargeTree(directories: number): Promise<void> {
  publish(1, directories)
  const newest = (await stockRsyncs()).at(-1)
  assert.ok(newest)
  const daemon = await startDaemon(newest.program, [{ name: 'xo', path: module }])
  const source = ['--json', '--source', `rsync://127.0.0.1:${daemon.port}/xo`]
  const laptop = new EmulatedLaptop()
  laptop.put(keys.publicFile, '/etc/xo-upgrade/keys/release.pub')
  const installed = await deadline(laptop.run(['install', ...source]), RUN_DEADLINE_MS)
  assert.is(installed.status, 0, installed.stderr + JSON.stringify(installed.last))
  publish(2, directories)
  const upgraded = await deadline(laptop.run(['upgrade', ...source]), RUN_DEADLINE_MS)
  await daemon.stop()
  assert.is(upgraded.status, 0, upgraded.stderr + JSON.stringify(upgraded.last))
  const files = directories * FILES_EACH
  const changed = Math.ceil(files / CHANGED_EACH)
  assert.is(upgraded.last.fetchedFiles, changed)
  assert.is(upgraded.last.linked, files - changed)
  for (const { memory } of [installed, upgraded]) {
    const used = `${(memory.mostBytes / 2 ** 20).toFixed(1)} MiB`
    console.log(`  JavaScript took at most ${used}`)
    assert.ok(memory.mostBytes < MEMORY_BYTES, used)
  }
}
