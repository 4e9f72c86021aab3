/** The sources that are compiled into the product: one file each, by every way that there is, or an error. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { sha256 } from './archive.ts'
import { inWorld, SCREEN_LINES, type World } from './world.ts'

const SUITES = ['trixie', 'trixie-security', 'trixie-updates', 'forky', 'sid', 'bookworm']
const DAY = '2026-11-29'
const CONTENT = 'the library, version 1.3'

interface Row {
  version?: string
  file: string
  sha256: string
  debianPackage?: string
  day?: string
  url?: string
}

/** The library `zed`, as a table pins it. */
function tableOf(rows: Row[]): string {
  const table = join(scratch('table'), 'archives.tsv')
  const lines = rows.map(({ version = '1.3', file, sha256: digest, debianPackage, day, url }) =>
    ['zed', version, file, digest, debianPackage ?? '-', day ?? '-', url ?? '-'].join('\t'),
  )
  writeFileSync(table, `# made by a test\n${lines.join('\n')}\n`)
  return table
}

/** The content of the file that came, and all that a person saw. */
async function fetchZed(world: World, rows: Row[]) {
  const words = ['zed', '{here}', tableOf(rows)]
  const { value, said, failed } = await world.run('sources/fetch.mjs', 'fetchArchive', words)
  const path = value as string | undefined
  return { content: path && readFileSync(path, 'utf8'), path, said, failed }
}

/** A source package, its pin, and suites of which only some have it. */
function source(world: World, suites: string[]) {
  const zed = world.archive.source('zed', 'zed_1.3.orig.tar.gz', CONTENT)
  for (const suite of SUITES) world.archive.publish(suite, [], suites.includes(suite) ? [zed] : [])
  return { zed, pin: { file: zed.file, sha256: zed.sha256, debianPackage: 'zed', day: DAY } }
}

