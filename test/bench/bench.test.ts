/**
 * The benchmark itself, on two small trees: it measures every contender, and what no clock touches is as
 * documented.
 */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
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
  appendFileSync(join(newer, 'blob'), noise(50_000, 2))
  writeFileSync(join(newer, 'etc/added'), noise(10_000, 3))
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
  for (const key of ['upgrader', 'plain', 'compressed']) {
    assert.ok(upgrade[key].bytes >= 60_000, `${key} fetched what is new`)
    assert.ok(upgrade[key].written >= 250_000, `${key} wrote it`)
    assert.ok(upgrade[key].roundTrips >= 4 && upgrade[key].lineWall >= 1.2, key)
  }
  assert.ok(unchanged.upgrader.bytes <= 900, String(unchanged.upgrader.bytes))
  assert.is(unchanged.upgrader.connections, 1)
  assert.is(unchanged.upgrader.roundTrips, 3, 'the handshake, and two more')
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
    assert.ok(upgrade.bytes >= 60_000 && upgrade.bytes < 700_000, name)
    assert.ok(fresh === undefined || fresh.bytes > upgrade.bytes / 2, name)
  }
})

test.run()
