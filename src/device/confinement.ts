/**
 * What a device's program may touch once it reads what others wrote, and which programs may still be
 * started for it. It follows from the configuration, so it holds for as long as that stays as it is.
 */
import { SERIAL_PLACES } from '../call-home/serial.ts'
import { SURROUNDINGS_PLACES } from '../decision/surroundings.ts'
import { ConfigError, isExpected, isSystemError } from '../errors.ts'
import type { Host, Path, Processes } from '../host.ts'
import { leasePlaces } from '../source/lease.ts'
import { folderOf, sshPrograms } from '../source/open-source.ts'
import { uncover } from '../store/put-aside.ts'
import { ROOT_MARK, type Store, type TreeName } from '../store/store.ts'
import type { Device } from './device.ts'
import { serverPrograms } from './serve-child.ts'
import { CONFIGURATION_PATH } from './settings.ts'
import { stolenHookPrograms } from './stolen-hook.ts'

type Remainder = import('native:confinement').Needs
type Startable = import('native:processes').Startable

/** What the C library reads to know the hour, and to find addresses of names. */
export const TIME_ZONE_PLACES: Path[] = ['/etc/localtime', '/usr/share/zoneinfo']
const RESOLVER_PLACES: readonly Path[] = ['/etc/resolv.conf', '/etc/hosts']

/** What a command wants besides what every command over a store does. */
export interface Wish {
  /** Read as well. */
  read?: Path[]
  /** ssh and the hook for a stolen laptop may be started, as the configuration says. */
  starts?: boolean
  /** So may the server, where the configuration wants one: with these words. */
  serverWords?: readonly Path[]
  /** A store that is missing is made first. */
  makesStore?: boolean
  /** Sockets with names, which are to go with the program. */
  sockets?: Path[]
  /** These leases are read, and not whichever come. */
  leases?: readonly Path[]
  /** It goes on for so long that the configuration may change meanwhile. */
  lasts?: boolean
  /** Nothing but these, and what says how it is to work, is read of the machine; nothing is changed, and nobody asked. */
  serves?: readonly Path[]
}

/** What was given up, and when it has to be given up differently. */
export class Confined {
  readonly #known: string

  constructor(
    device: Device,
    readonly wish: Wish,
    /** For people. */
    readonly sentence: string,
  ) {
    this.#known = situationOf(device, wish)
  }

  /** Whether the configuration still names what it named, and the same files stand there. */
  fits(device: Device): boolean {
    if (device.host.confinement.isOutdated()) return false
    try {
      return situationOf(device, this.wish) === this.#known
    } catch (error) {
      // A configuration file with a new inode is one that must not be opened.
      if (isSystemError(error, 'EACCES')) return false
      if (!isExpected(error)) throw error
      // The round will say what is wrong there.
      return true
    }
  }
}

/** Gives up what the command won't need. Undefined if this host has nothing to give up. */
export function confineDevice(device: Device, wish: Wish): Confined | undefined {
  const { host } = device
  if (wish.makesStore) device.store(true).close()
  if (!wish.serves) uncoverTrees(device)
  const programs = programsOf(device, wish)
  const needs = needsOf(device, wish)
  // Before anything else is there that two processes would share.
  const isApart = programs.length > 0 || wish.lasts
  const { sockets = [] } = wish
  if (isApart && !standApart(host, { programs, sockets })) return undefined
  const sentence = confineTo(host, needs)
  return sentence === undefined ? undefined : new Confined(device, wish, sentence)
}

const OTHER_TREES: readonly TreeName[] = ['staging', 'upgraded-root', 'previous-root']

/** Nobody who is confined can unmount what somebody mounted over a tree that is to be replaced. */
function uncoverTrees(device: Device): void {
  const store = storeOf(device)
  if (!store) return
  try {
    for (const name of OTHER_TREES) if (!store.isRoot(name)) uncover(store, name)
  } finally {
    store.close()
  }
}

