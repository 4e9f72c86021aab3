/**
 * What the school upgrades from and to: two trees, published with a pack between them, and what one
 * stock rsync of the same pair costs, which is measured.
 */
import { spawn } from 'node:child_process'
import { lstatSync, lutimesSync, readdirSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { nodeHost } from '../support/host.ts'
import { PUBLISHER } from '../support/program.ts'
import { freePort, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { file, folder, link, makeTree, noise, type Tree } from '../support/tree.ts'

export const OLD = 41
const NEW = 42

/** When files were last changed that are the same in both. */
const SECONDS = 1_700_000_000

export interface Pair {
  old: string
  new: string
  /** How many bytes of air one of its bytes stands for. */
  weight: number
}

/**
 * A pair in the proportions of the demonstration's (docs/BENCHMARK.md), of which it is one part in `weight`:
 * so many entries, so many of them with other content, about as much from a stock rsync and in a pack. What
 * changed is recompiled, as it were: a few bytes everywhere, so that no block of the old file is found again.
 */
export function makePair(weight: number): Pair {
  const trees = scratch('school-trees')
  const at = (version: number) => {
    const path = join(trees, `${version}`)
    makeTree(nodeHost(), path, treeOf(version, weight))
    return path
  }
  return { old: at(OLD), new: at(NEW), weight }
}

const ENTRIES = 14_000
const FILES_EACH = 20
/** One file in so many has other content. */
const CHANGED_EACH = 8
const CHANGED_BYTES = 14_000
const BYTES = 900
/** One byte in so many, in the mean, is another one in a file that changed. */
const BYTES_APART = 38

function treeOf(version: number, weight: number): Tree {
  const tree: Tree = new Map([['.', folder()]])
  const folders = Math.ceil(ENTRIES / weight / (FILES_EACH + 2))
  for (let number = 0; number < folders; number++) {
    const name = `package-${number}`
    tree.set(name, folder())
    for (let each = 0; each < FILES_EACH; each++) {
      const place = number * FILES_EACH + each
      const changes = place % CHANGED_EACH === 0
      const content = noise(changes ? CHANGED_BYTES : BYTES, 1 + place)
      if (changes) recompile(content, version)
      const options = { seconds: SECONDS + (changes ? version : 0) }
      tree.set(`${name}/file-${each}`, file(content, options))
    }
    tree.set(`${name}/link`, link('file-0'))
  }
  return tree
}

function recompile(content: Uint8Array, version: number): void {
  const random = new SeededRandom(version, 'recompile')
  for (
    let at = random.below(BYTES_APART);
    at < content.length;
    at += 1 + random.below(2 * BYTES_APART)
  ) {
    content[at] = random.below(256)
  }
}

/** Both trees in a module, with the pack from the one to the other, signed with that key. */
export function publishPair(pair: Pair, secretKey: string): string {
  const module = join(scratch('school-module'), 'module')
  for (const [version, image] of [
    [OLD, pair.old],
    [NEW, pair.new],
  ] as const) {
    const words = ['publish', '--image', image, '--version', `${version}`, '--to', module]
    const signed = ['--key', secretKey, '--issued', '2026-01-01T00:00:00Z']
    const delta = ['--any-tree', '--delta-from', version === OLD ? 'none' : `${OLD}`]
    mustRun(PUBLISHER, [...words, ...signed, ...delta])
  }
  settleTimes(module)
  return module
}

/** When a file was published must not matter: entries of one time are shorter in a list. */
function settleTimes(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    // The trees have times of their own.
    if (name !== 'root' && lstatSync(path).isDirectory()) settleTimes(path)
    if (name !== 'root') lutimesSync(path, SECONDS, SECONDS)
  }
}

export interface StockCost {
  upBytes: number
  downBytes: number
}

/** To the next of these: a few bytes depend on how the two programs happened to take turns. */
const ROUND_BYTES = 1024

/** What `rsync -az --delete --link-dest` from old to new sends and gets, by a daemon of the same rsync. */
export async function measureStock(pair: Pair): Promise<StockCost> {
  const daemon = await startDaemon('rsync', [{ name: 'tree', path: pair.new }])
  const counted = { upBytes: 0, downBytes: 0 }
  const port = await freePort()
  const server = createServer((near) => {
    const far = connect(daemon.port, '127.0.0.1')
    const pass = (from: Socket, to: Socket, count: (bytes: number) => void) => {
      from.on('data', (bytes: Buffer) => {
        count(bytes.length)
        to.write(bytes)
      })
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
    }
    pass(near, far, (bytes) => {
      counted.upBytes += bytes
    })
    pass(far, near, (bytes) => {
      counted.downBytes += bytes
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const target = scratch('school-stock')
  const words = ['-az', '--delete', '--checksum-seed=1', `--link-dest=${pair.old}`]
  await run('rsync', [...words, `rsync://127.0.0.1:${port}/tree/`, `${target}/`])
  server.close()
  await daemon.stop()
  const rounded = (bytes: number) => Math.ceil(bytes / ROUND_BYTES) * ROUND_BYTES
  return { upBytes: rounded(counted.upBytes), downBytes: rounded(counted.downBytes) }
}

/** Runs a program while this process goes on. */
function run(program: string, words: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('error', reject)
    child.once('exit', (status) => {
      if (status === 0) resolve()
      else reject(new Error(`${program} ${words.join(' ')} ended with ${status}`))
    })
  })
}
