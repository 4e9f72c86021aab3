// deadline: 20 minutes
/**
 * Every stock client against every server, for every case of the table: the same trees, the same words and
 * the same end as between that client and a stock daemon of the newest release.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { run } from '../support/device.ts'
import type { Daemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { type ServerKind, servers } from '../support/servers.ts'
import { type Rsync, stockRsyncs } from '../support/stock-rsync.ts'
import { skip, test } from '../support/suite.ts'
import { CASES, type Case } from './cases.ts'
import { MUST_FAIL } from './must-fail.ts'
import { isRoot, makeEverything, seenOf } from './tree-of-everything.ts'

interface Server {
  name: string
  ours: boolean
  daemon: Daemon
}

interface Outcome {
  status: number | null
  /** What a listing showed, or nothing. */
  shown: string[]
  tree: string[]
  stderr: string
}

const HOUR_SECONDS = 3600

const folder = scratch('matrix')
const served = join(folder, 'served')
const running: Server[] = []
let clients: Rsync[] = []
let count = 0

test.before(async () => {
  makeEverything(served)
  clients = await stockRsyncs()
  for (const { name, ours, start } of await toCompare()) {
    running.push({ name, ours, daemon: await start([{ name: 'xo', path: served }]) })
  }
})

test.after(async () => {
  for (const { daemon } of running) await daemon.stop()
})

/** The newest stock daemon, and what is compared with it: ours, or the oldest where there is none. */
async function toCompare(): Promise<ServerKind[]> {
  const all = await servers()
  const ours = all.filter((kind) => kind.ours)
  const stock = all.filter((kind) => !kind.ours)
  return [...(ours.length > 0 ? ours : stock.slice(0, 1)), ...stock.slice(-1)]
}

/** Times that no server gave: those of this run. */
function timeless(line: string): string {
  return line.replace(/ (\d+)\.\d+ /, (time, seconds: string) => {
    const age = Date.now() / 1000 - Number(seconds)
    return age >= 0 && age < HOUR_SECONDS ? ' now ' : time
  })
}

async function outcomeOf(client: Rsync, port: number, given: Case): Promise<Outcome> {
  const place = join(folder, String(count++))
  const target = join(place, 'target')
  mkdirSync(place)
  given.before?.(target)
  for (const [name, text] of Object.entries(given.files ?? {})) {
    writeFileSync(join(place, name), text, 'latin1')
  }
  const words = given.words.map((word) => word.replace('@', `${place}/`))
  const sources = (given.paths ?? ['']).map((path) => `rsync://127.0.0.1:${port}/xo/${path}`)
  const to = given.lists ? [] : [`${target}/`]
  const { status, stdout, stderr } = await run([...words, ...sources, ...to], {
    program: client.program,
    // Where a client shows times, it does so as anybody would read them.
    environment: { LC_ALL: 'C', TZ: 'UTC' },
  })
  const tree = given.lists ? [] : seenOf(place).map(timeless)
  return { status, shown: given.lists ? stdout.split('\n').sort() : [], tree, stderr }
}

/** What differs, in as few lines as tell it. */
function differences(ours: Outcome, stock: Outcome): string[] {
  const lines: string[] = []
  if (ours.status !== stock.status) lines.push(`status ${ours.status}, not ${stock.status}`)
  for (const what of ['tree', 'shown'] as const) {
    const [own, theirs] = [new Set(ours[what]), new Set(stock[what])]
    lines.push(...stock[what].filter((line) => !own.has(line)).map((line) => `lacks ${line}`))
    lines.push(...ours[what].filter((line) => !theirs.has(line)).map((line) => `has ${line}`))
  }
  if (lines.length > 0) lines.push(ours.stderr)
  return lines.slice(0, 12)
}

for (const given of CASES) {
  test(given.title, async () => {
    for (const client of clients) {
      const newest = running.filter(({ ours }) => !ours).at(-1)
      assert.ok(newest)
      const stock = await deadline(outcomeOf(client, newest.daemon.port, given))
      const what = `${given.title}: the client ${client.version}`
      assert.is(stock.status, given.status ?? 0, `${what}, stock on both sides: ${stock.stderr}`)
      for (const server of running) {
        if (server === newest) continue
        const found = differences(
          await deadline(outcomeOf(client, server.daemon.port, given)),
          stock,
        )
        const known = server.ours ? MUST_FAIL[given.title] : undefined
        if (known === undefined) {
          assert.equal(found, [], `${what} of ${server.name}: ${found.join('\n')}`)
        } else {
          assert.match(found.join('\n'), known, `${what}: it is listed as what must still fail`)
        }
      }
    }
  })
}

test('a whole tree is the one that is served', async () => {
  const wanted = seenOf(served)
  for (const { daemon } of running) {
    for (const client of clients) {
      const target = join(folder, String(count++))
      const words = ['-aH', '--numeric-ids', `rsync://127.0.0.1:${daemon.port}/xo/`, `${target}/`]
      const { status, stderr } = await run(words, { program: client.program })
      assert.is(status, 0, stderr)
      assert.equal(seenOf(target), wanted)
    }
  }
})

test('owners and devices are among it', () => {
  if (!isRoot) skip('only root can make devices, and files of others')
  assert.ok(seenOf(served).some((line) => /"owned\/by-daemon" file 644 1 2 /.test(line)))
  assert.ok(seenOf(served).some((line) => /"far" char .* 511 70000 /.test(line)))
})

test.run()
