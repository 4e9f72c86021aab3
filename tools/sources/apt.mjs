/**
 * How apt's programs are run here: with which options, one at a time, and what is said while we wait for
 * another one. Files of Debian's archive also come through apt, since it knows the machine's proxies,
 * passwords and kinds of address.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const HELPER = '/usr/lib/apt/apt-helper'
/** flock's status if somebody else has the lock. */
const IS_TAKEN = 75
/** Longer than any of apt's own time-outs add up to. */
const RUN_MAX_MS = 1_800_000
/** So that a command line stays far below what a kernel takes. */
const FILES_A_CALL = 100

export const lastLines = (output, count = 6) => output.trim().split('\n').slice(-count).join('\n')

/**
 * What apt calls errors, of everything it said, without the line that only says that there were some.
 */
export function errorsOf(output) {
  const errors = output.split('\n').filter((line) => line.startsWith('E: '))
  const telling = errors.filter(
    (line) => !/^E: (Download Failed|Some index files failed)/.test(line),
  )
  const lines = (telling.length > 0 ? telling : errors).map((line) => line.slice(3))
  return lines.length > 0 ? lines : [lastLines(output, 2)]
}

export function aptOptionsOf({ patienceSeconds, retries, aptOptions }) {
  return [
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Retries', retries],
    ['Acquire::http::Timeout', patienceSeconds],
    ['Acquire::https::Timeout', patienceSeconds],
  ]
    .flatMap(([name, value]) => ['-o', `${name}=${value}`])
    .concat(aptOptions)
}

/** Runs one of apt's programs to its end. */
export function runApt(command, folder) {
  const run = spawnSync(command[0], command.slice(1), {
    cwd: folder,
    encoding: 'utf8',
    timeout: RUN_MAX_MS,
    maxBuffer: 2 ** 26,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (run.error) return { status: 127, output: `${command[0]}: ${run.error.message}` }
  return { status: run.status ?? 1, output: `${run.stdout}${run.stderr}` }
}

/** The same under a lock; if another set-up has it, says so and waits. */
export function runAlone(lock, command, folder, here) {
  const first = runApt(['flock', '--nonblock', '-E', String(IS_TAKEN), lock, ...command], folder)
  if (first.status !== IS_TAKEN) return first
  here.say('Another set-up is doing the same; waiting for it ...')
  return runApt(['flock', lock, ...command], folder)
}

/** What apt says where another one is at work on the same. */
const IS_LOCKED = /Could not get lock (\S+?)\.?(?: It is held by process ([0-9]+) \(([^)]*)\))?\n/
const LOOK_AGAIN_MS = 1000

const sleep = (durationMs) =>
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs)

/** Runs apt-get on the machine itself. If another apt holds a lock, says so and waits for it. */
export function aptGet(words, here) {
  const command = ['apt-get', '-q', ...aptOptionsOf(here), ...words]
  let isSaid = false
  for (let waitedMs = 0; ; waitedMs += LOOK_AGAIN_MS) {
    const result = runApt(command, '/')
    const [, lock, process, name] = IS_LOCKED.exec(`${result.output}\n`) ?? []
    if (result.status === 0 || !lock || waitedMs >= here.lockSeconds * 1000) return result
    const holder = process ? `${name}, process ${process},` : 'Another apt'
    if (!isSaid) here.say(`${holder} holds ${lock}; waiting for it ...`)
    isSaid = true
    sleep(LOOK_AGAIN_MS)
  }
}

/** What apt says if a server is not there or does not answer; then it is asked for nothing more. */
const IS_DEAF = /timed out|[Cc]ould not connect|[Uu]nable to connect|Temporary failure|resolve/

/** The first file goes alone, to find out whether anybody answers. */
function* portions(files) {
  if (files.length > 0) yield files.slice(0, 1)
  for (let at = 1; at < files.length; at += FILES_A_CALL) yield files.slice(at, at + FILES_A_CALL)
}

/**
 * Brings files of Debian's archive, each to its target, which is there afterwards only if its SHA-256 is
 * right. One that can't be had keeps none of the others from coming.
 * @param {{ address: string, target: string, sha256: string }[]} files
 * @returns {string} what apt complained of, for those that are not there
 */
export function bringFiles(files, folder, here) {
  let complaints = ''
  if (!existsSync(HELPER)) return `${HELPER} is not there: this is no Debian machine`
  for (const portion of portions(files)) {
    const words = portion.flatMap(({ address, target, sha256 }) => {
      return [address, target, `SHA256:${sha256}`]
    })
    const command = [HELPER, ...aptOptionsOf(here), 'download-file', ...words]
    const { status, output } = runApt(command, folder)
    if (status !== 0) complaints += `${errorsOf(output).join('\n')}\n`
    if (IS_DEAF.test(complaints) && !portion.some(({ target }) => existsSync(target))) break
  }
  return complaints.trim()
}
