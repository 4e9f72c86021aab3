/**
 * The menu of the boot console: one key, one choice. It never waits forever, because a key pressed
 * by a child's bag must not keep the laptop from starting.
 */

import type { KernelWords } from '../machine/kernel-words.ts'
import type { Console } from './console.ts'

type Choice =
  | 'start'
  | 'previous'
  | 'recover'
  | 'network'
  | 'usb'
  | 'debug'
  | 'shell'
  | 'restart'
  | 'off'

const CHOICES: { key: string; choice: Choice; text: string }[] = [
  { key: '1', choice: 'start', text: 'start as usual' },
  { key: '2', choice: 'previous', text: 'go back to the version before' },
  { key: '3', choice: 'recover', text: 'repair the system, from a stick or the network' },
  { key: '4', choice: 'network', text: 'repair it from the network only' },
  { key: '5', choice: 'usb', text: 'repair it from a USB stick only' },
  { key: '6', choice: 'debug', text: 'start, and show every step' },
  { key: '7', choice: 'shell', text: 'open a rescue shell' },
  { key: '8', choice: 'restart', text: 'restart' },
  { key: '9', choice: 'off', text: 'switch off' },
]
/** How long somebody may think it over (milliseconds). */
const CHOOSE_MS = 60_000

interface MenuChoice {
  choice: Choice
  /** Where it was chosen: that is where a shell belongs. */
  terminal: string
}

/** Whether somebody pressed a key in time. */
export async function wantsMenu(console: Console, seconds: number): Promise<boolean> {
  if (seconds === 0) return false
  console.line('Press a key for the menu.')
  return (await console.key(seconds * 1000)) !== undefined
}

export async function showMenu(console: Console, shellAllowed: boolean): Promise<MenuChoice> {
  const offered = CHOICES.filter(({ choice }) => shellAllowed || choice !== 'shell')
  console.screen([
    'XO start menu',
    '',
    ...offered.map(({ key, text }) => `  ${key}  ${text}`),
    '',
    `Press a key. After ${CHOOSE_MS / 1000} seconds the laptop starts as usual.`,
  ])
  for (;;) {
    const pressed = await console.key(CHOOSE_MS)
    if (!pressed) return { choice: 'start', terminal: '' }
    const found = offered.find(({ key }) => pressed.keys.includes(key))
    const isEnter = /[\r\n]/.test(pressed.keys)
    if (found || isEnter) {
      return { choice: found?.choice ?? 'start', terminal: pressed.terminal }
    }
  }
}

/** What a choice says in the kernel's words. */
export function applyChoice(words: KernelWords, choice: Choice): void {
  if (choice === 'previous') words.boot = 'previous'
  if (choice === 'recover') words.recover = 'any'
  if (choice === 'network' || choice === 'usb') words.recover = choice
  if (choice === 'debug') words.debug = true
  if (choice === 'start') {
    words.boot = undefined
    words.recover = undefined
  }
}
