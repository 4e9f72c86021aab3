/**
 * The Debian packages that the demonstration's two releases consist of: reads the tables that pin
 * them and brings every package into `.cache/packages`, checked against the pinned SHA-256. Where
 * Debian has dropped a pinned version from its pool, takes what the suite has now (apt checks that
 * against its signed index) and says so. Knows nothing of how a tree is made of them.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { downloadTogether } from '../sources/private-apt.mjs'
import { cacheFolder, SetupError, sha256OfFile } from '../workplace.mjs'

const toolsFolder = dirname(dirname(fileURLToPath(import.meta.url)))
const packageFolder = join(cacheFolder, 'packages')
const ARCHITECTURE = 'amd64'
/** The rows of a table: `{ name, old: { version, sha256 }, new: { version, sha256 } }`. */
export function readTable(file) {
  const rows = []
  for (const line of readFileSync(join(toolsFolder, file), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [name, oldVersion, oldDigest, newVersion, newDigest] = line.split('\t')
    const old = { version: oldVersion, sha256: oldDigest }
    rows.push({ name, old, new: newVersion ? { version: newVersion, sha256: newDigest } : old })
  }
  return rows
}

export const tables = (big) =>
  big ? ['demo/packages.tsv', 'demo/packages-big.tsv'] : ['demo/packages.tsv']

const fileOf = (name, version) =>
  join(packageFolder, `${name}_${version.replace(/:/g, '%3a')}_${ARCHITECTURE}.deb`)

/** apt names a package of all architectures `_all`; one name for both is simpler to find again. */
function keepAll(folder) {
  for (const entry of readdirSync(folder)) {
    if (!entry.endsWith('.deb')) continue
    const place = join(packageFolder, entry.replace(/_all\.deb$/, `_${ARCHITECTURE}.deb`))
    renameSync(join(folder, entry), place)
  }
}

/**
 * Downloads pins together; returns those that apt refused. apt says which version it does not know
 * and then fetches nothing, so the rest is asked for again; where it says no name, by halves.
 */
function download(pins, folder) {
  if (pins.length === 0) return []
  const words = pins.map(({ name, version }) => `${name}:${ARCHITECTURE}=${version}`)
  const complaint = downloadTogether(words, folder)
  keepAll(folder)
  if (complaint === undefined) return []
  const named = ({ name, version }) =>
    complaint
      .split('\n')
      .some((line) => line.includes(`'${version}'`) && line.includes(`'${name}'`))
  const refused = pins.length === 1 ? pins : pins.filter(named)
  if (refused.length > 0) {
    const rest = pins.filter((pin) => !refused.includes(pin))
    return [...refused.map((pin) => ({ ...pin, complaint })), ...download(rest, folder)]
  }
  const half = pins.length >> 1
  return [...download(pins.slice(0, half), folder), ...download(pins.slice(half), folder)]
}

/** The newest of a suite in the place of a pin that is gone. */
function replacement(pin, folder) {
  for (const suite of pin.suites) {
    const lone = join(folder, 'lone')
    rmSync(lone, { recursive: true, force: true })
    if (downloadTogether([`${pin.name}:${ARCHITECTURE}/${suite}`], lone) !== undefined) continue
    const entry = readdirSync(lone).find((name) => name.endsWith('.deb'))
    if (!entry) continue
    const version = decodeURIComponent(entry.split('_')[1])
    keepAll(lone)
    process.stderr.write(
      `Debian no longer has ${pin.name} ${pin.version}; taking ${version} of ${suite} instead.\n`,
    )
    const file = fileOf(pin.name, version)
    return { name: pin.name, version, sha256: sha256OfFile(file), file }
  }
  throw new SetupError(
    `the package ${pin.name} ${pin.version} could not be had:\n${pin.complaint}`,
    `check the network, or put it into ${packageFolder}`,
  )
}

/** Whether the file is there and is what was pinned; a broken one is thrown away. */
function holds(pin) {
  const file = fileOf(pin.name, pin.version)
  if (!existsSync(file)) return false
  if (sha256OfFile(file) === pin.sha256) return true
  process.stderr.write(`${file} is broken; fetching it again ...\n`)
  rmSync(file)
  return false
}

/**
 * Brings all packages of tables that stand in this folder. `debian`: the release in which a dropped
 * version's successor is looked for.
 * @returns {{ old: Package[], new: Package[] }} in the tables' order
 * @typedef {{ name: string, version: string, sha256: string, file: string }} Package
 */
export function bringPackages(files, debian = 'bookworm') {
  const rows = files.flatMap(readTable)
  const security = `${debian}-security`
  const pins = new Map()
  for (const row of rows) {
    pins.set(row.new.sha256, { name: row.name, ...row.new, suites: [security, debian] })
    pins.set(row.old.sha256, { name: row.name, ...row.old, suites: [debian, security] })
  }
  mkdirSync(packageFolder, { recursive: true })
  const folder = join(packageFolder, `incoming-${process.pid}`)
  const replaced = new Map()
  try {
    for (let tries = 0; tries < 2; tries++) {
      const missing = [...pins.values()].filter((pin) => !replaced.has(pin.sha256) && !holds(pin))
      if (missing.length === 0) break
      process.stderr.write(`Fetching ${missing.length} Debian packages ...\n`)
      for (const pin of download(missing, folder))
        replaced.set(pin.sha256, replacement(pin, folder))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const chosen = ({ name }, pin) =>
    replaced.get(pin.sha256) ?? { name, ...pin, file: fileOf(name, pin.version) }
  const broken = [...pins.values()].find((pin) => !replaced.has(pin.sha256) && !holds(pin))
  if (broken)
    throw new SetupError(`${broken.name} ${broken.version}: the download does not hold its SHA-256`)
  return {
    old: rows.map((row) => chosen(row, row.old)),
    new: rows.map((row) => chosen(row, row.new)),
  }
}
