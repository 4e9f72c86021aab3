/**
 * Brings binary packages of Debian into `.cache/packages`, for everything that tests, boots and the
 * demonstration run against: a pinned version if it can still be had, checked against its SHA-256, or else
 * what a suite has today, as its signed index says. All packages come this way; it knows nothing of what
 * they are for.
 */

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { run, SetupError, sha256, sha256OfFile } from '../workplace.mjs'
import { bringFiles } from './apt.mjs'
import { here as thisMachine } from './here.mjs'
import { packagesIn } from './index.mjs'

const ARCHITECTURE = 'amd64'
/** For how long a substitute for a pin is used again without asking for the newest. */
const TAKEN_AGE_MAX_MS = 7 * 24 * 3600 * 1000
/** More lines than this of one kind are summed up, so that what matters fits on a screen. */
const LINES_MAX = 8

/**
 * `suites`: where to look, first where it is likeliest; `newest`: the newest of all of them, where no pin
 * can be had, instead of what the first one has.
 * @typedef {{ version: string, sha256: string }} Pin
 * @typedef {{ name: string, pins: Pin[], suites: string[], newest?: boolean }} Wanted
 * @typedef {{ name: string, version: string, sha256: string, file: string, suite?: string }} Package
 */

const folderOf = (here) => join(here.cacheFolder, 'packages')

const fileName = (name, version) => `${name}_${version.replace(/:/g, '%3a')}_${ARCHITECTURE}.deb`

const packageOf = (name, { version, sha256, suite }, here) => {
  return { name, version, sha256, suite, file: join(folderOf(here), fileName(name, version)) }
}

/** Whether the file is there and is the right one; a broken one is thrown away. */
function holds({ file, sha256 }, here) {
  if (!existsSync(file)) return false
  if (sha256OfFile(file) === sha256) return true
  here.say(`${file} is broken; fetching it again ...`)
  rmSync(file, { force: true })
  return false
}

/** Where substitutes for pins that are gone are written down. */
const takenFile = (wanted, here) =>
  join(
    folderOf(here),
    'taken',
    `${wanted.name}-${sha256(JSON.stringify(wanted)).slice(0, 16)}.json`,
  )

/** What was taken for this before; `atAnyAge` if nothing newer can be had. */
function takenBefore(wanted, here, { atAnyAge = false } = {}) {
  const file = takenFile(wanted, here)
  if (!existsSync(file)) return undefined
  if (!atAnyAge && Date.now() - statSync(file).mtimeMs > TAKEN_AGE_MAX_MS) return undefined
  const taken = packageOf(wanted.name, JSON.parse(readFileSync(file, 'utf8')), here)
  return holds(taken, here) ? taken : undefined
}

function writeDown(wanted, { version, sha256, suite }, here) {
  const file = takenFile(wanted, here)
  mkdirSync(join(folderOf(here), 'taken'), { recursive: true })
  writeFileSync(`${file}.partial-${process.pid}`, JSON.stringify({ version, sha256, suite }))
  renameSync(`${file}.partial-${process.pid}`, file)
}

export function isNewer(version, than) {
  return spawnSync('dpkg', ['--compare-versions', version, 'gt', than]).status === 0
}

/** What a suite has, or nothing if it can't be asked; the reason is kept once for each suite. */
function ask(suite, name, problems, here, options) {
  try {
    return packagesIn(suite, name, here, options).map((found) => ({ ...found, suite }))
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    problems.add(error.message)
    return []
  }
}