/** Puts a file where the test's server has upstream's, or Debian's past. */
function serve(world: World, path: string, content: string) {
  const file = join(world.archive.folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}

inWorld('one file of a source package, whose .dsc is missing, and nothing else', async (world) => {
  const { pin } = source(world, ['trixie'])
  const { content, path } = await fetchZed(world, [pin])
  assert.is(content, CONTENT)
  assert.is(basename(path ?? ''), 'zed_1.3.orig.tar.gz')
  assert.not.ok(world.asked.some((asked) => /\.dsc|debian\.tar|forky|sid/.test(asked)))
  // It is had without a network from then on.
  world.mischief.set('/', 'error')
  const again = await fetchZed(world, [pin])
  assert.is(again.content, CONTENT)
  assert.is(again.said, '')
})

inWorld('a later suite has what the first no longer names', async (world) => {
  const { zed, pin } = source(world, [])
  // At a place in the pool that its name does not tell.
  world.archive.copy(zed, 'pool/main/y/yed/zed_1.3.orig.tar.gz')
  world.archive.drop(zed)
  const moved = { stanza: zed.stanza.replace('pool/main/z/zed', 'pool/main/y/yed') }
  world.archive.publish('sid', [], [moved])
  assert.is((await fetchZed(world, [pin])).content, CONTENT)
})

inWorld('the pool has by its name what no index names', async (world) => {
  const { pin } = source(world, [])
  assert.is((await fetchZed(world, [pin])).content, CONTENT)
})

inWorld('the pool serves where there is no index at all', async (world) => {
  const { pin } = source(world, ['trixie'])
  world.mischief.set('dists/', 'error')
  assert.is((await fetchZed(world, [pin])).content, CONTENT)
})

inWorld("upstream's address, where Debian has nothing", async (world) => {
  const { zed, pin } = source(world, ['trixie'])
  world.archive.drop(zed)
  serve(world, 'upstream/zed.tar.gz', CONTENT)
  const { content } = await fetchZed(world, [{ ...pin, url: `${world.url}/upstream/zed.tar.gz` }])
  assert.is(content, CONTENT)
})

for (const how of ['missing', 'error', 'stand still', 'cut short'] as const) {
  inWorld(`Debian and upstream, ${how}: Debian's past has it by its date`, async (world) => {
    const { zed, pin } = source(world, ['trixie'])
    const past = 'snapshot/archive/debian/20261129T000000Z/pool/main/z/zed/zed_1.3.orig.tar.gz'
    world.archive.copy(zed, past)
    serve(world, 'upstream/zed.tar.gz', CONTENT)
    world.mischief.set('/upstream', how)
    world.mischief.set('/debian/pool', how)
    const { content } = await fetchZed(world, [{ ...pin, url: `${world.url}/upstream/zed.tar.gz` }])
    assert.is(content, CONTENT)
  })
}

inWorld('what does not hold its digest is not taken, and the next way is tried', async (world) => {
  const { zed, pin } = source(world, ['trixie'])
  serve(world, zed.path, 'something else, of the same name')
  serve(world, 'upstream/zed.tar.gz', CONTENT)
  const { content } = await fetchZed(world, [{ ...pin, url: `${world.url}/upstream/zed.tar.gz` }])
  assert.is(content, CONTENT)
})

inWorld('of several pinned versions the best that can be had', async (world) => {
  const { pin } = source(world, ['trixie'])
  const better = { ...pin, version: '1.4', file: 'zed_1.4.orig.tar.gz', sha256: '4'.repeat(64) }
  assert.is((await fetchZed(world, [better, pin])).content, CONTENT)
  const newer = world.archive.source('zed', 'zed_1.4.orig.tar.gz', 'version 1.4')
  world.archive.publish('trixie', [], [newer])
  const { content } = await fetchZed(world, [{ ...better, sha256: newer.sha256 }, pin])
  assert.is(content, CONTENT, 'what is in the cache is enough')
})

inWorld('everything is gone: one screen names the ways and what would do', async (world) => {
  const { zed, pin } = source(world, ['trixie'])
  world.archive.drop(zed)
  serve(world, 'upstream/zed.tar.gz', 'something else')
  const url = `${world.url}/upstream/zed.tar.gz`
  const { failed, said } = await fetchZed(world, [{ ...pin, url }])
  assert.ok(failed)
  assert.ok(said.trim().split('\n').length <= SCREEN_LINES, said)
  assert.match(said, 'the source of zed could not be had')
  assert.match(said, `/debian/pool/main/z/zed/zed_1.3.orig.tar.gz  404`)
  assert.match(
    said,
    `expected SHA-256 ${zed.sha256}, found ${sha256(Buffer.from('something else'))}`,
  )
  assert.match(said, `/snapshot/archive/debian/20261129T000000Z/pool/main/z/zed`)
  assert.match(said, `put one of these into ${join(world.cacheFolder, 'archives')}`)
  assert.match(said, `zed_1.3.orig.tar.gz (SHA-256 ${zed.sha256})`)
})

for (const how of ['error', 'stand still'] as const) {
  inWorld(`the whole world, ${how}: an end, and one screen`, async (world) => {
    const { pin } = source(world, ['trixie'])
    world.mischief.set('/', how)
    const { failed, said } = await fetchZed(world, [{ ...pin, url: `${world.url}/zed.tar.gz` }])
    assert.ok(failed)
    assert.ok(said.trim().split('\n').length <= SCREEN_LINES, said)
  })
}

inWorld('a machine whose sources name no Debian archive still has upstream', async (world) => {
  const { pin } = source(world, ['trixie'])
  serve(world, 'upstream/zed.tar.gz', CONTENT)
  writeFileSync(join(world.aptFolder, 'sources.list.d/test.sources'), '')
  const url = `${world.url}/upstream/zed.tar.gz`
  assert.is((await fetchZed(world, [{ ...pin, url }])).content, CONTENT)
})

inWorld('all archives of a table, each in the first of its forms', async (world) => {
  const { pin } = source(world, ['trixie'])
  const table = tableOf([pin, { ...pin, file: 'another-form.tar.gz', sha256: '1'.repeat(64) }])
  const { value, said } = await world.run('sources/fetch.mjs', 'fetchAll', ['{here}', table])
  assert.equal(value, [join(world.cacheFolder, 'archives', pin.file)], said)
})

inWorld('two set-ups at once bring the same file', async (world) => {
  const { pin } = source(world, ['trixie'])
  const both = await Promise.all([1, 2, 3].map(() => fetchZed(world, [pin])))
  for (const { content, said } of both) assert.is(content, CONTENT, said)
})

test.run()