function storeOf(device: Device): Store | undefined {
  try {
    return device.store()
  } catch (error) {
    // The command itself will say what is wrong with it.
    if (error instanceof ConfigError || isSystemError(error)) return undefined
    throw error
  }
}

/** Gives up all but the needs, and says what that is. Undefined if this host has nothing to give up. */
export function confineTo({ confinement }: Host, needs: Remainder): string | undefined {
  try {
    const { holds, lacks } = confinement.confine(needs)
    const without =
      lacks.length > 0 ? `; this kernel or its caller refuses ${lacks.join(', ')}` : ''
    return `confined: ${holds.join(', ') || 'nothing'}${without}`
  } catch (error) {
    if (isSystemError(error, 'ENOSYS')) return undefined
    throw error
  }
}

function standApart({ processes }: Host, options: Parameters<Processes['standApart']>[0]): boolean {
  try {
    processes.standApart(options)
    return true
  } catch (error) {
    if (isSystemError(error, 'ENOSYS')) return false
    throw error
  }
}

function programsOf({ host, configuration }: Device, { starts, serverWords }: Wish): Startable[] {
  const { ssh, store } = configuration
  const server = serverWords ? serverPrograms(host, configuration, serverWords) : []
  if (!starts) return server
  const others = stolenHookPrograms(configuration)
  return [...sshPrograms(host, store, ssh, configuration), ...others, ...server]
}

function needsOf(device: Device, wish: Wish): Remainder {
  // Of the machine, and always the same.
  const always = [...SURROUNDINGS_PLACES, '/proc/self']
  const read = [
    ...placesOf(device, wish),
    ...(wish.serves ? always : [...SERIAL_PLACES, ...always]),
  ]
  // Its disk is in use by what it serves, anyway.
  if (wish.serves) return { read, change: undefined, makesTrees: false, holdsDisks: true }
  const { store, schools, sources } = device.configuration
  // A stick that somebody pulls out must not be in use by a program that waits for the next night.
  const holdsDisks = !wish.lasts || ![...schools, ...sources].some(folderOf)
  return { read, change: store, makesTrees: true, holdsDisks }
}

/** What may be replaced, or appear, while the program runs. */
function placesOf(device: Device, { read = [], leases, serves }: Wish): Path[] {
  const { configuration, overrides } = device
  if (serves) {
    const file = overrides.configuration ?? CONFIGURATION_PATH
    return [file, configuration.inhibit, ...serves, ...TIME_ZONE_PLACES]
  }
  const { keys, passwordFile, ssh, inhibit, schools, sources } = configuration
  const folders = [...schools, ...sources].map(folderOf)
  const optional = [passwordFile, ssh.key, ...folders].filter((path) => path !== undefined)
  return [
    overrides.configuration ?? CONFIGURATION_PATH,
    keys,
    ...linksIn(device, keys),
    inhibit,
    ...(leases ?? leasePlaces(configuration.leases)),
    ...optional,
    ...read,
    ...TIME_ZONE_PLACES,
    ...RESOLVER_PLACES,
    `/${ROOT_MARK}`,
  ]
}

/** Where keys stand elsewhere, and the folder has links to them. */
function linksIn({ host: { files } }: Device, folder: Path): Path[] {
  let directory: number
  try {
    directory = files.openRoot(folder)
  } catch (error) {
    if (isSystemError(error)) return []
    throw error
  }
  try {
    return files
      .readDirectory(directory, '.')
      .filter((name) => name.endsWith('.pub') && files.stat(directory, name)?.type === 'link')
      .map((name) => `${folder}/${name}`)
  } finally {
    files.close(directory)
  }
}

function situationOf(device: Device, wish: Wish): string {
  const { confinement } = device.host
  const { store } = device.configuration
  const places = [...placesOf(device, wish), ...(wish.serves ? [] : [store])]
  const identities = places.map((path) => confinement.identity(path) ?? null)
  return JSON.stringify([places, identities, programsOf(device, wish)])
}
