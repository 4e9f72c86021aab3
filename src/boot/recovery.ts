/**
 * One try to bring a system back from whatever can be reached: this disk, a stick, then the sources
 * that the kernel's words, the configuration and DHCP name. It tells what it tried; what to do after a
 * failed try is up to the caller.
 */
import type { Device } from '../device/device.ts'
import { jobOf } from '../device/job.ts'
import { ConfigError, isSystemError, UpgradeError } from '../errors.ts'
import type { Host } from '../host.ts'
import { type Known, recoverSystem } from '../recover.ts'
import { guessesOfLeases, sourcesOfLeases } from '../source/lease.ts'
import type { Source } from '../source/source.ts'
import type { Store } from '../store/store.ts'
import { show } from '../text.ts'
import type { KernelWords, RecoveryWay } from './machine/kernel-words.ts'
import type { Network } from './machine/network.ts'
import { eachStick, modulesOf } from './machine/stick.ts'
import type { Console } from './screen/console.ts'
import { sentenceOf, withoutPassword } from './screen/plain-words.ts'
import { standingDevice } from './standing-device.ts'

interface RecoveryTry {
  host: Host
  console: Console
  network: Network
  store: Store
  way: RecoveryWay
  words: KernelWords
  stickLabels: string[]
  /** What earlier tries found out about the trees. */
  known: Known
}

/** Undefined if a system was brought back; otherwise what was tried, a sentence each. */
export async function tryToRecover(job: RecoveryTry): Promise<string[] | undefined> {
  const tried: string[] = []
  const say = (text: string) => {
    tried.push(text)
    job.console.line(text)
  }
  const { way } = job
  if (way !== 'network' && way !== 'usb' && (await fromDisk(job, say))) return undefined
  if (way !== 'network' && (await fromSticks(job, say))) return undefined
  if (way !== 'usb' && (await fromNetwork(job, say))) return undefined
  return tried
}

type Say = (text: string) => void

function fromDisk(job: RecoveryTry, say: Say): Promise<boolean> {
  job.console.line('Looking at what this disk still has ...')
  return fetchFrom(job, [], say)
}

async function fromSticks(job: RecoveryTry, say: Say): Promise<boolean> {
  const { host, console, stickLabels } = job
  console.line(`Looking for a USB stick named ${stickLabels.map(show).join(' or ')} ...`)
  return eachStick(host, stickLabels, say, (stick) => {
    const modules = modulesOf(host, stick)
    if (modules.length === 0) {
      say(`The stick ${stick.name} holds no release.`)
      return false
    }
    const told = (text: string) => say(`Stick ${stick.name}: ${text}`)
    return fetchFrom(
      job,
      modules.map((folder) => `file://${folder}`),
      told,
    )
  })
}

async function fromNetwork(job: RecoveryTry, say: Say): Promise<boolean> {
  const { host, console, network, words } = job
  console.line('Looking for a network ...')
  for (const sentence of await network.bringUp()) say(sentence)
  const { sources, leases } = standingDevice(host).configuration
  // What DHCP named, or what can be guessed from it.
  const hinted = [...sourcesOfLeases(host.files, leases), ...guessesOfLeases(host.files, leases)]
  const urls = [...new Set([...words.sources, ...sources, ...hinted])]
  if (urls.length === 0) {
    say('No source is known: none is configured, and DHCP named none.')
    return false
  }
  return fetchFrom(job, urls, say)
}

async function fetchFrom(job: RecoveryTry, urls: string[], say: Say): Promise<boolean> {
  const { host, console, store, known } = job
  if (urls.length > 0) {
    console.line(`Fetching from ${urls.map((url) => withoutPassword(show(url))).join(', ')}`)
  }
  const progress = console.progress()
  // A source that failed has said so before all of them together do.
  let told: unknown
  const failed = (error: unknown) => {
    told = error
    console.endProgress()
    say(sentenceOf(error))
  }
  try {
    const device = standingDevice(host, progress, urls)
    const sources = openSources(device, store, failed)
    try {
      const wish = { version: undefined, allowDowngrade: false }
      await recoverSystem({ ...jobOf(device, store, sources, wish), known, failed }, true)
      return true
    } finally {
      for (const source of sources) source.close()
    }
  } catch (error) {
    if (!(error instanceof UpgradeError) && !isSystemError(error)) throw error
    console.endProgress()
    if (error !== told) say(sentenceOf(error))
    return false
  } finally {
    console.endProgress()
  }
}

/** A malformed one must not keep the others from being asked. */
function openSources(device: Device, store: Store, failed: (error: unknown) => void): Source[] {
  const urls = device.configuration.sources
  const sources = urls.flatMap((url) => {
    try {
      return device.sources(store, [url])
    } catch (error) {
      if (!(error instanceof ConfigError) && !isSystemError(error)) throw error
      failed(error)
      return []
    }
  })
  if (urls.length > 0 && sources.length === 0) {
    throw new ConfigError('none of the sources can be used')
  }
  return sources
}
