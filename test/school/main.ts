/** `npm run school`: the same school takes the same upgrade in every way, one after the other. */
import { readFileSync, writeFileSync } from 'node:fs'
import { makeDisks } from './disks.ts'
import { makePair, measureStock } from './pair.ts'
import { pictureOf, tableOf } from './report.ts'
import { type Figures, take, type Way } from './scenario.ts'

const BUNDLE = 'build/xo-upgrade.js'
/** One part of the demonstration's pair in so many is what the emulated laptops have. */
const WEIGHT = 80

const WAYS: readonly Way[] = [
  { name: 'stock rsync each', stock: true },
  { name: 'file by file', words: ['--no-packs'] },
  { name: 'by pack' },
  { name: 'by pack, some come and go', leaving: 0.3 },
  { name: 'by pack, with neighbours', neighbours: true },
  { name: 'neighbours, server off after one', neighbours: true, serverOff: true },
  { name: 'neighbours, some come and go', neighbours: true, leaving: 0.3 },
]

interface Options {
  laptops?: number
  seed?: number
  hops?: number
  accessPoints?: number
  json?: string
  svg?: string
}

export async function main(options: Options): Promise<void> {
  const { laptops = 200, seed = 1, hops = 3, accessPoints = 1 } = options
  const layout = { laptops, seed, hops, accessPoints }
  try {
    const all = await runWays(layout, (text) => console.log(text))
    console.log(`\n${tableOf(all)}`)
    const caption = `${laptops} laptops, ${hops} hops, ${accessPoints} access points, seed ${seed}`
    if (options.json) {
      writeFileSync(options.json, `${JSON.stringify({ ...layout, ways: all }, undefined, 2)}\n`)
    }
    if (options.svg) writeFileSync(options.svg, pictureOf(all, caption))
  } catch (error) {
    const words = `--laptops ${laptops} --hops ${hops} --access-points ${accessPoints}`
    console.error(`Seed ${seed} fails. Again: npm run school -- ${words} --seed ${seed}`)
    throw error
  }
}

interface Layout {
  laptops: number
  seed: number
  hops: number
  accessPoints: number
}

export async function runWays(
  layout: Layout,
  tell: (text: string) => void,
  ways: readonly Way[] = WAYS,
): Promise<Figures[]> {
  const bundle = { name: BUNDLE, text: readFileSync(BUNDLE, 'utf8') }
  const pair = makePair(WEIGHT)
  const stock = await measureStock(pair)
  const disks = await makeDisks(pair, bundle, layout.seed)
  const all: Figures[] = []
  for (const way of ways) {
    const startMs = performance.now()
    all.push(await take({ ...layout, pair, stock, disks, bundle }, way))
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0)
    tell(`${way.name}: simulated in ${seconds} s`)
  }
  return all
}
