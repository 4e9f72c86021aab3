/** What `npm run pins` finds stale, and what it writes; and the rsyncs that float with the suites. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import type { Deb } from './archive.ts'
import { inWorld, type World } from './world.ts'

interface Stale {
  what: string
  elsewhere: string[]
  row?: string
}

const fields = ({ name, version, sha256 }: Deb) => `${name}\t${version}\t${sha256}`

function tableOf(rows: string[]): string {
  const table = join(scratch('table'), 'table.tsv')
  writeFileSync(table, `# made by a test\n${rows.join('\n')}\n`)
  return table
}

async function check(world: World, table: object, write: boolean) {
  const words = [table, write, '{here}']
  const { value, said } = await world.run('sources/pins.mjs', 'checkPins', words)
  assert.ok(value, said)
  return value as Stale[]
}

inWorld(
  'a stale package is listed with what each suite has, and written on demand',
  async (world) => {
    const { archive } = world
    const [kept, old] = [archive.deb('kept', '1'), archive.deb('tool', '1.0')]
    const [now, newest] = [archive.deb('tool', '1.1'), archive.deb('tool', '1.2')]
    archive.publish('bookworm', [kept, now])
    archive.publish('bookworm-updates', [newest])
    const pinned = [fields(kept), fields(old)]
    const path = tableOf(pinned)
    const table = { path, kind: 'package', suites: ['bookworm', 'bookworm-updates'] }
    const [stale, ...more] = await check(world, table, false)
    assert.equal(more, [])
    assert.is(stale?.what, 'tool 1.0')
    assert.equal(stale?.elsewhere, ['1.1 in bookworm', '1.2 in bookworm-updates'])
    assert.is(readFileSync(path, 'utf8'), `# made by a test\n${pinned.join('\n')}\n`)
    await check(world, table, true)
    const written = `# made by a test\n${fields(kept)}\n${fields(newest)}\n`
    assert.is(readFileSync(path, 'utf8'), written)
    assert.equal(await check(world, table, true), [])
  },
)

inWorld('a stale archive becomes what the first suite has, with its day', async (world) => {
  const zed = world.archive.source('zed', 'zed_1.4+dfsg.orig.tar.gz', 'version 1.4')
  world.archive.publish('trixie', [], [{ stanza: zed.stanza.replace('1-2\n', '1:1.4+dfsg-2\n') }])
  const upstream = `zed\t1.3\tzed.tar.gz\t${'1'.repeat(64)}\t-\t-\thttps://example.org/zed.tar.gz`
  const pin = `zed\t1.3\tzed_1.3.orig.tar.gz\t${'3'.repeat(64)}\tzed\t2026-01-01\t-`
  const path = tableOf([pin, upstream])
  const table = { path, kind: 'archive', suites: ['trixie'] }
  const [stale] = await check(world, table, true)
  assert.is(stale?.what, 'zed 1.3 (zed_1.3.orig.tar.gz)')
  const day = new Date().toISOString().slice(0, 10)
  const now = `zed\t1.4\tzed_1.4+dfsg.orig.tar.gz\t${zed.sha256}\tzed\t${day}\t-`
  assert.is(readFileSync(path, 'utf8'), `# made by a test\n${now}\n${upstream}\n`)
})

inWorld('what no suite has any more is listed, and its row is left', async (world) => {
  world.archive.publish('trixie', [])
  const row = `tool\t1.0\t${'1'.repeat(64)}`
  const path = tableOf([row])
  const stale = await check(world, { path, kind: 'package', suites: ['trixie', 'forky'] }, true)
  assert.equal(stale[0]?.elsewhere, [])
  assert.match(readFileSync(path, 'utf8'), row)
})

/** A program that says that it is a release of rsync. */
const rsync = (world: World, version: string) =>
  world.archive.deb('rsync', `${version}+ds1-1`, {
    'usr/bin/rsync': `#!/bin/sh\necho 'rsync  version ${version}  protocol version 31'\n`,
  })

const rsyncsOf = (world: World, debs: Deb[]) => {
  const rows = debs.map((deb, at) => `${fields(deb)}\t${['bookworm', 'trixie'][at]}`)
  return world.run('sources/rsync-binaries.mjs', 'rsyncBinaries', ['{here}', tableOf(rows)])
}

inWorld('rsyncs float: two releases that are not the pinned ones are as good', async (world) => {
  const { archive } = world
  const pinned = [rsync(world, '3.2.7'), rsync(world, '3.4.1')]
  archive.publish('bookworm', [rsync(world, '3.2.9')])
  archive.publish('trixie', [rsync(world, '3.10.0')])
  for (const deb of pinned) archive.drop(deb)
  const { value, said } = await rsyncsOf(world, pinned)
  assert.equal(
    (value as { version: string }[]).map(({ version }) => version),
    ['3.2.9', '3.10.0'],
  )
  assert.match(said, 'Debian no longer has rsync 3.4.1+ds1-1; taking 3.10.0+ds1-1 of trixie.')
})

inWorld('two suites with one release are one, which is too few, and it is said', async (world) => {
  const deb = rsync(world, '3.5.0')
  world.archive.publish('bookworm', [deb])
  world.archive.publish('trixie', [deb])
  const { failed, said } = await rsyncsOf(world, [deb, deb])
  assert.ok(failed)
  assert.match(said, 'tests need 2 different releases of rsync, but only 3.5.0 could be had')
})

test.run()
