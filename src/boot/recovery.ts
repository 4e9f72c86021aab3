/**
 * One try to bring a system back from whatever can be reached: a stick, then the sources that the
 * kernel's words, the configuration and DHCP name. It tells what it tried; what is done after a
 * try that failed is the caller's.
 */
import { isSystemError, UpgradeError } from '../errors.ts'
import type { Path } from '../host.ts'
import { show } from '../text.ts'
import type { Store } from '../trees/store.ts'
import type { Console } from './console.ts'
import type { Ground } from './ground.ts'
import type { KernelWords, RecoveryWay } from './kernel-words.ts'
import { bringNetworkUp } from './network.ts'
import { mountStick, unmountStick } from './stick.ts'

export interface RecoveryTry {
  ground: Ground
  console: Console
  store: Store
  way: RecoveryWay
  words: KernelWords
  stickLabels: string[]
}

/** Undefined where a system was brought back; else what was tried, a sentence each. */
export async function tryToRecover(job: RecoveryTry): Promise<string[] | undefined> {
  const tried: string[] = []
  const say = (text: string) => {
    tried.push(text)
    job.console.line(text)
  }
  if (job.way !== 'network' && (await fromStick(job, say))) return undefined
  if (job.way !== 'usb' && (await fromNetwork(job, say))) return undefined
  return tried
}

type Say = (text: string) => void

async function fromStick(job: RecoveryTry, say: Say): Promise<boolean> {
  const { ground, console, stickLabels } = job
  console.line(`Looking for a USB stick named ${stickLabels.map(show).join(' or ')} ...`)
  const folder = await mountStick(ground.host, stickLabels, say)
  if (folder === undefined) return false
  try {
    return await fetchFrom(job, [`file://${folder}`], say)
  } finally {
    unmountStick(ground.host)
  }
}

async function fromNetwork(job: RecoveryTry, say: Say): Promise<boolean> {
  const { ground, console, words } = job
  console.line('Looking for a network ...')
  for (const sentence of await bringNetworkUp(ground.host)) say(sentence)
  const urls = unique([...words.sources, ...ground.sources(), ...ground.sourcesOfDhcp()])
  if (urls.length === 0) {
    say('No source is known: none is configured, and DHCP named none.')
    return false
  }
  return fetchFrom(job, urls, say)
}

async function fetchFrom(job: RecoveryTry, urls: string[], say: Say): Promise<boolean> {
  const { ground, console, store } = job
  console.line(`Fetching from ${urls.map(show).join(', ')}`)
  const progress = console.progress((write) => ground.voice(write))
  try {
    await ground.recover({ store, urls, progress })
    return true
  } catch (error) {
    if (!(error instanceof UpgradeError) && !isSystemError(error)) throw error
    console.endProgress()
    const cure = error instanceof UpgradeError && error.cure ? ` (${error.cure})` : ''
    say(`${show(error.message)}${cure}`)
    return false
  } finally {
    console.endProgress()
  }
}

function unique(urls: Path[]): string[] {
  return [...new Set(urls)]
}
