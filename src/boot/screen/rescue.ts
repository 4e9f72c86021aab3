/**
 * When the laptop can't go on by itself: a screen that says what happened and what to press, the rescue
 * shell, and the ways to end. It always goes on after a while, because nobody may be there.
 */

import { isSystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import { CHILD_ENVIRONMENT } from '../machine/child-environment.ts'
import type { Console } from './console.ts'
import { layOut } from './layout.ts'

interface Trouble {
  title: string
  /** What happened. */
  lines: string[]
  /** What was tried, a sentence each. */
  found?: string[]
  shellAllowed: boolean
  /** What happens by itself, as `…is tried again`, and when. */
  next: string
  afterMs: number
}

/** Shows it and waits for a key or the time; returns when it is time to go on, true after a shell. */
export async function showTrouble(console: Console, trouble: Trouble): Promise<boolean> {
  const { title, lines, found = [], shellAllowed, next, afterMs } = trouble
  const keys = ['r  try again now', ...(shellAllowed ? ['s  rescue shell'] : [])]
  keys.push('b  restart', 'o  switch off')
  const last = ['', ...keys.map((key) => `  ${key}`), '']
  last.push(`In ${Math.round(afterMs / 1000)} seconds ${next}.`)
  for (const sentence of found) console.debug(sentence)
  console.screen(layOut([title, '', ...lines], found, last))
  const { host } = console
  const endMs = host.clock.monotonicMs() + afterMs
  for (;;) {
    const leftMs = endMs - host.clock.monotonicMs()
    const pressed = leftMs > 0 ? await console.key(leftMs) : undefined
    if (!pressed || /[rR\r\n]/.test(pressed.keys)) return false
    if (/[bB]/.test(pressed.keys)) await endMachine(host, console, 'restart')
    if (/[oO]/.test(pressed.keys)) await endMachine(host, console, 'power-off')
    if (/[sS]/.test(pressed.keys) && shellAllowed) {
      await rescueShell(console, pressed.terminal)
      return true
    }
  }
}

/** A shell on the console on which it was asked for; resolves when it ends. */
export async function rescueShell(console: Console, terminal: Path): Promise<void> {
  const { processes, files } = console.host
  console.line('This is the rescue shell. `exit` goes on with the start.')
  console.cooked()
  // A session of its own on that console, or Ctrl-C would reach nobody.
  const script = 'exec setsid -c sh <"$1" >"$1" 2>&1'
  const root = files.openRoot('/')
  const known = terminal !== '' && files.stat(root, terminal.slice(1)) !== undefined
  files.close(root)
  const command = known ? ['sh', '-c', script, 'sh', terminal] : ['sh']
  try {
    await processes.start({ command, environment: CHILD_ENVIRONMENT, pipe: false }).ended
  } catch (error) {
    if (!isSystemError(error)) throw error
    console.line(`There is no shell (${error.code}).`)
  }
}

/** Writes everything to the disks, and restarts or ends. */
export async function endMachine(
  { system, clock }: Host,
  console: Console,
  how: 'restart' | 'power-off',
): Promise<never> {
  console.line(how === 'restart' ? 'Restarting.' : 'Switching off.')
  for (;;) {
    system.syncAll()
    try {
      system.reboot(how)
    } catch (error) {
      if (!isSystemError(error)) throw error
      console.line(`The kernel refuses that (${error.code}).`)
    }
    // This process has nothing else left to do, and must not end.
    await clock.sleep(60_000)
  }
}
