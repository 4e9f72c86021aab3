/** What a client asked for and does not get; it is told so in rsync's words, with rsync's exit code. */
import { PeerError } from '../errors.ts'

export class RsyncRefusal extends PeerError {
  override name = 'PeerError'

  constructor(
    /** As the client is told. */
    readonly words: string,
    /** What the client ends with (rsync's errcode.h): 1 syntax, 4 unsupported. */
    readonly exitCode: number,
  ) {
    super(words, 'refused')
  }
}
