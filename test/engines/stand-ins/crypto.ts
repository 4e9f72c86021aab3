/** node:crypto's hashes, over native:checksums. */
import { type Algorithm, hash } from 'native:checksums'

export function createHash(algorithm: Algorithm) {
  const parts: Uint8Array[] = []
  const running = {
    update(part: Uint8Array | string) {
      parts.push(Buffer.from(part))
      return running
    },
    digest: (encoding: 'hex') =>
      Buffer.from(hash(algorithm, Buffer.concat(parts))).toString(encoding),
  }
  return running
}
