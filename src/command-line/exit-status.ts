/** What each exit status means: sysexits(3) numbers, one for each next move. Documented in docs/OPERATING.md. */
import {
  BusyError,
  ConfigError,
  DeadlineError,
  DiskError,
  isSystemError,
  LaterError,
  PeerError,
  SpaceError,
  TrustError,
} from '../errors.ts'

export const EXIT = {
  done: 0,
  /** `verify` found damage. */
  damaged: 1,
  /** A hook says that the system is not healthy. */
  vetoed: 1,
  usage: 64,
  untrusted: 65,
  unavailable: 69,
  internal: 70,
  space: 73,
  system: 74,
  temporary: 75,
  /** Nobody reads stdout any more: as a shell says of SIGPIPE. */
  unread: 141,
} as const

/** The status of an error, and the name of its class; undefined for a bug of ours. */
export function exitOf(error: unknown): { status: number; kind: string } | undefined {
  if (error instanceof ConfigError) return { status: EXIT.usage, kind: error.name }
  if (error instanceof TrustError) return { status: EXIT.untrusted, kind: error.name }
  if (error instanceof PeerError) return { status: EXIT.unavailable, kind: error.name }
  if (error instanceof DeadlineError) return { status: EXIT.temporary, kind: error.name }
  if (error instanceof LaterError) return { status: EXIT.temporary, kind: error.name }
  if (error instanceof BusyError) return { status: EXIT.temporary, kind: error.name }
  if (error instanceof SpaceError) return { status: EXIT.space, kind: error.name }
  if (isSystemError(error, 'ENOSPC', 'EDQUOT')) return { status: EXIT.space, kind: error.name }
  if (isSystemError(error) && (error.call === 'connect' || error.call === 'resolve')) {
    return { status: EXIT.unavailable, kind: error.name }
  }
  if (error instanceof DiskError) return { status: EXIT.system, kind: error.name }
  if (isSystemError(error)) return { status: EXIT.system, kind: error.name }
  if (error instanceof Error && error.name === 'ManifestError') {
    return { status: EXIT.untrusted, kind: error.name }
  }
  return undefined
}
