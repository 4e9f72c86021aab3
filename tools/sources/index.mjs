/**
 * What Debian's signed index says of a suite, whether this machine follows that suite or not: one apt
 * state of our own for each suite and kind in `.cache/apt`, brought up to date by apt, which checks the
 * signatures. Never touches `/etc/apt` or the machine's own lists, and never installs anything.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from '../workplace.mjs'
import { aptOptionsOf, errorsOf, runAlone } from './apt.mjs'
import { archiveOf } from './machine-sources.mjs'

/** Older lists are fetched again. */
const LISTS_AGE_MAX_MS = 6 * 3600 * 1000
/** The text of an index is up to 60 MB. */
const TEXT_BYTES_MAX = 2 ** 29
/**
 * An archive that failed this often in one run, and never answered, is not asked again in that run.
 */
const FAILURES_MAX = 2

/** By the archive's address: how often it has failed since it last answered. */
const failures = new Map()
/** Indexes that this run has read, and those that it could not get, by folder. */
const indexes = new Map()
const missing = new Map()

function aptGet(folder, words, here) {
  const own = [
    ['Dir::Etc::sourcelist', '/dev/null'],
    ['Dir::Etc::sourceparts', join(folder, 'sources')],
    ['Dir::State::lists', join(folder, 'lists')],
    ['Dir::Cache', join(folder, 'cache')],
    ['Acquire::Languages', 'none'],
    // Old but signed is better than none: the archive of past states has only old ones.
    ['Acquire::Check-Valid-Until', 'false'],
    // A list that could not be brought is an error, not a warning.
    ['APT::Update::Error-Mode', 'any'],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return ['apt-get', ...aptOptionsOf(here), ...own, '-q', ...words]
}

const stanzaOf = (kind, suite, { uri, signedBy }, here) =>
  [
    `Types: ${kind}`,
    `URIs: ${uri}`,
    `Suites: ${suite}`,
    'Components: main',
    ...(kind === 'deb' ? ['Architectures: amd64'] : []),
    `Signed-By: ${signedBy ?? here.keyring}`,
    '',
  ].join('\n')

/** Whether the lists are there, were fetched for these sources, and are not too old. */
function isFresh(folder, sources) {
  const stamp = join(folder, 'stamp')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== sources) return false
  return Date.now() - statSync(stamp).mtimeMs < LISTS_AGE_MAX_MS
}

