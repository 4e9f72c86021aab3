/**
 * All classes of errors, one for each next move of the upgrade. A step throws the class that says
 * what has to happen next; only `main.ts` turns a class into an exit status.
 */

/** Base of the errors that we make. `cure` says what a person can do next. */
export abstract class UpgradeError extends Error {
  constructor(
    message: string,
    readonly cure?: string,
  ) {
    super(message)
    this.name = new.target.name
  }
}

/** The source broke the protocol, refused, or lacks the version. Next: another source, or back off. */
export class PeerError extends UpgradeError {
  constructor(
    message: string,
    /**
     * `absent`: the source works but lacks what was asked for; `busy`: it serves too many others now;
     * `refused`: it said no; `broken`: it broke the protocol; `cut`: the connection to it ended;
     * `away`: nobody is there.
     */
    readonly kind: 'absent' | 'busy' | 'refused' | 'broken' | 'cut' | 'away',
    cure?: string,
  ) {
    super(message, cure)
  }
}

/** Nobody answered in time. Next: another source, then wait. */
export class DeadlineError extends UpgradeError {
  constructor(
    message: string,
    cure?: string,
    /** False: not even a connection was made. */
    readonly isConnected = true,
  ) {
    super(message, cure)
  }
}

/** Nothing can be done before `untilSeconds`: the source may have it then. */
export class LaterError extends UpgradeError {
  constructor(
    message: string,
    /** By the wall clock, in seconds since 1970. */
    readonly untilSeconds: number,
    cure?: string,
  ) {
    super(message, cure)
  }
}

/** A signature or a digest does not hold. What failed is discarded, and never committed. */
export class TrustError extends UpgradeError {}

/** The configuration or the command line is wrong. */
export class ConfigError extends UpgradeError {}

/** What the configuration says of one source can't be used. Next: another source. */
export class SourceConfigError extends ConfigError {
  override name = 'ConfigError'
}

/** There is not enough room on the store's disk. */
export class SpaceError extends UpgradeError {
  constructor(
    message: string,
    readonly missingBytes: number,
    cure?: string,
  ) {
    super(message, cure)
  }
}

/**
 * What was proved on arrival is different on the disk now: the fault of the disk or the memory, and
 * never of a source.
 */
export class DiskError extends UpgradeError {}

/** Somebody else holds the store's lock. */
export class BusyError extends UpgradeError {}

/** The kernel refused. Native modules throw this shape; it is never constructed here. */
export interface SystemError extends Error {
  name: 'SystemError'
  call: string
  path: string
  code: string
  errno: number
}

export function isSystemError(error: unknown, ...codes: string[]): error is SystemError {
  if (!(error instanceof Error) || error.name !== 'SystemError') return false
  return codes.length === 0 || codes.includes((error as SystemError).code)
}

/** A pack is wrong, in the words of native:packs; it is never constructed here. */
export function isPackError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'PackError'
}

/** The manifest of a tree is malformed, in the words of native:trees; it is never constructed here. */
export function isManifestError(error: unknown): boolean {
  return error instanceof Error && error.name === 'ManifestError'
}

/** Whether it is one of those above, each with its own next move; all others are bugs of ours. */
export function isExpected(error: unknown): error is Error {
  return error instanceof UpgradeError || isSystemError(error) || isManifestError(error)
}

/**
 * The disk can't give a block, a name or a folder any more, or found that it can't be right; or it is
 * encrypted, and nobody has the key. native/files/damage.c has the same list.
 */
export const DAMAGE = ['EIO', 'EBADMSG', 'EUCLEAN', 'ENOKEY']

export function isDamage(error: unknown): error is SystemError {
  return isSystemError(error, ...DAMAGE)
}

/** Something the machine is short of for a moment: it says nothing about the disk that was just asked. */
export function isOfMachine(error: SystemError): boolean {
  return ['ENOMEM', 'EMFILE', 'ENFILE', 'EAGAIN', 'EINTR'].includes(error.code)
}

/** For what only a bug of ours can make false; a peer's bytes never get here. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

export class AssertionError extends Error {
  override name = 'AssertionError'
}
