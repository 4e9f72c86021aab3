/**
 * The file list of a session: how long it may be, given what was asked for, and reading it while the
 * names that it answers are still being sent.
 */
import type { FileList } from 'native:delta'
import { PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import {
  FILE_LIST_ENTRIES_MAX,
  NAME_LENGTH_MAX,
  NAMES_OF_VERSION_MAX,
  VERSIONS_LISTED_MAX,
} from '../limits.ts'
import type { Selection } from './arguments.ts'
import { addPath, type Extent } from './extent.ts'
import type { FileNames } from './file-names.ts'
import type { Agreement } from './negotiation.ts'
import type { Wire } from './wire.ts'

/** Where nobody knows how much may come. */
const LARGEST: Extent = {
  entries: FILE_LIST_ENTRIES_MAX,
  namesLength: Number.POSITIVE_INFINITY,
}
const NAMES_LISTED_MAX = VERSIONS_LISTED_MAX * NAMES_OF_VERSION_MAX
const ANY_NAME = '*'.repeat(NAME_LENGTH_MAX)
/** The folder of the transfer itself, and whatever else a server adds on its own. */
const MARGIN = 8
/** What an entry takes on the wire, with a margin: anything beyond it is not useful work (bytes). */
const ENTRY_LENGTH = 128

export function openList(
  { delta }: Pick<Host, 'delta'>,
  selection: Selection,
  agreement: Agreement,
): FileList {
  const extent = extentAsked(selection)
  const asked = extent && allowedBy(extent)
  return delta.openFileList({
    protocol: agreement.protocol,
    varintFlags: agreement.varintFlags,
    relative: selection.kind !== 'tree',
    entriesMax: Math.min(FILE_LIST_ENTRIES_MAX, asked?.entries ?? FILE_LIST_ENTRIES_MAX),
  })
}

/** Undefined if the names are still to be drawn, or nobody knows. */
function extentAsked(selection: Selection): Extent | undefined {
  if (selection.kind === 'files-from') return undefined
  if (selection.kind === 'tree') return selection.extent
  const extent: Extent = { entries: 0, namesLength: 0 }
  // A wildcard stands for what a server has of its versions, which may have any names.
  for (const path of selection.paths) {
    if (path.includes('*')) addPath(extent, path.replaceAll('*', ANY_NAME), NAMES_LISTED_MAX)
    else addPath(extent, path)
  }
  return extent
}

/** With what a server adds on its own. */
function allowedBy({ entries, namesLength }: Extent): Extent {
  return { entries: entries + MARGIN, namesLength: namesLength + MARGIN * NAME_LENGTH_MAX }
}

export async function readList(given: {
  modules: Pick<Host, 'delta'>
  wire: Wire
  list: FileList
  names: FileNames | undefined
  selection: Selection
}): Promise<void> {
  const { modules, wire, list, names, selection } = given
  const { delta } = modules
  const { incoming, outgoing, patience } = wire
  const asked = extentAsked(selection) ?? names?.extent
  let listed = 0
  let granted = 0
  wire.phase = 'reading the file list'
  patience.measures = true
  for (;;) {
    if (names && !names.done) {
      names.send(outgoing)
      if (names.done) outgoing.beginFrames()
    }
    const allowed = asked ? allowedBy(asked) : LARGEST
    patience.expect((allowed.entries - granted) * ENTRY_LENGTH)
    granted = allowed.entries
    if (incoming.start < incoming.end) {
      const { buffer, start, end } = incoming
      const used = delta.feedList(list, buffer, start, end - start)
      incoming.start = start + used
      const { entries, namesLength } = delta.listSummary(list)
      if (entries > allowed.entries) throw tooLong(`${allowed.entries} entries`)
      if (namesLength > allowed.namesLength) {
        throw tooLong(`${allowed.namesLength} bytes of names`)
      }
      patience.worked(Math.min(used, (entries - listed) * ENTRY_LENGTH))
      listed = entries
    }
    if (delta.listEnded(list)) break
    await wire.wait()
  }
  patience.measures = false
  wire.starting = false
}

function tooLong(allowed: string): PeerError {
  return new PeerError(`a file list of more than the ${allowed} that were asked for`, 'broken')
}
