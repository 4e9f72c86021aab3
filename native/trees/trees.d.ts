/**
 * What touches every entry of a tree: the merge of two sorted manifests, the links that follow from it, and
 * the checks of a whole tree. Memory grows with the change, not with the tree (but for a few bits an
 * entry).
 *
 * A manifest is a text of mtree(5) lines in the form of docs/FORMATS.md, sorted by the bytes of the
 * unescaped path; `.` is first. A malformed line throws a ManifestError: `{ name: 'ManifestError', line:
 * number, message }`; lines count from 1; 0 if the line was looked up by its position. Malformed are also:
 * no entry at all, a last line without newline, a path out of order or twice, an entry whose parent is not
 * a directory of the manifest, a later name of a hard link whose first name is not an earlier regular file
 * or differs in more than path and tag, and (seen after the last entry) an `nlink` that does not count the
 * names of its group. Nothing has a live manifest checked but for its order and what is needed of its
 * lines.
 *
 * A job does a bounded part of its work at each step, so that progress can be shown between. Every handle
 * is closed by its own close; a handle that is garbage is closed too.
 */
declare module 'native:trees' {
  import type { DiskTimes, Fd, Path } from 'native:files'

  /** The tree that another one is built beside and links from: usually the running one. */
  export interface LiveTree {
    manifest: Fd
    root: Fd
  }

  /** Why an entry of the target could not be put in place without its content. */
  export type Reason =
    /** The live manifest has no such path. */
    | 'new'
    /** The live manifest has another line for it: with other content, or the live file is not as that line says. */
    | 'changed'
    /**
     * The lines agree, but the live file's metadata does not: it was edited on the laptop, or is gone, or
     * can't be linked (another file system, too many links).
     */
    | 'edited'
    /** A hard link whose first name is not in place yet. */
    | 'waiting'

  export interface Undone {
    reason: Reason
    /** Of the entry in the target's manifest; the first one is 1. */
    number: number
    /** The line of the target's manifest, without newline. */
    line: string
  }

  export interface ReconcileStep {
    /** True after the last entry. */
    done: boolean
    /** Entries looked at so far. */
    entries: number
    /** Entries that this job linked from the live tree, made (also later names of hard links), and found right already, so far. */
    linked: number
    /** The sum of the sizes of those linked. */
    linkedBytes: number
    made: number
    kept: number
    /** Regular files that it copied from the live tree, so far, and the sum of their sizes. */
    copied: number
    copiedBytes: number
    /** Regular files that are undone so far, later names of hard links apart, and the sum of their sizes. */
    undoneFiles: number
    undoneBytes: number
    /** Of all entries looked at so far. */
    pathsLength: number
    /** Those that this step met; always empty with `dryRun`, which only counts. */
    undone: Undone[]
  }

  export type ReconcileJob = object

  /**
   * Brings `tree` towards `manifest`, entry by entry in the manifest's order:
   * - an entry that stands there with the right metadata (type, mode, owner, size, time, link, device, xattrs)
   *   is kept, unless it is the inode of the live tree at this path while the two manifest lines differ;
   * - whatever else stands there is removed (a directory is only made or kept, its metadata is `finishDirectories`' work);
   * - directories (0700 for now), symlinks, devices, fifos and sockets are made, with their metadata;
   * - a later name of a hard link group is linked to its first name in `tree`, if that stands there right;
   * - a regular file whose live line is the same, and whose live file has the line's metadata, is linked
   *   from the live tree: it is linked, looked at, and taken away again if it is not as the line says;
   *   if its inode would get more than 1000 names with those of its hard link group, or is linked already
   *   for another entry, it is copied instead (if it is not empty);
   * - one whose live line has the same size (not 0) and digest, and whose live file has the live line's metadata, is
   *   copied from it, and gets its own metadata. Its content is not looked at: that is for `verify`;
   * - every other regular file is undone.
   * Times are compared as far as the disk of the trees holds them (`times`; undefined: exactly), and labels
   * that the kernel gives by itself (SELinux, Smack) only where the line has one; so does `verify`.
   * With `dryRun` nothing is changed and the steps say what would be.
   * `tree` may be undefined with `dryRun`: an empty tree. With `unseen`, only with `dryRun`, the live tree is not looked at
   * but taken to be as its manifest says.
   * With `proof`, what it holds is kept without a look, and what is found right goes into it: entries but directories
   * that are kept, files if their inode is the live tree's under the same line, and files that are linked from there.
   * Names of hard links never do.
   */
  export function openReconcile(options: {
    manifest: Fd
    tree: Fd | undefined
    live: LiveTree | undefined
    dryRun: boolean
    unseen?: boolean
    proof?: Proof | undefined
    times?: DiskTimes
  }): ReconcileJob
  /**
   * At most `entriesMax` further entries; fewer after some 16 MiB of copied content, or some 512 KiB of
   * lines that are undone.
   */
  export function reconcile(job: ReconcileJob, entriesMax: number): ReconcileStep
  export function closeReconcile(job: ReconcileJob): void

  /**
   * Paths that stand in `tree` but not in the manifest (an extra directory once, without what is below),
   * and without `remove` also directories that the disk can't list (`files/damage.h`), sorted by bytes, at
   * most `pathsMax` and some 1 MiB of them (any, where there are more). With `remove` all are removed, also
   * those that the list lacks. Does not look below mounts.
   */
  export function extras(
    manifest: Fd,
    tree: Fd,
    options: { remove: boolean; pathsMax: number },
  ): Path[]

