/**
 * One try to bring a system back from whatever can be reached: this disk, a stick, then the sources
 * that the kernel's words, the configuration and DHCP name. Each place is another process's errand, and what
 * strangers had a part in is proved here before it starts. It tells what it tried; what to do after a failed
 * try is up to the caller.
 */
import { assert, BusyError, isSystemError, TrustError } from '../errors.ts'
import type { Host } from '../host.ts'
import { signedTree } from '../store/mend-record.ts'
import type { Store } from '../store/store.ts'
import { verify } from '../store/verify.ts'
import { show } from '../text.ts'
import type { Boot } from './boot.ts'
import { sendOnErrand } from './errand.ts'
import type { RecoveryWay } from './machine/kernel-words.ts'
import { eachStick, modulesOf } from './machine/stick.ts'
import { sentenceOf } from './screen/plain-words.ts'

/** An errand that was ended lets go of the store's lock a moment later (milliseconds). */
const LOCK_MS = 5_000
const LOCK_AGAIN_MS = 50

/** Undefined if a system was brought back; otherwise what was tried, a sentence each. */
export async function tryToRecover(boot: Boot, way: RecoveryWay): Promise<string[] | undefined> {
  const tried: string[] = []
  const say = (text: string) => {
    tried.push(text)
    boot.console.line(text)
  }
  if (way !== 'network' && way !== 'usb' && (await fromDisk(boot, say))) return undefined
  if (way !== 'network' && (await fromSticks(boot, say))) return undefined
  if (way !== 'usb' && (await fromNetwork(boot, say))) return undefined
  return tried
}

type Say = (text: string) => void

function fromDisk(boot: Boot, say: Say): Promise<boolean> {
  boot.console.line('Looking at what this disk still has ...')
  return send(boot, { places: [], asksNetwork: false }, say)
}

async function fromSticks(boot: Boot, say: Say): Promise<boolean> {
  const { host, console, settings } = boot
  const { stickLabels } = settings
  console.line(`Looking for a USB stick named ${stickLabels.map(show).join(' or ')} ...`)
  return eachStick(host, stickLabels, say, (stick) => {
    const modules = modulesOf(host, stick)
    if (modules.length === 0) {
      say(`The stick ${stick.name} holds no release.`)
      return false
    }
    const told = (text: string) => say(`Stick ${stick.name}: ${text}`)
    const places = modules.map((folder) => `file://${folder}`)
    return sendOut(boot, { places, asksNetwork: false }, told)
  })
}

async function fromNetwork(boot: Boot, say: Say): Promise<boolean> {
  const { console, network, words } = boot
  console.line('Looking for a network ...')
  for (const sentence of await network.bringUp()) say(sentence)
  return sendOut(boot, { places: words.sources, asksNetwork: true }, say)
}

interface Places {
  places: string[]
  asksNetwork: boolean
}

/** To where strangers have been: only what is proved here was brought back. */
async function sendOut(boot: Boot, places: Places, say: Say): Promise<boolean> {
  return (await send(boot, places, say)) && (await isProved(boot, say))
}

async function send(boot: Boot, places: Places, say: Say): Promise<boolean> {
  const { host, store, known } = boot
  assert(store, 'the store is opened before anything is recovered')
  const errand = { task: 'recover', store: store.path, ...places, known } as const
  store.unlock()
  try {
    const end = await sendOnErrand(boot, errand, say)
    boot.known = end.known
    return end.done
  } finally {
    await lockAgain(host, store)
  }
}

async function lockAgain({ clock }: Host, store: Store): Promise<void> {
  const endMs = clock.monotonicMs() + LOCK_MS
  while (!store.tryLock()) {
    if (clock.monotonicMs() >= endMs) throw new BusyError('the store is still in use', 'wait')
    await clock.sleep(LOCK_AGAIN_MS)
  }
}

/** Whoever took over a process that reads from strangers could write whatever it liked into the store. */
async function isProved({ store, keys, console }: Boot, say: Say): Promise<boolean> {
  const tree = store && signedTree(store, 'fakeroot', keys)
  const progress = console.progress()
  try {
    const proof =
      tree && (await verify(store, 'fakeroot', { release: tree.release, full: true, progress }))
    if (proof?.tree) return true
    say('What was brought is not what was signed.')
  } catch (error) {
    if (!(error instanceof TrustError) && !isSystemError(error)) throw error
    say(sentenceOf(error))
  } finally {
    console.endProgress()
  }
  return false
}
