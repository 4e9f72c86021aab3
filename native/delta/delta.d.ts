/**
 * The receiving half of rsync's algorithm: block sums of a basis, and the rebuilding of a file from
 * a token stream. TypeScript reads the records around it; the bytes of files pass through here.
 */
declare module 'native:delta' {
  import type { Algorithm } from 'native:checksums'
  import type { Fd } from 'native:files'

  /** rsync's sum head (rsync io.c read_sum_head). All zero: no basis. */
  export interface SumHead {
    count: number
    blockLength: number
    strongLength: number
    /** Bytes of the last block, 0 where it is full. */
    remainder: number
  }

  /**
   * The sums of `count` blocks from block `first` on, as they go on the wire: weak sum int32 LE, then
   * strongLength bytes of the strong sum seeded with `seed` (for md5: seed first, compat bit 0x20).
   * Bytes that the basis lacks count as zeros: a wrong sum only costs literals. Of blocks that its disk
   * can't give, all sums are zeros, which no block has.
   */
  export function blockSums(
    basis: Fd,
    head: SumHead,
    first: number,
    count: number,
    algorithm: Algorithm,
    seed: number,
  ): Uint8Array

  export type Compression = 'none' | 'zlibx' | 'zstd'
  /** One per connection: the decompressor's state may span files (zstd: one stream for all). */
  export type Rebuilder = object
  export function openRebuilder(compression: Compression, algorithm: Algorithm): Rebuilder
  /** Begins a file: bytes go to `target` (written from its current position); blocks come from `basis`. */
  export function beginFile(
    rebuilder: Rebuilder,
    file: { head: SumHead; basis: Fd | undefined; target: Fd; sizeMax: number },
  ): void
  /**
   * Takes token-stream bytes and returns how many it used. Less than `length` means that the file's
   * end token was read (see `ended`). An impossible token throws a PeerError-shaped error
   * `{ name: 'TokenError', message }`: block number past the end, more than sizeMax bytes, broken
   * compressed data. A failed write throws SystemError, and so does a basis shorter than its
   * head says (EIO). After any error the rebuilder can only be closed.
   */
  export function feed(
    rebuilder: Rebuilder,
    buffer: Uint8Array,
    offset: number,
    length: number,
  ): number
  export function ended(rebuilder: Rebuilder): boolean
  /** After `ended`: what came out. `checksum` is the whole-file sum to compare with the trailer, `digest` SHA-256 in hex. */
  export function finishFile(rebuilder: Rebuilder): {
    size: number
    /** Bytes that came literally, after decompression. */
    literal: number
    checksum: Uint8Array
    digest: string
  }
  /**
   * Gives up the file half way: writes what is still held back, and returns how many bytes `target` has. For
   * partial files; without it they lack up to 256 KiB. After it the rebuilder can only be closed.
   */
  export function abandonFile(rebuilder: Rebuilder): number
  export function closeRebuilder(rebuilder: Rebuilder): void

  /**
   * Copies a file's content from its start to target's current position, with its SHA-256. EFBIG past sizeMax. The call
   * that an error names is `read` if the source is at fault, otherwise `write`.
   */
  export function copyWhole(
    source: Fd,
    target: Fd,
    sizeMax: number,
  ): { size: number; digest: string }

  /**
   * The file list of one rsync session, decoded and held compactly: a 43,000-entry list as JavaScript
   * objects would not fit the laptop. Varint flags (compat bit 0x80) or byte flags; no incremental
   * recursion; without links, owners, groups, devices and the lists of ids, which no session asks for.
   */
  export type FileList = object
  export function openFileList(options: {
    protocol: number
    varintFlags: boolean
    /** Names may carry a leading slash (`-R`). */
    relative: boolean
    entriesMax: number
  }): FileList
  /**
   * Takes list bytes up to the end of the last whole entry; returns how many it used. `used < length`
   * while the list has not ended means that the rest is the start of an entry (at most 9 KiB): keep it and call
   * again with more after it. Past the list's end nothing is taken, and after an error it can only be closed.
   * Once `listEnded` is true the entries are sorted as both sides do
   * (rsync flist.c f_name_cmp) and an index means a position in that order.
   * What the receiver's rules forbid throws `{ name: 'TokenError', message }` (`..`, absolute name, unlisted parent, nsec …).
   */
  export function feedList(
    list: FileList,
    buffer: Uint8Array,
    offset: number,
    length: number,
  ): number
  export function listEnded(list: FileList): boolean
  /** `namesLength`: of all names that were read, as they stand in the list. */
  export function listSummary(list: FileList): {
    entries: number
    namesLength: number
    ioError: number
  }
  /** The index of a name (without leading slash), its size and type; undefined if it is not listed. Never a cleared duplicate. Only after the list's end. */
  export function findListed(
    list: FileList,
    name: string,
  ): { index: number; size: number; mode: number } | undefined
  /** The entry of an index, for listings and messages; undefined past the end, before the list's end, and for a cleared duplicate. */
  export function listedAt(
    list: FileList,
    index: number,
  ): { name: string; size: number; mode: number; modifiedSeconds: number } | undefined
  export function closeFileList(list: FileList): void
}
