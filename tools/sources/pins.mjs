/**
 * `npm run pins`: which pins of the tables are stale, that is, no longer named by an index of the suites
 * that they are looked for in; and what each suite has instead. `--write` pins what there is now. Stale
 * packages do no harm, because others may take their place; a new pin of a source archive means a new
 * version in the product.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../command-line.mjs'
import { SetupError } from '../workplace.mjs'
import { SOURCE_SUITES } from './fetch.mjs'
import { here as thisMachine } from './here.mjs'
import { addressOfSource, packagesIn, sourcesIn } from './index.mjs'
import { isNewer } from './packages.mjs'
import { archiveTable, toolsFolder } from './tables.mjs'

/** Every table of packages, with the Debian release of what it pins. */
const PACKAGE_TABLES = [
  ['demo/packages.tsv', 'bookworm'],
  ['demo/packages-big.tsv', 'bookworm'],
  ['boot/busybox.tsv', 'bookworm'],
  ['boot/systemd.tsv', 'bookworm'],
  ['boot/sysvinit.tsv', 'bookworm'],
  ['boot/wireless.tsv', 'bookworm'],
  ['boot/soft.tsv', 'trixie'],
  ['boot/kernel.tsv', 'bookworm'],
].map(([file, debian]) => ({ path: join(toolsFolder, file), debian }))

/** @typedef {{ table: string, what: string, elsewhere: string[], row?: string }} Stale */

const newestOf = (found) =>
  found.reduce((best, one) => (best && !isNewer(one.version, best.version) ? best : one), undefined)

/** An index that can't be had is reported once, and counts as empty. */
function asking(here) {
  const silent = new Set()
  return (suite, ask) => {
    try {
      return ask(suite)
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      if (!silent.has(error.message)) here.say(error.message)
      silent.add(error.message)
      return []
    }
  }
}

/** One row of a table of packages: what is stale of it, and the row as it would be now. */
function checkPackage(fields, suites, ask, here) {
  const [name, version, sha256, newer, newerSha256] = fields
  const found = suites.flatMap((suite) =>
    ask(suite, () => packagesIn(suite, name, here).map((one) => ({ ...one, suite }))),
  )
  const isThere = (digest) => found.some((one) => one.sha256 === digest)
  const gone = [
    ...(isThere(sha256) ? [] : [version]),
    ...(!newer || isThere(newerSha256) ? [] : [newer]),
  ]
  if (gone.length === 0) return undefined
  const elsewhere = found.map((one) => `${one.version} in ${one.suite}`)
  if (found.length === 0) return { what: `${name} ${gone.join(' and ')}`, elsewhere }
  // Release 41 is the suite's first version, if that is not also the newest.
  const latest = newestOf(found)
  const first = isThere(sha256) ? { version, sha256 } : newer ? found[0] : latest
  const last = newer && isThere(newerSha256) ? { version: newer, sha256: newerSha256 } : latest
  const row = [name, first.version, first.sha256]
  if (newer && last.sha256 !== first.sha256) row.push(last.version, last.sha256)
  return { what: `${name} ${gone.join(' and ')}`, elsewhere, row: row.join('\t') }
}

/** A row of the rsyncs, which names its suite. */
function checkRsync(fields, _suites, ask, here) {
  const [name, version, sha256, suite] = fields
  const stale = checkPackage([name, version, sha256], [suite], ask, here)
  return stale && { ...stale, row: stale.row && `${stale.row}\t${suite}` }
}

/** The library's own version, from Debian's version of its package. */
const upstreamVersion = (version) =>
  version
    .replace(/^[0-9]+:|-[^-]*$/g, '')
    .replace(/^.*\+really/, '')
    .replace(/[+.~]?(dfsg|ds).*$/, '')

/** A row of the archives; those that only upstream has are not looked for. */
function checkArchive(fields, suites, ask, here) {
  const [name, version, file, sha256, debianPackage] = fields
  if (debianPackage === '-') return undefined
  const has = (suite) => ask(suite, () => [addressOfSource(suite, { file, sha256 }, here)])
  if (suites.some((suite) => has(suite)[0])) return undefined
  const found = suites.flatMap((suite) =>
    ask(suite, () => sourcesIn(suite, debianPackage, here).map((one) => ({ ...one, suite }))),
  )
  const elsewhere = found.map((one) => `${one.file} in ${one.suite}`)
  const what = `${name} ${version} (${file})`
  const now = found[0]
  if (!now) return { what, elsewhere }
  const day = new Date().toISOString().slice(0, 10)
  const pin = [name, upstreamVersion(now.version), now.file, now.sha256, debianPackage, day, '-']
  return { what, elsewhere, row: pin.join('\t') }
}

/** Goes through a table: returns what is stale, and writes the rows as they would be now. */
function checkTable({ path, suites, check }, write, ask, here) {
  const stale = []
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => {
      if (line === '' || line.startsWith('#')) return line
      const found = check(line.split('\t'), suites, ask, here)
      if (found) stale.push({ table: path, ...found })
      return found?.row ?? line
    })
  if (write && stale.some(({ row }) => row)) writeFileSync(path, lines.join('\n'))
  return stale
}

/** All tables, or the given ones. */
const allTables = () => [
  { path: archiveTable, suites: SOURCE_SUITES, check: checkArchive },
  { path: join(toolsFolder, 'sources/rsyncs.tsv'), suites: [], check: checkRsync },
  ...PACKAGE_TABLES.map(({ path, debian }) => ({
    ...{ path, check: checkPackage },
    suites: [debian, `${debian}-security`, `${debian}-updates`],
  })),
]

const KINDS = { archive: checkArchive, rsync: checkRsync, package: checkPackage }

/**
 * What is stale in one table of a kind, with or without `--write`; for the tests, which have tables of
 * their own.
 * @returns {Stale[]}
 */
export const checkPins = ({ path, kind, suites }, write, here = thisMachine) =>
  checkTable({ path, suites, check: KINDS[kind] }, write, asking(here), here)

function describe({ table, what, elsewhere, row }, write) {
  const instead = elsewhere.length > 0 ? `there is ${elsewhere.join(', ')}` : 'there is no other'
  const done = write && row ? '; pinned that' : ''
  return `${table.slice(toolsFolder.length + 1)}: ${what} is in no index; ${instead}${done}\n`
}

const USAGE = {
  call: 'npm run pins --',
  about:
    'Lists the pins of archives and packages that no index names any more, and what there is instead.',
  options: { write: { about: 'pins what there is now' } },
}

await runCommand(import.meta.url, USAGE, ({ write = false }) => {
  const ask = asking(thisMachine)
  const stale = allTables().flatMap((table) => checkTable(table, write, ask, thisMachine))
  for (const one of stale) process.stdout.write(describe(one, write))
  const count = stale.length === 1 ? '1 pin is' : `${stale.length} pins are`
  process.stdout.write(`${count} stale\n`)
})
