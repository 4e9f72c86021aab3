/**
 * Files that only the source has, hundreds at a time while they wait for their content. Of a long line,
 * which is one with large attributes, the manifest keeps the rest until it is needed.
 */
import type { Undone } from 'native:trees'
import { assert } from '../errors.ts'
import type { Fd, Host } from '../host.ts'
import type { Entry } from '../release/manifest-line.ts'

/** Its entry, whose number and line are the manifest's; undefined: too long to be held. */
export interface Missing {
  number: number
  line: string | undefined
  entry: Entry
}

/** Usual lines have a third of it (bytes). */
const HELD_LENGTH_MAX = 600

export function missingFrom({ number, line }: Undone, entry: Entry): Missing {
  if (line.length <= HELD_LENGTH_MAX) return { number, line, entry }
  return { number, line: undefined, entry: { ...entry, xattrs: [] } }
}

export function lineOf({ trees }: Host, manifest: Fd, { line, entry }: Missing): string {
  const found = line ?? trees.findLine(manifest, entry.path)
  assert(found !== undefined, 'the manifest no longer has an entry that it had')
  return found
}
