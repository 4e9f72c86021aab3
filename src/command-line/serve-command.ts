/**
 * `serve`: puts together what hands on releases to whoever asks by rsync: a laptop's store, or a publisher's
 * module. It only reads. When what it offers has changed, it begins again, and so sees no more than that.
 */
import { readSurroundings } from '../decision/surroundings.ts'
import type { Device } from '../device/device.ts'
import type { ListenAddress } from '../device/listen-address.ts'
import { parentOfServer } from '../device/serve-child.ts'
import { ConfigError, isExpected, isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { rateWindowMs } from '../rsync/patience.ts'
import { LAPTOP_LIMITS, objection, SCHOOL_LIMITS, type ServeLimits } from '../serve/limits.ts'
import { offerFolder } from '../serve/module-view.ts'
import type { Offering } from '../serve/offering.ts'
import { readSecrets } from '../serve/secrets.ts'
import { serveConnection } from '../serve/serve.ts'
import { type GoneClient, Server } from '../serve/server.ts'
import { isSettled, offerStore, STORE_PLACES } from '../serve/store-view.ts'
import type { Store } from '../store/store.ts'
import { isAtWork } from '../store/turn.ts'
import { jsonLine, show } from '../text.ts'
import { type Command, STORE_OPTIONS } from './command.ts'
import { type Context, write } from './context.ts'
import { EXIT } from './exit-status.ts'
import { listenAddress } from './listening.ts'
import { textOf, textsOf } from './options.ts'

type Listener = import('native:sockets').Listener

/** Where every rsync asks; and where laptops are asked, who say their port themselves, and need no right to it. */
const RSYNC_PORT = 873
const LAPTOP_PORT = 8767
/** Clients that come while all places are taken are told so, one after the other. */
const BACKLOG = 16
/** What speaks against serving is looked up no more often than this (milliseconds). */
const LOOK_MS = 1000
/**
 * For silence, for a handshake, and for the least that a client takes: the slowest line of a mesh carries more, and a
 * place is not for whoever only holds it.
 */
const CLIENT_TIMES = {
  timeoutMs: 60_000,
  handshakeMs: 30_000,
  rateMin: { bytesPerSecond: 64, windowMs: rateWindowMs(64, 60_000) },
}

export const serveCommand: Command = {
  name: 'serve',
  summary: 'hand on releases by rsync, and only that',
  about:
    'A read-only rsync daemon, rsync://HOST/xo. Over a store it shows what the laptop runs once that is\n' +
    'confirmed, and what waits for the next start, with the packs that it keeps; nothing that was made\n' +
    'or edited on the laptop. Over a module it shows the folder as it lies. The section [serve] of the\n' +
    'configuration says how many clients it takes, how fast, and when; it serves nobody while the laptop\n' +
    'upgrades, is on battery, or a file in inhibit.d holds it back. It runs until a signal ends it.',
  options: [
    { name: '--module', value: 'FOLDER', help: "a publisher's folder, instead of the store" },
    {
      name: '--listen',
      value: 'ADDRESS',
      repeated: true,
      help: `where to listen; repeatable (default: [::]:${LAPTOP_PORT}, with --module [::]:${RSYNC_PORT})`,
    },
    ...STORE_OPTIONS,
  ],
  needsRoot: false,
  async run(context) {
    const { host } = context
    for (;;) {
      const outcome = await serveUntil(context)
      if (outcome === 'ended') return EXIT.done
      try {
        host.processes.startAnew()
      } catch (error) {
        // Where nothing was given up it goes on in this process.
        if (!isSystemError(error, 'ENOSYS')) throw error
      }
    }
  },
}

/** What is offered, and what has to be read for that. */
interface Subject {
  offering: Offering
  /** For people. */
  name: string
  places: readonly Path[]
  usual: Pick<ServeLimits, 'clients' | 'bytesPerSecond'>
  port: number
  isAtWork(): boolean
  close(): void
}

async function serveUntil(context: Context): Promise<'ended' | 'begin again'> {
  const { host } = context
  const device = context.newDevice()
  const settings = device.configuration.serve
  const offered = offeredBy(context, device)
  const limits: ServeLimits = {
    ...settings,
    clients: settings.clients ?? offered.usual.clients,
    bytesPerSecond: settings.bytesPerSecond ?? offered.usual.bytesPerSecond,
  }
  const named = textsOf(context.values, '--listen')?.map(listenAddress) ?? settings.listen
  const listeners = named.length > 0 ? listen(host, named) : [listenEverywhere(host, offered.port)]
  try {
    tellStart(context, offered, listeners)
    const { secretsFile } = settings
    const serves = [...offered.places, ...(secretsFile === undefined ? [] : [secretsFile])]
    context.confine({ serves, lasts: true })
    const parent = parentOfServer(host)
    const port = listeners.map((listener) => host.sockets.localPort(listener))[0] ?? 0
    const speaksAgainst = now(host, () => objectionNow(host, device, offered, limits))
    let clients = 0
    const tellParent = () => {
      const freePlaces = speaksAgainst() ? 0 : Math.max(0, limits.clients - clients)
      return parent.tell({ freePlaces, places: limits.clients, port })
    }
    const known = JSON.stringify(settings)
    tellParent()
    const server = new Server(host, {
      listeners,
      clientsMax: limits.clients,
      bytesPerSecond: limits.bytesPerSecond,
      session: (socket, { peer, pace }) =>
        serveConnection(host, socket, offered.offering, { client: peer, pace, ...CLIENT_TIMES }),
      objection: speaksAgainst,
      next() {
        if (!tellParent()) return 'end'
        if (settingsNow(context, known) !== known) return 'begin again'
        // A stick that somebody mounts must not cost whoever is being served.
        return context.isConfinedRight() ? 'serve' : 'begin again when idle'
      },
      told: (client) => tell(context, client),
      count(number) {
        clients = number
        tellParent()
      },
    })
    void onSignal(host, () => server.end())
    return await server.run()
  } finally {
    for (const listener of listeners) host.sockets.closeListener(listener)
    offered.close()
  }
}

function offeredBy(context: Context, device: Device): Subject {
  const folder = textOf(context.values, '--module')
  if (folder === undefined) return storeOffered(device)
  if (context.values['--store'] !== undefined) {
    throw new ConfigError(
      '--store and --module are both given',
      'serve one of them; a second `xo-upgrade serve` with another --listen serves the other',
    )
  }
  const { files } = device.host
  const { secretsFile } = device.configuration.serve
  const secrets = secretsFile === undefined ? undefined : readSecrets(files, secretsFile)
  const directory = files.openRoot(folder)
  return {
    offering: offerFolder(directory, secrets),
    name: `the module ${show(folder)}`,
    places: [folder],
    usual: SCHOOL_LIMITS,
    port: RSYNC_PORT,
    isAtWork: () => false,
    close: () => files.close(directory),
  }
}

function storeOffered(device: Device): Subject {
  const { host } = device
  if (host.processes.userId() !== 0) {
    throw new ConfigError(
      'serving a store needs root: the trees in it are root’s alone',
      'run it again as root, for instance with sudo; it gives up all but reading them',
    )
  }
  const { files } = host
  const { secretsFile } = device.configuration.serve
  const secrets = secretsFile === undefined ? undefined : readSecrets(files, secretsFile)
  const store = device.store()
  const settled = settledTree(store)
  const state = settled() ? [] : ['state']
  const { path } = store
  return {
    offering: offerStore(store, settled, secrets),
    name: `the store ${show(path)}`,
    places: [...STORE_PLACES, ...state].map((name) => `${path}/${name}`),
    usual: LAPTOP_LIMITS,
    port: LAPTOP_PORT,
    isAtWork: () => isAtWork(store),
    close: () => store.close(),
  }
}

/** Whether the running tree is on trial no more. A tree that was settled once is for as long as it runs. */
function settledTree(store: Store): () => boolean {
  const { files } = store.host
  const identity = () => files.stat(store.directory, 'fakeroot')?.identity
  let known = isSettled(store) ? identity() : undefined
  return () => {
    if (known !== undefined && known === identity()) return true
    try {
      known = isSettled(store) ? identity() : undefined
    } catch (error) {
      // The record of a settled tree is not needed, and so can't be read.
      if (!isSystemError(error, 'EACCES')) throw error
      known = undefined
    }
    return known !== undefined
  }
}

function listen({ sockets }: Host, addresses: readonly ListenAddress[]): Listener[] {
  const listeners: Listener[] = []
  try {
    for (const address of addresses) listeners.push(sockets.listen(address, BACKLOG))
    return listeners
  } catch (error) {
    for (const listener of listeners) sockets.closeListener(listener)
    throw error
  }
}

/** By IPv6, which hears IPv4 as well, where the kernel has it. */
function listenEverywhere({ sockets }: Host, port: number): Listener {
  try {
    return sockets.listen({ host: '::', port }, BACKLOG)
  } catch (error) {
    if (!isSystemError(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL')) throw error
    return sockets.listen({ host: '0.0.0.0', port }, BACKLOG)
  }
}

function tellStart(context: Context, { name }: Subject, listeners: readonly Listener[]): void {
  const { host } = context
  const ports = listeners.map((listener) => host.sockets.localPort(listener))
  const sentence = `Serving ${name} on port ${ports.join(', ')}.`
  if (parentOfServer(host).isNone) context.result({ serving: name, ports }, [sentence])
  else context.progress.note(sentence)
}

function objectionNow(
  host: Host,
  { configuration }: Device,
  { isAtWork }: Subject,
  limits: ServeLimits,
): string | undefined {
  const surroundings = readSurroundings(host, configuration.inhibit)
  return objection(limits, { ...surroundings, isAtWork: isAtWork() })
}

/** The same answer for a second, however many ask. */
function now<Answer>({ clock }: Host, find: () => Answer): () => Answer {
  let found: { answer: Answer; atMs: number } | undefined
  return () => {
    const atMs = clock.monotonicMs()
    if (!found || atMs - found.atMs >= LOOK_MS) found = { answer: find(), atMs }
    return found.answer
  }
}

/** What the configuration says now; a configuration that is wrong changes nothing yet. */
function settingsNow(context: Context, before: string): string {
  try {
    return JSON.stringify(context.newDevice().configuration.serve)
  } catch (error) {
    if (!isExpected(error)) throw error
    return before
  }
}

function tell(context: Context, client: GoneClient): void {
  const { peer, module, files, sent, seconds, fault } = client
  if (context.json) {
    const { received } = client
    const record = { peer, module, files, received, sent, seconds, fault }
    write(context.host, 1, jsonLine({ event: 'served', ...record }))
    return
  }
  const what = module === undefined ? 'nothing' : `${files} files of "${show(module)}"`
  const end = fault === undefined ? '' : `; ${show(fault)}`
  context.progress.note(`${peer} took ${what}: ${sent} bytes in ${Math.round(seconds)} s${end}`)
}

async function onSignal({ system }: Host, end: () => void): Promise<void> {
  try {
    await system.nextSignal()
    end()
  } catch (error) {
    // The emulator has no signals.
    if (!isSystemError(error, 'ENOSYS')) throw error
  }
}