  /**
   * Gives every directory of the manifest its metadata, and looks at it for the `proof`. To be called when all else is in
   * place.
   */
  export function finishDirectories(manifest: Fd, tree: Fd, times?: DiskTimes, proof?: Proof): void

  /**
   * What a run has proved of the tree that it builds, in memory alone: entries that were looked at after they were put in
   * place and found right. It spares `verify` a second look. Nobody else may write to the tree meanwhile.
   */
  export type Proof = object
  export function openProof(tree: Fd, times?: DiskTimes): Proof
  /**
   * Gives a new file, `name` in `directory`, open as `fd`, the metadata of its line and its place in the tree, where it
   * replaces what stands there. Its content must have been hashed while it was written, and be what the line says.
   * It goes into the proof if it turns out right and has one name.
   */
  export function settle(
    proof: Proof,
    entry: { number: number; line: string },
    fd: Fd,
    directory: Fd,
    name: Path,
  ): void
  export function closeProof(proof: Proof): void

  /** One thing that is wrong with one entry. */
  export interface Failure {
    path: Path
    /** The keyword of the manifest that does not hold, or `missing`, or `inode` (shares an inode that it should not, or does not share one that it should). */
    what:
      | 'missing'
      | 'type'
      | 'mode'
      | 'uid'
      | 'gid'
      | 'size'
      | 'time'
      | 'sha256digest'
      | 'link'
      | 'device'
      | 'xattr'
      | 'nlink'
      | 'inode'
    /**
     * As texts of the manifest: `0755`, `0`, `1700000000.000000000`, `native,1,3`, hex digits. `link`: byte
     * strings. `type`: types. `missing`: found is '', expected is the type. `xattr`: all, as `NAME:BASE64`
     * with commas between; after 1 KiB of it with `...` in place of the rest. `nlink`: the inode has fewer names. `inode`: found is the first entry that is
     * this inode (maybe the path itself), expected the first name of its group or the path itself.
     * `sha256digest`: found is '' if the disk can't read the content (EIO).
     */
    found: string
    expected: string
  }

  export interface VerifyStep {
    done: boolean
    entries: number
    /** Bytes of content read and hashed so far. */
    bytes: number
    /**
     * It ended early: an entry shares its inode with one that the proof vouched for. To be done again without proof.
     */
    doubtful: boolean
    failures: Failure[]
  }

  export type VerifyJob = object

  /**
   * Checks the metadata of every entry, and the content of every regular file but those that are the
   * live tree's inode at the same path with the same manifest line (`full`: of those too).
   * Extra files are not its matter: see `extras`. Of an entry that is missing or has another type nothing
   * else is reported; content is only read where the size is right, and of later names of hard links
   * it is not read again. The mode of a symlink does not count. What a `proof` holds is not looked at again; `full` takes
   * none.
   */
  export function openVerify(options: {
    manifest: Fd
    tree: Fd
    live: LiveTree | undefined
    full: boolean
    proof?: Proof | undefined
    times?: DiskTimes
  }): VerifyJob
  /**
   * Stops after `entriesMax` entries, about 16 MiB of content (one file may exceed it), or 64 failures (one
   * entry may exceed it), whichever comes first.
   */
  export function verify(job: VerifyJob, entriesMax: number): VerifyStep
  export function closeVerify(job: VerifyJob): void

  /** Which lines of a manifest hold a digest. 12 bytes of memory a line. */
  export type DigestIndex = object
  /**
   * Of all lines; or only of those that are worth their memory (a few others may be among them):
   * `without`: lines that this other manifest lacks; `wantedBy`: with the content of lines of that manifest
   * that this one lacks; `repeated`: with content that several lines of this one have.
   */
  export function openDigests(
    manifest: Fd,
    options?: { without?: Fd; wantedBy?: Fd; repeated?: boolean },
  ): DigestIndex
  /** The lines of all regular files (no later names of hard links) with this SHA-256 (64 hex digits), in the manifest's order, at most 16. */
  export function findDigest(index: DigestIndex, digest: string): string[]
  export function closeDigests(index: DigestIndex): void

  /** The line of one path (without `./`; binary search in the sorted file), or undefined. */
  export function findLine(manifest: Fd, path: Path): string | undefined

  /**
   * The lines of entries that ask most of a disk: the first of each type but files and directories, the
   * first with an owner that is not root, the first file with a set-id bit, the first with an attribute of
   * each namespace (user, trusted, security, and all others) and with a label (SELinux, Smack), the first
   * whose name has signs that other systems forbid, is not in ASCII, or is not in UTF-8; then the one with
   * the largest attributes in all, the first name of the largest hard link group, and the first of the
   * longest names. A line may come twice.
   */
  export function samples(manifest: Fd): string[]

  /** Tells which entries of a tree are as its manifest has them. Some 400 KB of memory. */
  export type Comparison = object
  export function openComparison(options: { live: LiveTree; times?: DiskTimes }): Comparison
  /**
   * Whether the manifest has the path, and what stands there has the metadata of its line; of a directory only the type
   * counts, since its time changes with what others make in it. No content is read. Fast for who asks in about the
   * manifest's order.
   */
  export function isUnchanged(comparison: Comparison, path: Path): boolean
  export function closeComparison(comparison: Comparison): void
}
