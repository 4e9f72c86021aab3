/** How long each test file took when it last passed, so that the longest go first. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../workplace.mjs'
import { demandsOf } from './test-file.mjs'

const FILE = join(cacheFolder, 'test-times.json')
/** The part of its deadline that a file is taken to need if nobody has timed it. */
const PART = 0.1

function readTimes() {
  try {
    return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {}
  } catch {
    return {}
  }
}

/** The longest first. */
export function inOrder(paths) {
  const times = readTimes()
  const secondsOf = (path) => times[path] ?? demandsOf(path).deadlineMinutes * 60 * PART
  return paths
    .map((path) => ({ path, seconds: secondsOf(path) }))
    .sort((a, b) => b.seconds - a.seconds)
    .map(({ path }) => path)
}

/** @param passed files with their `seconds` */
export function remember(passed) {
  const times = readTimes()
  for (const { path, seconds } of passed) times[path] = Math.round(seconds * 10) / 10
  mkdirSync(dirname(FILE), { recursive: true })
  const partial = `${FILE}.partial-${process.pid}`
  writeFileSync(partial, JSON.stringify(times, null, 1))
  renameSync(partial, FILE)
}