/** Brings the lists of one state up to date. Returns what stood in the way, or undefined. */
function update(folder, what, source, sources, here) {
  if ((failures.get(source.uri) ?? 0) >= FAILURES_MAX)
    return `not asked: ${source.uri} failed ${FAILURES_MAX} times`
  for (const name of ['sources', 'lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  writeFileSync(join(folder, 'sources', 'suite.sources'), sources)
  here.say(`Reading Debian's index of ${what} ...`)
  const { status, output } = runAlone(
    join(folder, 'lock'),
    aptGet(folder, ['update'], here),
    folder,
    here,
  )
  if (status !== 0) {
    failures.set(source.uri, (failures.get(source.uri) ?? 0) + 1)
    return errorsOf(output).slice(0, 2).join('; ')
  }
  failures.set(source.uri, 0)
  writeFileSync(join(folder, 'stamp'), sources)
  return undefined
}

/** The text of the lists that are there, and the address that their file names are relative to. */
function readLists(folder, here) {
  const format = '$(FILENAME)\t$(REPO_URI)'
  const command = aptGet(folder, ['indextargets', '--format', format], here)
  const { stdout } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' })
  const found = (stdout ?? '').split('\n').map((line) => line.split('\t'))
  const [file, uri] = found.find(([name]) => name && existsSync(name)) ?? []
  if (!file) return undefined
  const { stdout: text, status } = spawnSync('/usr/lib/apt/apt-helper', ['cat-file', file], {
    encoding: 'utf8',
    maxBuffer: TEXT_BYTES_MAX,
  })
  return status === 0 ? { text: `\n${text}`, uri } : undefined
}

/**
 * The index of one suite, `kind` being `deb` or `deb-src`. `fresh`: fetched now in any case, for whoever
 * saw that the archive has moved on. Old lists serve if no new ones can be had.
 * @returns {{ text: string, uri: string }}
 */
export function indexOf(kind, suite, here, { fresh = false } = {}) {
  const folder = join(here.cacheFolder, 'apt', `${kind}-${suite}`)
  const known = indexes.get(folder)
  if (known && (!fresh || known.isOfNow)) return known
  if (missing.has(folder)) throw missing.get(folder)
  const source = archiveOf(suite, here)
  const sources = stanzaOf(kind, suite, source, here)
  const what = kind === 'deb' ? suite : `${suite}'s sources`
  const isUpdated = fresh || !isFresh(folder, sources)
  const trouble = isUpdated ? update(folder, what, source, sources, here) : undefined
  // An empty suite leaves no list.
  const empty = trouble ? undefined : { text: '\n', uri: `${source.uri.replace(/\/$/, '')}/` }
  const lists = readLists(folder, here) ?? empty
  if (!lists) {
    const error = new SetupError(`Debian's index of ${what} could not be had: ${trouble}`)
    missing.set(folder, error)
    throw error
  }
  if (trouble) here.say(`No newer index of ${what} can be had; going on with the last one.`)
  const index = { ...lists, isOfNow: isUpdated }
  indexes.set(folder, index)
  return index
}

/** The fields of the stanza around a place in an index. */
export function stanzaAt(text, at) {
  const start = text.lastIndexOf('\n\n', at)
  const end = text.indexOf('\n\n', at)
  const fields = {}
  const lines = text.slice(start === -1 ? 0 : start + 1, end === -1 ? text.length : end)
  for (const [, name, value] of lines.matchAll(/^([A-Za-z0-9-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)) {
    fields[name.toLowerCase()] = value
  }
  return fields
}

/** Where the stanzas of each package begin, by name; made once per index. */
function placesIn(index) {
  if (index.places) return index.places
  index.places = new Map()
  for (const match of index.text.matchAll(/\nPackage: (.*)\n/g)) {
    const places = index.places.get(match[1])
    if (places) places.push(match.index + 1)
    else index.places.set(match[1], [match.index + 1])
  }
  return index.places
}

/**
 * What a suite has of a package.
 * @returns {{ version: string, sha256: string, address: string, folder: string, depends: string }[]}
 */
export function packagesIn(suite, name, here, options) {
  const index = indexOf('deb', suite, here, options)
  return (placesIn(index).get(name) ?? []).map((at) => {
    const { version, sha256, filename, depends, 'pre-depends': before } = stanzaAt(index.text, at)
    const address = `${index.uri}${filename}`
    const needed = [before, depends].filter(Boolean).join(', ')
    return { version, sha256, address, folder: address.replace(/[^/]*$/, ''), depends: needed }
  })
}

/** Where a suite says that the file of a source package with this digest is; undefined: it has none. */
export function addressOfSource(suite, { file, sha256 }, here) {
  const { text, uri } = indexOf('deb-src', suite, here)
  const line = new RegExp(`\\n ${sha256} [0-9]+ ${file.replace(/[.+]/g, '\\$&')}\\n`).exec(text)
  if (!line) return undefined
  return `${uri}${stanzaAt(text, line.index).directory}/${file}`
}

/** The one file of upstream's of each version of a source package that a suite has. */
export function sourcesIn(suite, name, here) {
  const index = indexOf('deb-src', suite, here)
  return (placesIn(index).get(name) ?? []).flatMap((at) => {
    const { version, 'checksums-sha256': sums = '' } = stanzaAt(index.text, at)
    const [, sha256, file] = /([0-9a-f]{64}) [0-9]+ (\S+\.orig\.tar\.[a-z0-9]+)$/m.exec(sums) ?? []
    return file ? [{ version, file, sha256 }] : []
  })
}
