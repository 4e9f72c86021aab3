/**
 * JavaScript's memory (the wasm heap itself), limited more and more: wherever it runs out, the run ends
 * with status 70 and says so, the trees are whole, and with enough memory the same command ends well.
 */

import * as assert from 'uvu/assert'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { silent } from '../../src/progress.ts'
import { Store } from '../../src/store/store.ts'
import { describe, verify } from '../../src/store/verify.ts'
import { nastyImage } from '../power-cut/images.ts'
import { seedOfRun } from '../power-cut/seed.ts'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'
import { EmulatedLaptop } from './kit.ts'

const KIB = 1024
const SAMPLES = 10
/** Between the least that an engine starts with, and what is plenty here. */
const LEAST_BYTES = 640 * KIB
const PLENTY_BYTES = 8 * 1024 * KIB
const WORDS = ['--json', '--source', 'file:///module']
const RUN_DEADLINE_MS = 60_000

const publisher = new Publisher()
for (const version of [1, 2]) publisher.publish(version, nastyImage(version))
const seed = seedOfRun()

function run(laptop: EmulatedLaptop, words: string[], memoryBytes: number) {
  return deadline(laptop.run(words, { memoryBytes }), RUN_DEADLINE_MS)
}

async function proveTrees(laptop: EmulatedLaptop): Promise<(number | undefined)[]> {
  const store = Store.open(nodeHost(virtualFiles(laptop.disk.snapshot())), '/xo', false)
  const versions: (number | undefined)[] = []
  for (const name of ['fakeroot', 'upgraded-root'] as const) {
    const release = store.tree(name)?.release
    versions.push(release?.version)
    if (!release) continue
    const { damage } = await verify(store, name, { release, full: true, progress: silent })
    const [first] = damage
    assert.is(first && describe(first), undefined)
  }
  return versions
}

test('wherever the memory of JavaScript ends, the laptop keeps a whole tree', async () => {
  const base = new EmulatedLaptop()
  base.put(publisher.keys.publicFile, '/etc/xo-upgrade/keys/release.pub')
  base.put(publisher.module, '/module')
  const installed = await run(base, ['install', '--version', '1', ...WORDS], PLENTY_BYTES)
  assert.is(installed.status, 0, installed.stderr)
  const { memory } = await run(copyOf(base), ['upgrade', ...WORDS], PLENTY_BYTES)
  // Fragmentation also takes part of the heap.
  const enough = Math.ceil(memory.mostBytes * 1.5)
  const random = new SeededRandom(seed)
  const ends = { out: 0, done: 0 }
  for (let sample = 0; sample < SAMPLES; sample++) {
    const memoryBytes = LEAST_BYTES + random.below(enough - LEAST_BYTES)
    const laptop = copyOf(base)
    const { status, stderr, last } = await run(laptop, ['upgrade', ...WORDS], memoryBytes)
    const what = `${memoryBytes} bytes, seed ${seed}: ${status} ${stderr} ${JSON.stringify(last)}`
    assert.ok(status === 0 || (status === 70 && /out of memory/.test(stderr)), what)
    ends[status === 0 ? 'done' : 'out']++
    const [running, waiting] = await proveTrees(laptop)
    assert.is(running, 1, what)
    assert.ok([undefined, 2].includes(waiting), what)
    assert.is((await run(laptop, ['upgrade', ...WORDS], PLENTY_BYTES)).status, 0, what)
    assert.equal(await proveTrees(laptop), [1, 2], what)
  }
  console.log(`${SAMPLES} limits below ${enough} bytes: ${ends.out} ran out, seed ${seed}`)
  assert.ok(ends.out > 0, 'no run ran out of memory')
})

function copyOf(laptop: EmulatedLaptop): EmulatedLaptop {
  return new EmulatedLaptop(laptop.disk.snapshot())
}

test.run()
