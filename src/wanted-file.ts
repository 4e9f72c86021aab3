/**
 * A wish for one file, the same from staging through a source down to the wire, and what became of it.
 * Whoever wishes opens what it needs; whoever answers says the outcome once, or that it gave up.
 */
import type { Fd, Path } from './host.ts'

export interface WantedFile {
  /** Below the place that is asked: `42/manifest`, or a path below `42/root`. */
  name: Path
  /** A longer file is not fetched. */
  sizeMax: number
  /** A local file that may share content with it. Stays open until the outcome is known. */
  basis?: { fd: Fd; size: number } | undefined
  /** Gives an empty file to write to; called when content begins to come, and again for a second try. */
  target(): Fd
  done(outcome: FileOutcome): void
  /** Called instead of `done` if the source failed first: what came so far is in the target. */
  abandoned?(): void
}

/** The size and SHA-256 of what came, or why nothing did. */
export type FileOutcome =
  | { size: number; digest: string }
  /**
   * `absent`: the source has no such file, or did not send it. `too-large`: it has one of more than
   * `sizeMax` bytes. `damaged`: twice, what came was not what the source meant to send. `unreadable`: it
   * has the file, but can't read it.
   */
  | { failed: 'absent' | 'too-large' | 'damaged' | 'unreadable' }
