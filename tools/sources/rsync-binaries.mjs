/**
 * The stock rsyncs of the field, for interoperability tests: each from its Debian package, unpacked into
 * `.cache` with the libraries of its own suite, and started through those, including C library and loader.
 * What the machine itself has installed is neither used nor changed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { runCommand } from '../command-line.mjs'
import { run, SetupError } from '../workplace.mjs'
import { here as thisMachine } from './here.mjs'
import { packagesIn } from './index.mjs'
import { bringPackages } from './packages.mjs'
import { readRows, toolsFolder } from './tables.mjs'

export const rsyncTable = join(toolsFolder, 'sources/rsyncs.tsv')
/** With fewer, nothing shows that what works with one release works with another. */
const RELEASES_MIN = 2
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']
const LOADER = 'ld-linux-x86-64.so.2'

/** @typedef {{ version: string, command: string[] }} Rsync */

/** What `--version` says, or undefined if the program can't be started in this way. */
function versionOf(command) {
  const answer = spawnSync(command[0], [...command.slice(1), '--version'], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  return answer.status === 0 ? /version v?(\S+)/.exec(answer.stdout)?.[1] : undefined
}

/** The suites that have the libraries: a security suite has only what was mended. */
const suitesOf = (suite) =>
  suite.endsWith('-security') ? [suite, suite.replace('-security', '')] : [suite]

/**
 * The libraries that a package is linked with, and those that they are linked with, as the suite's index
 * says.
 */
function librariesOf(name, suite, here) {
  const suites = suitesOf(suite)
  const found = new Set()
  const visit = (package_) => {
    const entry = suites.flatMap((one) => packagesIn(one, package_, here))[0]
    for (const [needed] of (entry?.depends ?? '').matchAll(/\b(lib|zlib)[a-z0-9.+-]+/g)) {
      if (found.has(needed)) continue
      found.add(needed)
      visit(needed)
    }
  }
  visit(name)
  return [...found].map((library) => ({ name: library, pins: [], suites }))
}

/**
 * One folder with the program and all its libraries, made once, under the digest of the program.
 */
async function unpackRsync(rsync, suite, here) {
  const folder = join(here.cacheFolder, 'rsyncs')
  const tree = join(folder, `${rsync.version}-${suite}-${rsync.sha256.slice(0, 12)}`)
  if (existsSync(tree)) return tree
  const partial = `${tree}.partial-${process.pid}`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true })
  const libraries = bringPackages(librariesOf('rsync', suite, here), here)
  for (const { file } of [rsync, ...libraries]) await run(['dpkg-deb', '-x', file, partial])
  if (existsSync(tree)) rmSync(partial, { recursive: true, force: true })
  else renameSync(partial, tree)
  return tree
}

/** The words that start the program of a tree with the libraries of that tree. */
function commandOf(tree) {
  const folders = LIBRARY_FOLDERS.map((name) => join(tree, name)).filter(existsSync)
  const loader = folders.map((name) => join(name, LOADER)).find(existsSync)
  const program = join(tree, 'usr/bin/rsync')
  return loader ? [loader, '--library-path', folders.join(delimiter), program] : [program]
}

async function rsyncOf({ pin, suite }, here) {
  const wanted = { name: 'rsync', pins: [pin], suites: [suite] }
  const [rsync] = bringPackages([wanted], here)
  const command = commandOf(await unpackRsync(rsync, suite, here))
  const version = versionOf(command)
  if (version && rsync.version.includes(version)) return { version, command }
  throw new SetupError(
    `rsync ${rsync.version} of ${suite} can't be started, or says that it is ${version ?? 'nothing'}`,
    `${command.join(' ')} --version shows why`,
  )
}

/** The rows that can be had, up to `enough` of them, and what stood in the way of the others. */
async function bringRsyncs(rows, here, enough = rows.length) {
  const rsyncs = []
  const problems = []
  for (const [, version, sha256, suite] of rows) {
    if (rsyncs.length >= enough) break
    try {
      rsyncs.push(await rsyncOf({ pin: { version, sha256 }, suite }, here))
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      problems.push(error.message)
    }
  }
  return { rsyncs, problems }
}

const inOrder = (a, b) => a.version.localeCompare(b.version, 'en', { numeric: true })

/**
 * The releases that can be had today; fewer than two are an error.
 * @returns {Promise<Rsync[]>} oldest first
 */
export async function rsyncBinaries(here = thisMachine, table = rsyncTable) {
  const brought = await bringRsyncs(readRows(table), here)
  const { problems } = brought
  // Two suites may have the same release.
  const releases = new Map(brought.rsyncs.map((rsync) => [rsync.version, rsync]))
  const rsyncs = [...releases.values()].sort(inOrder)
  if (rsyncs.length >= RELEASES_MIN) return rsyncs
  const versions = rsyncs.map(({ version }) => version).join(', ') || 'none'
  throw new SetupError(
    `tests need ${RELEASES_MIN} different releases of rsync, but only ${versions} could be had:\n${problems.join('\n')}`,
    'check the network; docs/BUILDING.md says what to do where all of them are gone',
  )
}

/**
 * The newest that can be had, or else the machine's own, for whoever needs just one.
 * @returns {Promise<Rsync>}
 */
export async function newestRsync(here = thisMachine) {
  const {
    rsyncs: [newest],
    problems,
  } = await bringRsyncs(readRows(rsyncTable).reverse(), here, 1)
  if (newest) return newest
  const version = versionOf(['rsync'])
  if (version) return { version, command: ['rsync'] }
  throw new SetupError(problems.join('\n'), 'check the network, or apt-get install rsync')
}

const USAGE = {
  call: 'node tools/sources/rsync-binaries.mjs',
  about: 'Brings the stock rsyncs that the tests run against, and prints how each is started.',
}

await runCommand(import.meta.url, USAGE, async () => {
  for (const { version, command } of await rsyncBinaries()) {
    process.stdout.write(`${version}  ${command.join(' ')}\n`)
  }
})
