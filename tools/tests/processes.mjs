/**
 * What a test file started and left running: found in /proc by its session, by its parents, and by the mark
 * in its environment; and ends it. A process that escapes all three on purpose is not found.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** How long a killed process may take to go. */
const GOING_MS = 2000
const POLL_MS = 20

function readOrNothing(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** All processes of this machine that are not already dead. */
function running() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      // After the name in brackets, which may hold anything: state, parent, group, session.
      const stat = readOrNothing(`/proc/${name}/stat`)
      const [state, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (stat === '' || state === 'Z' || state === 'X') return []
      return [{ pid: Number(name), parent: Number(parent), session: Number(session) }]
    })
}

/** What tests start has this in its environment, unless it is given another environment. */
export const MARK = 'XO_TEST_FILE'

/**
 * Those that come from the process `leader`, which leads its session and carries `mark`, without itself.
 * @param children what it had when it ended; children that are left get another parent
 */
export function startedBy({ leader, mark, children }) {
  const wanted = `${MARK}=${mark}\0`
  const found = new Set([leader])
  const others = running().filter(({ pid }) => pid !== process.pid)
  const marked = others.filter(({ pid, session }) => {
    if (session === leader || children.includes(pid)) return true
    return readOrNothing(`/proc/${pid}/environ`).includes(wanted)
  })
  for (const { pid } of marked) found.add(pid)
  for (let before = 0; before !== found.size; ) {
    before = found.size
    for (const { pid, parent } of others) if (found.has(parent)) found.add(pid)
  }
  found.delete(leader)
  return [...found]
}

/** The command line, for people. */
export function commandOf(pid) {
  return readOrNothing(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 100)
}

export function kill(pid, signal = 'SIGKILL') {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/** Ends all that `startedBy` finds, and waits until it is gone. */
export async function endAll(family) {
  const end = Date.now() + GOING_MS
  for (let left = startedBy(family); left.length > 0; left = startedBy(family)) {
    for (const pid of left) kill(pid)
    if (Date.now() > end) return
    await wait(POLL_MS)
  }
}
