/**
 * Reading packs (docs/PACKS.md): the new manifest out of the old one, and files out of their bases.
 * A pack may lie: this stays within its memory, reads only the handles that it was given, and says of
 * each file what came out. Whoever calls decides where a file goes, and whether its digest is right.
 */
declare module 'native:packs' {
  import type { Fd, Path } from 'native:files'

  /**
   * Every function but openPack and closePack may throw `{ name: 'PackError', message }`: the pack is wrong there,
   * and can only be closed. Files that came out before are as good as their digests.
   */
  export type Pack = object

  /**
   * `fd` stays the caller's, is read by position only, and may still be growing. `name` is for messages. Reads nothing
   * yet.
   */
  export function openPack(fd: Fd, name: string): Pack

  /**
   * Writes the new manifest to `target` from its current position. Undefined: more of the pack is
   * needed first; then `target` has to be emptied before the next try. A broken old manifest is the caller's fault, and
   * looks like a PackError or a wrong digest.
   */
  export function rebuildManifest(
    pack: Pack,
    oldManifest: Fd | undefined,
    target: Fd,
    sizeMax: number,
  ): { size: number; digest: string } | undefined

  /**
   * Reads the index; only then can files be read. It needs no rebuildManifest before it, but manifests that were proved.
   * Both stay open until closePack. False: more of the pack is needed first.
   */
  export function openFiles(pack: Pack, manifests: { old: Fd | undefined; new: Fd }): boolean

  /** Frames that stand alone together: what can be left out, or has to be there before it is read. */
  export interface Stretch {
    /** Where it lies in the pack (bytes). */
    start: number
    end: number
    /** The first entry in it, and the first one of the next stretch (Infinity: there is none). */
    first: number
    next: number
  }
  /** Goes to the next stretch, whatever was read of the one before. Decodes nothing. Undefined: the pack ends. */
  export function nextStretch(pack: Pack): Stretch | undefined

  export interface PackedFile {
    /** Its number among the entries of the new manifest, from 0. */
    entry: number
    /** What that entry says. The path has no `./`. */
    path: Path
    size: number
    digest: string
    /** The file that applyFile needs to be open, if it is to succeed. */
    base: { tree: 'old' | 'new'; path: Path } | undefined
    /** Other files of the stretch learn from it: if those are wanted, it should be applied even without a target. */
    teaches: boolean
  }
  /**
   * The next file of the stretch; a file that was neither applied nor skipped is skipped. Undefined: the stretch ends.
   */
  export function nextFile(pack: Pack): PackedFile | undefined

  export type PackedOutcome =
    | { size: number; digest: string }
    /** `base`: it is missing or not what the pack expects. `reason` is for the log. What came so far is in the target. */
    | { failed: 'base'; reason: string }
  /**
   * Makes the file that nextFile told: writes to `target` from its current position, in one pass with its SHA-256. A
   * read of `base` is by position. Without a target it only learns. SystemError if the target can't be
   * written; then the pack can only be closed.
   */
  export function applyFile(pack: Pack, base: Fd | undefined, target: Fd | undefined): PackedOutcome

  export function closePack(pack: Pack): void
}
