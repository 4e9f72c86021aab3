// deadline: 20 minutes
/**
 * A school of eight laptops over the air, every way of upgrading: all get it, packs cost a fraction of a
 * stock rsync each, and the same seed tells the same story to the microsecond.
 */
import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'
import { runWays } from './main.ts'
import { pictureOf, tableOf } from './report.ts'

/** What docs/MESH.md promises, against one stock rsync a laptop. */
const AIR_OF_STOCK_MAX = 0.08
const OF_IDEAL_MAX = 1.2

const LAYOUT = { laptops: 8, seed: 1, hops: 2, accessPoints: 1 }

test('eight laptops take an upgrade, by pack for a fraction of the air that stock rsyncs take', async () => {
  const all = await runWays(LAYOUT, () => {})
  const [stock, files, packs, leaving, neighbours, off, mixed] = all
  assert.ok(stock && files && packs && leaving && neighbours && off && mixed && all.length === 7)
  assert.ok(packs.airSeconds <= AIR_OF_STOCK_MAX * stock.airSeconds, tableOf(all))
  assert.ok(leaving.airSeconds < files.airSeconds, tableOf(all))
  assert.ok(leaving.left > 0, 'nobody left')
  for (const { busiestSeconds, airSeconds, halfSeconds, allSeconds } of all) {
    assert.ok(busiestSeconds <= airSeconds && busiestSeconds <= allSeconds)
    assert.ok(halfSeconds <= allSeconds)
  }
  assert.is(packs.fromNeighbours, 0)
  assert.ok(
    neighbours.fromNeighbours > 0 && neighbours.serverBytes < packs.serverBytes,
    tableOf(all),
  )
  // Whoever was not the first has it from another one, or had nearly all of it already.
  assert.ok(off.fromNeighbours >= 4, tableOf(all))
  // So much is under way that the air is never idle for long.
  assert.ok(stock.allSeconds <= OF_IDEAL_MAX * stock.busiestSeconds, tableOf(all))
  assert.match(tableOf(all), /by pack, some come and go/)
  const picture = pictureOf(all, 'eight laptops')
  assert.is(picture.match(/<rect/g)?.length, 1 + 6 * all.length)
  assert.ok(!/NaN|undefined/.test(picture + tableOf(all)))
})

test('the same seed tells the same story, another one another', async () => {
  const by = [{ name: 'by pack, come and go', leaving: 1 }]
  const layout = { ...LAYOUT, laptops: 3 }
  const one = await runWays(layout, () => {}, by)
  assert.equal(await runWays(layout, () => {}, by), one)
  assert.not.equal(await runWays({ ...layout, seed: 2 }, () => {}, by), one)
})

test.run()
