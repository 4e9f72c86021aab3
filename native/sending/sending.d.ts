/**
 * The sending half of rsync's algorithm: the file list that is sent, and the files as token streams against a
 * client's block sums. TypeScript writes the records around it; names and bytes of files pass through here.
 * What a client says wrongly, and what it may not have of our memory, throws `{ name: 'TokenError', message }`; what
 * the kernel refuses throws SystemError. Numbers of bytes are plain numbers up to 2^53.
 */
declare module 'native:sending' {
  import type { Algorithm } from 'native:checksums'
  import type { Compression, SumHead } from 'native:delta'
  import type { Fd, Path } from 'native:files'

  /** One per connection: the compressor's state may span files (zstd: one stream for all). */
  export type Sender = object
  export function openSender(options: {
    compression: Compression
    /** Of block sums and of whole files. */
    algorithm: Algorithm
    /** Of the block sums; 0: none. */
    seed: number
    /** Compat bit 0x20: md5 and sha1 take the seed before the block, or else after it. */
    seedFirst: boolean
  }): Sender

  /**
   * Begins a request: its sum head (rsync sender.c receive_sums). Nothing that stands for a whole file needs memory;
   * of the sums of a very large one those are kept that fit, and blocks without sums are sent as literals.
   * With `append` (`--append`: 'tail'; `--append-verify`: 'whole') no sums follow, and what the head covers is not sent.
   */
  export function beginSums(sender: Sender, head: SumHead, append?: 'tail' | 'whole'): void
  /** Takes bytes of block sums; returns how many it used. Less than `length` means that they are complete. */
  export function feedSums(
    sender: Sender,
    buffer: Uint8Array,
    offset: number,
    length: number,
  ): number
  export function sumsComplete(sender: Sender): boolean
  /** After `sumsComplete`: the file is not sent after all. */
  export function dropSums(sender: Sender): void

  /** After `sumsComplete`. A handle stays the caller's, and open until `finishSending`; bytes are copied. */
  export function beginSending(
    sender: Sender,
    file: {
      source: Fd | Uint8Array
      /** Of the file, as its handle's stat says now: so many bytes are sent, whatever happens to the file. */
      size: number
      /** The client overwrites its basis while it reads it: only blocks that it still has may be used (match.c). */
      inPlace: boolean
    },
  ): void
  /**
   * Writes what comes next of token stream, end token and whole-file sum into the buffer; returns how many bytes. The
   * work of a call is bounded, so 0 does not mean that it has ended: call again when the event loop had its turn.
   * What can't be read is sent as zeros, and the sum is a wrong one (match.c): the client asks again.
   */
  export function produce(
    sender: Sender,
    buffer: Uint8Array,
    offset: number,
    length: number,
  ): number
  /** All of the file has been produced. */
  export function sendingEnded(sender: Sender): boolean
  /** After `sendingEnded`. `readError`: errno's name if the file could not be read as it was (ENODATA: it shrank). */
  export function finishSending(sender: Sender): {
    literal: number
    matched: number
    readError: string | undefined
  }
  export function closeSender(sender: Sender): void

  /**
   * The file list that is sent (rsync flist.c send_file_list), one without incremental recursion: about 28 bytes an
   * entry and the name without its directory. Stages, one after the other: entries are added and walked, then it is
   * ended, drained, and asked.
   */
  export type SentList = object
  export function openSentList(options: {
    protocol: number
    /** Compat bit 0x80. */
    varintFlags: boolean
    /** `-l`, `-o`, `-g`, `-D` (`--devices`, `--specials`), `-H`. What is not asked for is listed without its details. */
    links: boolean
    owners: boolean
    groups: boolean
    devices: boolean
    specials: boolean
    hardLinks: boolean
    /** `-c`: the files' whole-file sums are listed, too. */
    checksum: Algorithm | undefined
    entriesMax: number
  }): SentList

  /**
   * Says where names come from: `at` on the wire is `path` below the directory, and `at/x` is `path/x`. `at` '.' is the
   * whole list. Returns the place's number; the same place twice has the same one. The handle stays the caller's, and
   * open while the list is.
   */
  export function addPlace(list: SentList, place: { directory: Fd; path: Path; at: Path }): number

  export interface AddedAs {
    /** XMIT_TOP_DIR: named by the client, or the parent of such a one. */
    top: boolean
    /** Of a directory: what is listed of its content by `walkList`. 'none' is sent as XMIT_NO_CONTENT_DIR. */
    content: 'none' | 'names' | 'tree'
  }
  /**
   * Adds one name of a place, as it stands on the disk. Its kind as bits of the mode (S_IFMT). Throws SystemError if
   * it isn't there (ENOENT) and TokenError past `entriesMax`.
   */
  export function addEntry(list: SentList, place: number, name: Path, as: AddedAs): number
  /** Adds an entry that is on no disk: with the bits of its kind in `mode`, and its sum if `checksum` was asked for. */
  export function addMade(
    list: SentList,
    name: Path,
    made: {
      mode: number
      size: number
      modifiedSeconds: number
      checksum?: Uint8Array | undefined
      /** What `sentAt` says of it. */
      key: number
    },
    as: AddedAs,
  ): void

  /**
   * Lists the content of the directories that were added with one, and of those below, at most about `countMax` names:
   * never through links, never across a mount (a directory that something is mounted on is listed as empty, a file
   * left out), one directory open at a time. `keep` is asked for every name, with its mode: false leaves it out
   * with all below. `refused` are those that could not be read, for messages.
   */
  export function walkList(
    list: SentList,
    countMax: number,
    keep?: (name: Path, mode: number) => boolean,
  ): { done: boolean; refused: { name: Path; call: string; code: string }[] }

  export interface IdName {
    id: number
    name: string
  }
  /** After the walk: nothing more is added. `users` and `groups`: the names that ids have here; undefined with `--numeric-ids`. */
  export function endSentList(
    list: SentList,
    end: {
      ioError: number
      /** Compat bit 0x08, or protocol 31: an error may end the list. */
      errorEnd: boolean
      users: IdName[] | undefined
      groups: IdName[] | undefined
      /** Compat bit 0x100: the lists of ids end in the name of id 0. */
      rootName: boolean
    },
  ): void
  /**
   * Writes the next bytes of the list; how many. The work of a call is bounded (with `checksum` the files are read here),
   * so 0 does not mean that all has been written.
   */
  export function drainList(
    list: SentList,
    buffer: Uint8Array,
    offset: number,
    length: number,
  ): number
  /** All of it is written, lists of ids included. Then an index means a place in the order of both sides (f_name_cmp). */
  export function listDrained(list: SentList): boolean
  /** `size`: of all regular files and links together, for the statistics. */
  export function sentSummary(list: SentList): { entries: number; size: number }
  /** The entry of an index, after `listDrained`: undefined past the end. */
  export function sentAt(
    list: SentList,
    index: number,
  ):
    | {
        name: Path
        size: number
        /** With the bits of its kind. */
        mode: number
        modifiedSeconds: number
        /** Where it is; undefined for what was made. */
        place: { number: number; path: Path } | undefined
        /** Of what was made. */
        key: number | undefined
      }
    | undefined
  export function closeSentList(list: SentList): void
}
