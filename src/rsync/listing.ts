/**
 * The file list of a session: how long it may be, given what was asked for, and reading it while the
 * names that it answers are still being sent.
 */
import type { FileList } from 'native:delta'
import { PeerError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { FILE_LIST_ENTRIES_MAX, VERSIONS_LISTED_MAX } from '../limits.ts'
import type { Selection } from './arguments.ts'
import type { FileNames } from './file-names.ts'
import type { Agreement } from './negotiation.ts'
import type { Wire } from './wire.ts'

/** The folder of the transfer itself, and whatever else a server adds on its own. */
const MARGIN = 8
/** What an entry takes on the wire, with a margin: anything beyond it is not useful work (bytes). */
const ENTRY_LENGTH = 128

export function openList(
  { delta }: Pick<Host, 'delta'>,
  selection: Selection,
  agreement: Agreement,
): FileList {
  return delta.openFileList({
    protocol: agreement.protocol,
    varintFlags: agreement.varintFlags,
    relative: selection.kind !== 'tree',
    entriesMax: Math.min(FILE_LIST_ENTRIES_MAX, entriesAsked(selection) ?? FILE_LIST_ENTRIES_MAX),
  })
}

/** Each name and the folders above it; undefined if the names are still to be drawn. */
function entriesAsked(selection: Selection): number | undefined {
  if (selection.kind === 'files-from') return undefined
  if (selection.kind === 'tree') return selection.entriesMax && selection.entriesMax + MARGIN
  return selection.paths.reduce((sum, path) => sum + entriesOf(path), MARGIN)
}

/** A path to a file: itself and its folders. A wildcard stands for the versions that a server has. */
function entriesOf(path: Path): number {
  const count = path.split('/').length
  return path.includes('*') ? count * VERSIONS_LISTED_MAX : count
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
  const asked = entriesAsked(selection)
  let listed = 0
  let granted = 0
  wire.phase = 'reading the file list'
  patience.measures = true
  for (;;) {
    if (names && !names.done) {
      names.send(outgoing)
      if (names.done) outgoing.beginFrames()
    }
    const allowed = asked ?? (names ? names.entries + MARGIN : FILE_LIST_ENTRIES_MAX)
    patience.expect((allowed - granted) * ENTRY_LENGTH)
    granted = allowed
    if (incoming.start < incoming.end) {
      const { buffer, start, end } = incoming
      const used = delta.feedList(list, buffer, start, end - start)
      incoming.start = start + used
      const { entries } = delta.listSummary(list)
      if (entries > allowed) {
        throw new PeerError(
          `a file list of more entries than the ${allowed} that were asked for`,
          'broken',
        )
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
