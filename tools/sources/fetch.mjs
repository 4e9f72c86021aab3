/**
 * Brings the pinned source archives into `.cache/archives`, each checked against its SHA-256 before anybody
 * reads it. Of a Debian source package only the one file that is used is fetched, by itself, because the
 * rest may be gone while that file is not. `node tools/sources/fetch.mjs` brings all archives.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../command-line.mjs'
import { SetupError, sha256OfFile } from '../workplace.mjs'
import { bringFiles, lastLines } from './apt.mjs'
import { here as thisMachine } from './here.mjs'
import { addressOfSource } from './index.mjs'
import { debianArchives } from './machine-sources.mjs'
import { archiveTable, readArchives } from './tables.mjs'
import { bringFromWeb } from './web.mjs'

/** In which suites a file of a source package may be, the likeliest first. */
export const SOURCE_SUITES = [
  'trixie',
  'trixie-security',
  'trixie-updates',
  'forky',
  'sid',
  'bookworm',
]

const folderOf = (here) => join(here.cacheFolder, 'archives')

/** Whether the file is there and is what was pinned; a broken one is thrown away, and reported. */
function holds(path, sha256, problems, here) {
  if (!existsSync(path)) return false
  const found = sha256OfFile(path)
  if (found === sha256) return true
  problems.push(`${path}: expected SHA-256 ${sha256}, found ${found}`)
  here.say(`${path} is broken (SHA-256 ${found}); fetching it again ...`)
  rmSync(path, { force: true })
  return false
}

/** The folder of a source package in a pool: by its first letter, or a library's first four. */
const poolFolder = (name) => `${name.slice(0, name.startsWith('lib') ? 4 : 1)}/${name}`

/** Where a file must be by its name alone: in the archive, and in the security archive. */
function poolAddresses({ debianPackage, file }, here) {
  const { archive, security } = debianArchives(here)
  const path = `${poolFolder(debianPackage)}/${file}`
  const below = (source, part) =>
    source ? [`${source.uri.replace(/\/$/, '')}/${part}/${path}`] : []
  return [...below(archive, 'pool/main'), ...below(security, 'pool/updates/main')]
}

/** Where the archive of past states has what Debian's archives had on a given day. */
function pastAddresses({ debianPackage, file, day }, { snapshot }) {
  const time = `${day.replace(/-/g, '')}T000000Z`
  const path = `${poolFolder(debianPackage)}/${file}`
  return [
    `${snapshot}/archive/debian/${time}/pool/main/${path}`,
    `${snapshot}/archive/debian-security/${time}/pool/updates/main/${path}`,
  ]
}

/**
 * Every way to one file, in order: where the indexes say it is, where it has to be by its name,
 * upstream's address, and Debian's past. Each is looked up when its turn comes.
 */
function waysTo(pin, here) {
  const debian = pin.debianPackage !== undefined
  const fromIndex = (suite) => () => [addressOfSource(suite, pin, here)].filter(Boolean)
  const indexes = debian ? SOURCE_SUITES.map((suite) => ['archive', fromIndex(suite)]) : []
  const pool = debian ? [['archive', () => poolAddresses(pin, here)]] : []
  const upstream = pin.url ? [['web', () => [pin.url]]] : []
  const past = debian && pin.day ? [['web', () => pastAddresses(pin, here)]] : []
  return [...indexes, ...pool, ...upstream, ...past]
}

async function bringFrom(kind, address, { target, sha256 }, here) {
  if (kind === 'web') return bringFromWeb(address, target, here)
  const complaint = bringFiles([{ address, target, sha256 }], folderOf(here), here)
  if (!existsSync(target)) throw new SetupError(complaint || `${address}: nothing came`)
}

/** A broken file may have been cut short on the way, so each address is asked twice. */
async function bringOnce(kind, address, pin, problems, here) {
  const path = join(folderOf(here), pin.file)
  const target = `${path}.partial-${process.pid}`
  for (let tries = 0; tries < 2; tries++) {
    try {
      await bringFrom(kind, address, { target, sha256: pin.sha256 }, here)
    } catch (error) {
      problems.push(lastLines(error.message, 1))
      return false
    }
    if (!holds(target, pin.sha256, problems, here)) continue
    renameSync(target, path)
    return true
  }
  return false
}

/** Whether the file could be had by any way. */
async function bringPin(pin, problems, here) {
  const tried = new Set()
  for (const [kind, addresses] of waysTo(pin, here)) {
    let found = []
    try {
      found = addresses()
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      problems.push(lastLines(error.message, 1))
    }
    for (const address of found) {
      if (tried.has(address)) continue
      tried.add(address)
      if (await bringOnce(kind, address, pin, problems, here)) return true
    }
  }
  return false
}

/** The path of a source archive, its content checked. */
export async function fetchArchive(name, here = thisMachine, table = archiveTable) {
  const pins = readArchives(table).filter((pin) => pin.name === name)
  const problems = []
  const folder = folderOf(here)
  const inCache = (pin) => holds(join(folder, pin.file), pin.sha256, problems, here)
  const kept = pins.find(inCache)
  if (kept) return join(folder, kept.file)
  mkdirSync(folder, { recursive: true })
  for (const pin of pins) {
    here.say(`Fetching the source of ${name} ${pin.version} (${pin.file}) ...`)
    if (await bringPin(pin, problems, here)) return join(folder, pin.file)
  }
  const wanted = pins.map(({ file, sha256 }) => `${file} (SHA-256 ${sha256})`)
  throw new SetupError(
    `the source of ${name} could not be had:\n  ${[...new Set(problems)].join('\n  ')}`,
    `put one of these into ${folder}, from wherever you have it; docs/BUILDING.md says more:\n     ${wanted.join('\n     ')}`,
  )
}

/** The paths of all archives of a table. */
export async function fetchAll(here = thisMachine, table = archiveTable) {
  const paths = []
  for (const name of new Set(readArchives(table).map((pin) => pin.name))) {
    paths.push(await fetchArchive(name, here, table))
  }
  return paths
}

/** The digest of every file that would do; it goes into the names of what is built from it. */
export function archiveIdentity(name) {
  return readArchives()
    .filter((pin) => pin.name === name)
    .map(({ sha256 }) => sha256)
    .join(' ')
}

const USAGE = {
  call: 'node tools/sources/fetch.mjs',
  about: 'Brings every source archive into the cache, and prints where it stands.',
}

await runCommand(import.meta.url, USAGE, async () => {
  for (const path of await fetchAll()) process.stdout.write(`${path}\n`)
})
