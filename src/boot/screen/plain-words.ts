/**
 * What went wrong, in words for the person in front of the laptop, who may be a teacher: one sentence,
 * with what can be done about it. Pure. Whatever a peer put into a text is shown as plain characters.
 */
import { DeadlineError, isSystemError, PeerError, UpgradeError } from '../../errors.ts'
import { show, trimmedEnd } from '../../text.ts'

const AWAY = 'nobody answers there: is it switched on, and on this network?'

/** What the kernel says of a connection, by its code. */
const CONNECTION: Record<string, string> = {
  ECONNREFUSED: 'the server is there, but is not giving out releases right now',
  ENETUNREACH: 'it can not be reached from this network',
}

const DISK: Record<string, string> = {
  EIO: 'the disk can no longer read or write some of its blocks',
  EBADMSG: 'the disk can no longer read some of its blocks',
  EUCLEAN: 'the file system of the disk is damaged',
  EROFS: 'the disk cannot be written to',
  ENOSPC: 'the disk is full',
}

/** As src/connect.ts says it. */
const FAILED_CONNECTION = /^(.*): (?:(the name has no address)|no connection)(?: \(([A-Z_]+)\))?$/

export function sentenceOf(error: unknown): string {
  const { what, cure } = whatAndCure(error)
  const text = trimmedEnd(withoutPassword(show(what)), '. \n')
  return cure === undefined ? `${text}.` : `${text} (${withoutPassword(show(cure))}).`
}

function whatAndCure(error: unknown): { what: string; cure?: string | undefined } {
  if (isSystemError(error)) {
    const { call, path, code, message } = error
    const words = DISK[code]
    return { what: words === undefined ? message : `${words} (${path || call})` }
  }
  if (error instanceof PeerError && error.kind === 'away') {
    const [, peer, name, code = ''] = FAILED_CONNECTION.exec(error.message) ?? []
    if (peer === undefined) return { what: error.message, cure: error.cure }
    const why = name ? 'this network does not know its name' : CONNECTION[code]
    return { what: `${peer}: ${why ?? AWAY}` }
  }
  if (error instanceof DeadlineError) {
    return { what: error.message, cure: error.cure ?? 'it is too slow, or hangs' }
  }
  if (error instanceof UpgradeError) return { what: error.message, cure: error.cure }
  return { what: error instanceof Error ? error.message : String(error) }
}

/** A URL may hold one, though it should not, and anybody may see a screen. */
export function withoutPassword(text: string): string {
  return text.replace(/(:\/\/[^/@:\s]*):[^/@\s]*@/g, '$1:…@')
}
