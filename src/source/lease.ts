/**
 * What a DHCP server says about the school server: the file that udhcpc's script leaves for each
 * interface, `key=value` lines. Anybody on the network may have written it, so all it can do is name
 * one more place to ask: an rsync daemon, without a user or a password.
 */
import { isSystemError } from '../errors.ts'
import type { Files, Path } from '../host.ts'
import { readSystemFile } from '../small-file.ts'
import { trimmed, trimmedEnd } from '../text.ts'

/** Where the script of the initramfs and of the running system leaves them, as `dhcp.INTERFACE`. */
const LEASE_FOLDER = '/run/xo'
/** A lease is some twenty short lines (bytes). */
const LEASE_SIZE_MAX = 16 * 1024
const URL_LENGTH_MAX = 512
/** No laptop has more interfaces with a lease than this. */
const SOURCES_MAX = 4

/** What is read to find the leases. */
export function leasePlaces(paths: readonly Path[]): readonly Path[] {
  return paths.length > 0 ? paths : [LEASE_FOLDER]
}

/** The URLs that the leases name. Anything unreadable, or not an rsync URL, is skipped. */
export function sourcesOfLeases(files: Files, paths: readonly Path[]): string[] {
  const found = (paths.length > 0 ? paths : leasePaths(files)).flatMap((path) => {
    const url = sourceOfLease(textOfLease(files, path))
    return url === undefined ? [] : [url]
  })
  return [...new Set(found)].slice(0, SOURCES_MAX)
}

/** The last guess, if no lease names a source: the machine that gives out addresses serves releases, too. */
export function guessesOfLeases(files: Files, paths: readonly Path[]): string[] {
  const found = (paths.length > 0 ? paths : leasePaths(files)).flatMap((path) => {
    const content = textOfLease(files, path)
    const values = valuesOf(content)
    const servers = ['serverid', 'siaddr'].map((key) => values.get(key) ?? '')
    return servers.filter((server) => IPV4.test(server) && server !== '0.0.0.0')
  })
  return [...new Set(found)].slice(0, SOURCES_MAX).map((server) => `rsync://${server}/xo`)
}

/** The value of `source`, or of option 224, as text or as the hexadecimal digits that udhcpc makes of it. */
export function sourceOfLease(content: string): string | undefined {
  const values = valuesOf(content)
  const value = values.get('source') ?? values.get('opt224')
  if (value === undefined || value.length > URL_LENGTH_MAX * 2) return undefined
  const url = /^([0-9A-Fa-f]{2})+$/.test(value) ? ofHex(value) : value
  const safe = /^rsync:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?\/[A-Za-z0-9._-]+\/?$/
  return url.length <= URL_LENGTH_MAX && safe.test(url) ? url : undefined
}

const IPV4 = /^([0-9]{1,3}\.){3}[0-9]{1,3}$/

/** `key=value` lines, with quotes around the value or without. */
function valuesOf(content: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of content.split('\n')) {
    const equals = line.indexOf('=')
    const key = line.slice(0, Math.max(equals, 0))
    if (/^[a-z0-9]{1,32}$/.test(key)) values.set(key, trimmed(line.slice(equals + 1), '"\'\r'))
  }
  return values
}

function ofHex(digits: string): string {
  const bytes = digits.match(/../g) ?? []
  const text = bytes.map((pair) => String.fromCharCode(Number.parseInt(pair, 16))).join('')
  return trimmedEnd(text, '\0')
}

/** Those that there are now. */
export function leasePaths(files: Files): Path[] {
  try {
    const folder = files.openRoot(LEASE_FOLDER)
    try {
      const names = files.readDirectory(folder, '.').filter((name) => name.startsWith('dhcp.'))
      return names.sort().map((name) => `${LEASE_FOLDER}/${name}`)
    } finally {
      files.close(folder)
    }
  } catch (error) {
    if (isSystemError(error)) return []
    throw error
  }
}

function textOfLease(files: Files, path: Path): string {
  let content: Uint8Array
  try {
    content = readSystemFile(files, path, LEASE_SIZE_MAX)
  } catch {
    // No lease, or none that can be believed: there are other ways to a source.
    return ''
  }
  let text = ''
  for (const byte of content) text += String.fromCharCode(byte)
  return text
}
