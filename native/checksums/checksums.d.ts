/** Hashes. Digests (SHA-2) mean trust; checksums (rsync's) never do. */
declare module 'native:checksums' {
  import type { Fd } from 'native:files'

  /** rsync's names; 8 bytes: xxh64 xxh3; 16: md5 md4 xxh128; 20: sha1; 32: sha256; 64: sha512. */
  export type Algorithm = 'xxh64' | 'xxh3' | 'xxh128' | 'md4' | 'md5' | 'sha1' | 'sha256' | 'sha512'

  /** xxh results come as rsync sends them: little-endian, the low half of xxh128 first. Seed 0. */
  export function hash(algorithm: Algorithm, bytes: Uint8Array): Uint8Array
  /** SHA-256 of a file from its start, in lower-case hex, and the bytes read. Fails with EFBIG past sizeMax. */
  export function digestFile(fd: Fd, sizeMax: number): { digest: string; size: number }
}
