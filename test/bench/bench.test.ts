/**
 * The benchmark itself, on two small trees: it measures every contender, and what no clock touches is as
 * documented.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

interface Contender {
  key: string
  medians: Record<string, number>
}

interface Fetched {
  bytes: number
}

const folder = mkdtempSync(join(tmpdir(), 'bench-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))

/** Bytes that no program makes smaller. */
function noise(length: number, seed: number): Buffer {
  let state = seed
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return state >>> 24
    }),
  )
}

function makeTrees(): { old: string; newer: string } {
  const [old, newer] = [join(folder, 'old'), join(folder, 'new')]
  mkdirSync(join(old, 'etc'), { recursive: true })
  for (let i = 0; i < 50; i++) writeFileSync(join(old, `etc/file-${i}`), `file ${i}\n`)
  writeFileSync(join(old, 'blob'), noise(200_000, 1))
  cpSync(old, newer, { recursive: true, preserveTimestamps: true })
  // Too many places for the blocks of rsync, few bytes for a pack.
  const blob = noise(200_000, 1)
  for (let at = 0; at < blob.length; at += 1000) blob[at] = (blob[at] ?? 0) ^ 1
  writeFileSync(join(newer, 'blob'), blob)
  // rsync takes a file of the same size and second for the same one.
  utimesSync(join(newer, 'blob'), 2_000_000_000, 2_000_000_000)
  writeFileSync(join(newer, 'etc/added'), noise(10_000, 2))
  return { old, newer }
}

test('every contender is measured, over a slow line too, and other programs beside them', () => {
  const { old, newer } = makeTrees()
  const file = join(folder, 'record.json')
  const picture = join(folder, 'record.svg')
  const measured = ['--runs', '1', '--line', '--others']
  const options = [...measured, '--json', file, '--svg', picture, '--scratch', folder]
  const cases = ['--case', 'upgrade', '--case', 'unchanged']
  const words = ['bench/bench.mjs', '--old', old, '--new', newer, ...options, ...cases]
  const { status, stdout, stderr } = run(process.execPath, words, { timeoutMs: 300_000 })
  assert.is(status, 0, stderr)
  for (const title of ['Upgrade from scratch', 'Nothing changed', 'Other programs']) {
    assert.match(stdout, title)
  }
  const record = JSON.parse(readFileSync(file, 'utf8'))
  const [upgrade, unchanged] = record.cases.map(({ contenders }: { contenders: Contender[] }) =>
    Object.fromEntries(contenders.map(({ key, medians }) => [key, medians])),
  )
  for (const key of ['byFile', 'plain', 'compressed']) {
    assert.ok(upgrade[key].bytes >= 60_000, `${key} fetched what is new`)
  }
  for (const key of ['byPack', 'byFile', 'plain', 'compressed']) {
    assert.ok(upgrade[key].written >= 200_000, `${key} wrote it`)
    assert.ok(upgrade[key].roundTrips >= 4 && upgrade[key].lineWall >= 1.2, key)
  }
  assert.ok(upgrade.byPack.bytes >= 10_000 && upgrade.byPack.bytes <= 20_000, 'by pack')
  assert.ok(upgrade.byPack.roundTrips <= 6, String(upgrade.byPack.roundTrips))
  assert.is(upgrade.byPack.connections, 1, 'the pack comes with the release')
  assert.ok(unchanged.byFile.bytes <= 1000, String(unchanged.byFile.bytes))
  assert.is(unchanged.byFile.connections, 1)
  assert.is(unchanged.byFile.roundTrips, 3, 'the handshake, and two more')
  const svg = readFileSync(picture, 'utf8')
  for (const word of ['Nothing changed', 'rsync -az', 'slow line s', '</svg>']) {
    assert.match(svg, word)
  }
  const others: { name: string; upgrade: Fetched; fresh?: Fetched }[] = record.others
  assert.equal(
    others.map(({ name }) => name),
    ['OSTree, pull', 'OSTree, static delta', 'casync', 'bsdiff, file by file'],
  )
  for (const { name, upgrade, fresh } of others) {
    assert.ok(upgrade.bytes >= 10_000 && upgrade.bytes < 700_000, name)
    assert.ok(fresh === undefined || fresh.bytes > upgrade.bytes / 2, name)
  }
})

test.run()
