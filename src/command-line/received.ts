/** From where bytes came, in words: what `status` says of a laptop, and `home --fleet` of a school. */
import { ORIGINS, type Origin, type Received } from '../origin.ts'
import { amount } from '../progress-bar.ts'

export const ORIGIN_WORDS: Record<Origin, string> = {
  neighbour: 'neighbours',
  school: 'the school server',
  upstream: 'upstream',
  stick: 'sticks and folders',
}

/** One text; none if nothing was received. */
export function receivedOf(received: Received): string[] {
  const parts = ORIGINS.flatMap((origin) => {
    const bytes = received[origin]
    return bytes ? [`${amount(bytes, 'bytes')} from ${ORIGIN_WORDS[origin]}`] : []
  })
  return parts.length > 0 ? [parts.join(', ')] : []
}
