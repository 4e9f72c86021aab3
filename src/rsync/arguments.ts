/**
 * What we ask a daemon for: the argument list that a stock client would give it, with as little in it
 * as we need. The manifest carries all metadata, so the list needs names, sizes and modes only:
 * no owners, no link texts, no devices.
 */
import type { Path } from '../host.ts'
import type { Extent } from './extent.ts'

/** What a session lists, and may then fetch. */
export type Selection =
  /** Path arguments below the module, wildcards allowed; names come back relative to the module. */
  | { kind: 'paths'; paths: readonly Path[] }
  /** The names are sent while the list arrives; they are relative to `under`. */
  | { kind: 'files-from'; under: Path; names: Iterable<Path> }
  /** Everything below `under`; names are relative to it. More than `extent` is the peer's fault. */
  | { kind: 'tree'; under: Path; extent?: Extent }

export type Compression = 'zstd' | 'zlibx' | 'none'

interface Asking {
  module: string
  selection: Selection
  /** `negotiate`: `-z`, and the lists decide. `zlibx`: the word for it of servers that negotiate nothing. */
  compression: 'none' | 'negotiate' | 'zlibx'
  compressLevel?: number | undefined
  /** The daemon's time-out, by which it also sends keep-alives. 0: its own. */
  timeoutSeconds: number
  capabilities: string
}

/**
 * What we offer after `-e.`: everything of a modern client but `i`, incremental recursion
 * (docs/PROTOCOL.md). `C`: the seed goes first in block sums.
 */
export const CAPABILITIES = 'LsfxCIvu'

export function serverArguments(asking: Asking): Path[] {
  const { selection, module, compression } = asking
  const recursion = selection.kind === 'tree' ? 'r' : 'R'
  const letters = `-${recursion}${compression === 'negotiate' ? 'z' : ''}e.${asking.capabilities}`
  const words = ['--server', '--sender', letters]
  if (asking.timeoutSeconds > 0) words.push(`--timeout=${asking.timeoutSeconds}`)
  if (compression === 'zlibx') words.push('--new-compress')
  if (asking.compressLevel !== undefined && compression !== 'none') {
    words.push(`--compress-level=${asking.compressLevel}`)
  }
  if (selection.kind === 'files-from') words.push('--files-from=-', '--from0')
  words.push('.')
  if (selection.kind === 'paths') {
    for (const path of selection.paths) words.push(`${module}/${path}`)
  } else if (selection.kind === 'files-from') {
    // Names below a folder of the module find nothing on a daemon of rsync 3.5.0 without chroot.
    words.push(`${module}/`)
  } else {
    words.push(`${module}/${literal(selection.under)}/`)
  }
  return words
}

/** A path that the server's matcher takes literally: it unescapes only if there are wildcards. */
function literal(path: Path): Path {
  return /[*?[]/.test(path) ? path.replace(/[*?[\\]/g, '\\$&') : path
}
