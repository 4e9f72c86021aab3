/**
 * What the steps say while they work. The command line shows it as a bar, as JSON lines or as lines
 * of a log; a step never prints.
 */

export type Phase =
  | 'release'
  | 'pack'
  | 'manifest'
  | 'compare'
  | 'fetch'
  | 'verify'
  | 'commit'
  | 'publish'

export interface Progress {
  /** A phase begins. `unit` says what `total` and the amounts of `advance` count. */
  begin(phase: Phase, total: number | undefined, unit: 'bytes' | 'entries'): void
  /** How much of the phase is done, in all, and which file it is at. */
  advance(done: number, path?: string): void
  /** Bytes that crossed the network so far, in all. */
  traffic(received: number, sent: number): void
  /** Something a person should know; it does not end the work. */
  note(text: string): void
}

/** Progress that is drawn; a result, an error or a line of text ends what is drawn. */
export interface ShownProgress extends Progress {
  /** Ends the last phase. */
  end(): void
}

/** For callers that show nothing. */
export const silent: Progress = {
  begin() {},
  advance() {},
  traffic() {},
  note() {},
}
