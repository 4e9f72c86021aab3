/**
 * Where the store is, as `xo.store=` and the configuration say it: a disk, and a folder on it. Pure.
 */
import { ConfigError } from '../errors.ts'
import type { Path } from '../host.ts'
import { show, trimmed } from '../text.ts'

export interface StorePlace {
  /** `device`: a path in /dev, or what only `mount` knows (`ubi0:data`, `mtd:data`). */
  by: 'uuid' | 'label' | 'partition-label' | 'device'
  value: string
  /** The store, from the root of its file system, without slashes at its ends; '' is that root. */
  folder: Path
  /** As it was written. */
  text: string
}

const KINDS: [string, StorePlace['by']][] = [
  ['UUID=', 'uuid'],
  ['LABEL=', 'label'],
  ['PARTLABEL=', 'partition-label'],
]

const CURE =
  'allowed: UUID=…, LABEL=…, PARTLABEL=…, /dev/…, ubiN:NAME or mtd:NAME, followed by :/FOLDER'

export function parseStorePlace(text: string): StorePlace {
  const colon = text.indexOf(':/')
  const disk = colon < 0 ? text : text.slice(0, colon)
  const folder = colon < 0 ? '' : trimmed(text.slice(colon + 1), '/')
  if (folder.split('/').includes('..')) throw wrong(text)
  for (const [prefix, by] of KINDS) {
    if (!disk.startsWith(prefix)) continue
    const value = disk.slice(prefix.length)
    if (value === '') throw wrong(text)
    return { by, value: by === 'uuid' ? value.toLowerCase() : value, folder, text }
  }
  if (!/^(\/dev\/.|ubi[0-9]+[:_].|mtd:?.)/.test(disk)) throw wrong(text)
  return { by: 'device', value: disk, folder, text }
}

function wrong(text: string): ConfigError {
  return new ConfigError(`the store's place is "${show(text)}"`, CURE)
}