/** Brings those of the files that are missing. */
function bring(files, problems, here) {
  const folder = join(folderOf(here), `incoming-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  try {
    const wanted = files.filter(({ file }) => !existsSync(file))
    const each = new Map(wanted.map((one) => [`${one.file} ${one.address}`, one]))
    const coming = [...each.values()].map((one, number) => {
      return { ...one, target: join(folder, String(number)) }
    })
    const complaint = bringFiles(coming, folder, here)
    for (const line of complaint.split('\n').filter(Boolean)) problems.add(line)
    for (const { target, file } of coming) if (existsSync(target)) renameSync(target, file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Pins by the address that an index gives for them, or else beside what the index has instead: the pool
 * keeps some versions that no index names any more.
 */
function bringPins(missing, problems, here) {
  const files = []
  const told = new Set()
  for (const { name, pins, suites } of missing) {
    const found = suites.flatMap((suite) => ask(suite, name, told, here))
    for (const pin of pins) {
      const named = found.find(({ sha256 }) => sha256 === pin.sha256)
      const { file } = packageOf(name, pin, here)
      const version = pin.version.replace(/^[0-9]+:/, '')
      const addresses = named
        ? [named.address]
        : new Set(
            found.map(({ folder, address }) => {
              const ending = /_[a-z0-9]+\.deb$/.exec(address)?.[0]
              return `${folder}${name}_${version}${ending}`
            }),
          )
      for (const address of addresses) files.push({ ...pin, file, address })
      if (named) break
    }
  }
  bring(files, problems, here)
}

/** What would do in place of the pins, best first. `fresh`: by an index that is fetched now. */
function choicesFor({ name, suites, newest }, problems, here, fresh) {
  const newestFirst = (a, b) => (isNewer(a.version, b.version) ? -1 : 1)
  const found = suites.map((suite) => ask(suite, name, problems, here, { fresh }))
  const choices = newest
    ? found.flat().sort(newestFirst)
    : found.flatMap((of) => of.sort(newestFirst))
  return [...new Map(choices.reverse().map((one) => [one.sha256, one])).values()].reverse()
}

/** What the suites have today; where the first choice can't be had, the next. */
function bringToday(missing, problems, here, fresh) {
  const choices = new Map(missing.map((one) => [one, choicesFor(one, problems, here, fresh)]))
  const taken = new Map()
  for (let round = 0; [...choices.values()].some((list) => list.length > round); round++) {
    const tried = missing
      .filter((wanted) => !taken.has(wanted) && choices.get(wanted)[round])
      .map((wanted) => [wanted, choices.get(wanted)[round]])
      .map(([wanted, one]) => [wanted, { ...one, ...packageOf(wanted.name, one, here) }])
    bring(
      tried.map(([, one]) => one),
      problems,
      here,
    )
    for (const [wanted, one] of tried) if (holds(one, here)) taken.set(wanted, one)
  }
  return taken
}

/** Reports what is not as pinned; says nothing if nothing is pinned. */
function sayTaken(taken, here) {
  const lines = [...taken]
    .filter(([{ pins }]) => pins.length > 0)
    .map(([{ name, pins }, { version, suite }]) => {
      const gone = pins.map((pin) => pin.version).join(' or ')
      return `Debian no longer has ${name} ${gone}; taking ${version} of ${suite}.`
    })
  for (const line of shortened(lines)) here.say(line)
}

const shortened = (lines) =>
  lines.length > LINES_MAX
    ? [...lines.slice(0, LINES_MAX), `... and ${lines.length - LINES_MAX} more`]
    : lines

function inCache(wanted, here) {
  const kept = wanted.pins
    .map((pin) => packageOf(wanted.name, pin, here))
    .find((one) => holds(one, here))
  return kept ?? takenBefore(wanted, here)
}

/**
 * Brings all of them; what could be had of each is at its place in the result.
 * @param {Wanted[]} wanted
 * @returns {Package[]}
 */
export function bringPackages(wanted, here = thisMachine) {
  mkdirSync(folderOf(here), { recursive: true })
  const found = new Map()
  const problems = new Set()
  const ofPins = new Set()
  const lookAgain = (look) => {
    for (const one of wanted) if (!found.has(one)) found.set(one, look(one) ?? undefined)
    for (const [one, have] of found) if (!have) found.delete(one)
    return wanted.filter((one) => !found.has(one))
  }
  let missing = lookAgain((one) => inCache(one, here))
  if (missing.length > 0) {
    here.say(`Fetching ${missing.length} Debian packages ...`)
    bringPins(missing, ofPins, here)
    missing = lookAgain((one) => inCache(one, here))
  }
  for (const fresh of [false, true]) {
    if (missing.length === 0) break
    const taken = bringToday(missing, problems, here, fresh)
    sayTaken(taken, here)
    for (const [one, have] of taken) writeDown(one, have, here)
    missing = lookAgain((one) => taken.get(one))
  }
  missing = lookAgain((one) => takenBefore(one, here, { atAnyAge: true }))
  if (missing.length > 0) throw cannotHave(missing, [...problems, ...ofPins], here)
  return wanted.map((one) => found.get(one))
}

/** The first that can be had of several, of which one is enough. */
export function bringFirst(wanted, here = thisMachine) {
  const kept = wanted.map((one) => inCache(one, here)).find(Boolean)
  if (kept) return kept
  const problems = []
  for (const one of wanted) {
    try {
      return bringPackages([one], here)[0]
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      problems.push(error.message)
    }
  }
  throw new SetupError(problems.join('\n') || 'no package was asked for')
}

function cannotHave(missing, problems, here) {
  const names = shortened(
    missing.map(({ name, pins, suites }) => {
      const versions = pins.map(({ version }) => version).join(' or ') || 'any version'
      return `${name} (${versions}, or what ${suites.join(' or ')} has)`
    }),
  )
  return new SetupError(
    `${missing.length} Debian packages could not be had:\n  ${names.join('\n  ')}\nbecause:\n  ${shortened(problems).join('\n  ')}`,
    `check the network and the apt sources in ${here.aptFolder}, and run the same again: what came is kept. docs/BUILDING.md says what to do without a network`,
  )
}

/** The folder into which a package, and nothing else, was unpacked. */
export async function unpackPackage({ file, sha256 }) {
  const tree = `${file.replace(/\.deb$/, '')}-${sha256.slice(0, 12)}`
  if (existsSync(tree)) return tree
  const partial = `${tree}.partial-${process.pid}`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true })
  await run(['dpkg-deb', '-x', file, partial])
  // Another tool may have unpacked it meanwhile.
  if (existsSync(tree)) rmSync(partial, { recursive: true, force: true })
  else renameSync(partial, tree)
  return tree
}
