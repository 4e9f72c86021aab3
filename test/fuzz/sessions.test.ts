/**
 * Whole upgrades by the program under the sanitizers, from a stock rsync daemon whose words are altered on
 * their way, and from altered sticks.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { copyTree } from '../support/tree.ts'
import { type Alteration, AlteredDaemon, alteration } from './altered-daemon.ts'
import { change, changed, place } from './arbitraries.ts'
import { Laptop } from './laptop.ts'
import { properties } from './property.ts'

const property = properties('sessions')
/** A run of the program, and two copies of a store. */
const COST = 40

/** Done; a source that is wrong, is not there, or is slow. */
const SOURCE_ENDS = [0, 65, 69, 75]

let laptop: Laptop
let daemon: Daemon
let altered: AlteredDaemon

property.before(async () => {
  laptop = await Laptop.set()
  daemon = await startDaemon('rsync', [{ name: 'xo', path: laptop.publisher.module }])
  altered = await AlteredDaemon.start(daemon.port)
})
property.after(async () => {
  altered?.stop()
  await daemon?.stop()
})

for (const compress of ['auto', 'zlibx', 'none']) {
  property(
    `a daemon whose words are altered, compressed as "${compress}"`,
    fc.array(alteration, { minLength: 1, maxLength: 3 }),
    async (alterations) => {
      const url = `rsync://127.0.0.1:${altered.port}/xo`
      if (!known.has(compress)) {
        known.add(compress)
        await session(url, compress, [], [0])
      }
      await session(url, compress, alterations, SOURCE_ENDS)
    },
    COST,
  )
}

/** How long the unaltered words are was learnt for these. */
const known = new Set<string>()

async function session(
  url: string,
  compress: string,
  alterations: readonly Alteration[],
  statuses: number[],
): Promise<void> {
  altered.alter(alterations)
  laptop.begin([url], { transfer: { compress } })
  await laptop.ends(statuses, 'upgrade')
  laptop.isAsBefore()
  await laptop.recovers()
}

/** The regular files of a folder, by their paths below it. */
function filesOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'latin1' })
  return names.filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile())
}

property(
  'a stick with altered files',
  fc.array(fc.tuple(place, change), {
    minLength: 1,
    maxLength: 3,
  }),
  async (changes) => {
    const stick = join(scratch('stick'), 'xo')
    copyTree(laptop.publisher.module, stick)
    const names = filesOf(stick).filter((name) => !name.startsWith('1/root'))
    for (const [which, one] of changes) {
      const path = join(stick, names[Math.floor(which * names.length)] ?? '')
      const content = readFileSync(path)
      writeFileSync(path, changed(content, one, content))
    }
    laptop.begin([`file://${stick}`])
    await laptop.ends(SOURCE_ENDS, 'upgrade')
    laptop.isAsBefore()
    await laptop.recovers()
  },
  COST,
)

property.run()
