/**
 * The program on an errand of process 1 (`errand.ts`): it is confined first, as a command is, and then does
 * what it was asked to. Its only voice are lines on stdout, its only result what it leaves in the store.
 */
import { confineDevice, type Wish } from '../device/confinement.ts'
import type { Device } from '../device/device.ts'
import { jobOf } from '../device/job.ts'
import { ConfigError, isSystemError, UpgradeError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import type { Progress } from '../progress.ts'
import { Meter, shownBy } from '../progress-bar.ts'
import { recoverSystem } from '../recover.ts'
import { guessesOfLeases, leasePaths, sourcesOfLeases } from '../source/lease.ts'
import { folderOf } from '../source/open-source.ts'
import type { Source } from '../source/source.ts'
import { Store } from '../store/store.ts'
import { arrayOfBytes, bytesOfArray, show, textOfBytes } from '../text.ts'
import {
  ERRAND_VARIABLE,
  type Errand,
  KNOWN_LENGTH_MAX,
  progressLines,
  sentenceLine,
} from './errand-words.ts'
import { seekFreedom } from './freedom.ts'
import { knownFrom, knownText } from './known-trees.ts'
import { sentenceOf, withoutPassword } from './screen/plain-words.ts'
import { standingDevice } from './standing-device.ts'

const STDIN: Fd = 0
const STDOUT: Fd = 1
/** What is known, and a few URLs (bytes). */
const ERRAND_SIZE_MAX = 2 * KNOWN_LENGTH_MAX

export function isErrand({ processes }: Host): boolean {
  return processes.variable(ERRAND_VARIABLE) !== undefined
}

/** Does it, and returns the exit status: whatever goes wrong is said. */
export async function goOnErrand(host: Host): Promise<number> {
  const voice = new Voice(host)
  try {
    const errand = readErrand(host)
    const isDone = errand.task === 'free' ? seek(host, errand, voice) : recover(host, errand, voice)
    if (await isDone) voice.tell('done\n')
  } catch (error) {
    voice.say(sentenceOf(error))
  }
  return 0
}

class Voice {
  constructor(readonly host: Host) {}

  tell(line: string): void {
    const bytes = arrayOfBytes(line)
    this.host.files.write(STDOUT, bytes, 0, bytes.length)
  }

  say(text: string): void {
    this.tell(sentenceLine('say', text))
  }

  note(text: string): void {
    this.tell(sentenceLine('note', text))
  }

  /** As often as somebody looks at it. */
  progress(): Progress {
    const meter = new Meter(this.host.clock)
    const lines = progressLines((line) => this.tell(line))
    const state = () => {
      meter.shown()
      lines.traffic(meter.received, meter.sent)
      lines.advance(meter.done, meter.path)
    }
    const begun = () => lines.begin(meter.phase ?? 'verify', meter.total, meter.unit)
    return shownBy(meter, { begun, show: state, over: state, ended: state, note: lines.note })
  }

  /** Gives up what the errand won't need. */
  confine(device: Device, wish: Wish): void {
    const confined = confineDevice(device, wish)
    if (confined) this.tell(sentenceLine('debug', confined.sentence))
  }
}

function readErrand({ files }: Host): Errand {
  const buffer = new Uint8Array(ERRAND_SIZE_MAX)
  const count = files.read(STDIN, buffer, 0, buffer.length)
  return JSON.parse(textOfBytes(bytesOfArray(buffer.subarray(0, count))) ?? '')
}

/** A stick, or the home server, with a signed word. */
async function seek(host: Host, { store: path, places }: Errand, voice: Voice): Promise<boolean> {
  const device = standingDevice(host, { store: path })
  voice.confine(device, { read: places, leases: [] })
  const store = Store.open(host, path, false)
  try {
    await seekFreedom(device, store, places, (text) => voice.say(text))
    return true
  } finally {
    store.close()
  }
}

async function recover(host: Host, errand: Errand, voice: Voice): Promise<boolean> {
  const { asksNetwork, places, store: path } = errand
  const configured = asksNetwork ? standingDevice(host).configuration : undefined
  const named = [...new Set([...places, ...(configured?.sources ?? [])])]
  const device = standingDevice(host, { store: path, sources: named }, voice.progress())
  const leases = configured ? leasesOf(host, configured.leases) : []
  const read = named.map(folderOf).filter((folder) => folder !== undefined)
  voice.confine(device, { starts: true, read, leases })
  const urls = [...new Set([...named, ...hintsOf(host, leases)])]
  if (urls.length > 0) {
    voice.note(`Fetching from ${urls.map((url) => withoutPassword(show(url))).join(', ')}`)
  } else if (asksNetwork) {
    voice.say('No source is known: none is configured, and DHCP named none.')
    return false
  }
  const store = Store.open(host, path, false)
  try {
    store.lock()
    return await recoverFrom(device, { store, urls, errand, voice })
  } finally {
    store.close()
  }
}

/** Those that are there now: a disk may be mounted in their folder. */
function leasesOf({ files }: Host, configured: readonly Path[]): readonly Path[] {
  return configured.length > 0 ? configured : leasePaths(files)
}

/** What DHCP named, or what can be guessed from it. */
function hintsOf({ files }: Host, leases: readonly Path[]): string[] {
  if (leases.length === 0) return []
  return [...sourcesOfLeases(files, leases), ...guessesOfLeases(files, leases)]
}

interface Work {
  store: Store
  urls: string[]
  errand: Errand
  voice: Voice
}

async function recoverFrom(device: Device, { store, urls, errand, voice }: Work): Promise<boolean> {
  const keys = device.configuredKeys().release
  const known = knownFrom(errand.known, store, keys)
  // A source that failed has said so before all of them together do.
  let told: unknown
  const failed = (error: unknown) => {
    told = error
    voice.say(sentenceOf(error))
  }
  let sources: Source[] = []
  try {
    sources = openSources(device, { store, urls, failed })
    const wish = { version: undefined, allowDowngrade: false }
    await recoverSystem({ ...jobOf(device, store, sources, wish), known, failed }, true)
    return true
  } catch (error) {
    if (!(error instanceof UpgradeError) && !isSystemError(error)) throw error
    if (error !== told) voice.say(sentenceOf(error))
    voice.tell(`known ${knownText(known)}\n`)
    return false
  } finally {
    for (const source of sources) source.close()
  }
}

/** A malformed one must not keep the others from being asked. */
function openSources(
  device: Device,
  { store, urls, failed }: { store: Store; urls: string[]; failed(error: unknown): void },
): Source[] {
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
