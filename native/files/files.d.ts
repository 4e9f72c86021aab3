/**
 * Files, directories and file systems. Everything is synchronous.
 *
 * A path is a *byte string*: one UTF-16 unit (0x01..0xff) for each byte of the name, so that every
 * name a Linux file system can hold survives the way through JavaScript.
 *
 * A function that takes `(directory, path)` resolves `path` below that directory handle: it never
 * leaves it and never follows a symbolic link, neither in the middle nor at the end (openat2 with
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS; component by component where the kernel has no openat2).
 * Only `openRoot` and `openFile` take a path of the system and follow links. `.` is the directory
 * itself. A path with `..` in it, or that begins with `/`, is EXDEV; one with an empty name in it (`a//b`,
 * `a/`) is EINVAL; an empty one is ENOENT; a symlink where a directory or a file should be is ELOOP.
 * Modes of new files and directories lose the bits of the umask; `setMetadata` sets them exactly.
 *
 * Every failure throws a SystemError: `{ name: 'SystemError', call, path, code: 'ENOENT', errno }`,
 * message `call "path": strerror (CODE)`. EINTR is retried, short reads and writes are completed.
 */
declare module 'native:files' {
  /** A file descriptor, of a file or of a directory. Always O_CLOEXEC. */
  export type Fd = number
  /** A name or path as bytes: one UTF-16 unit a byte. No NUL. */
  export type Path = string
  export type FileType = 'file' | 'dir' | 'link' | 'char' | 'block' | 'fifo' | 'socket'

  export interface Time {
    /** Since 1970, may be negative, 64 bits. */
    seconds: number
    /** 0..999999999 */
    nanoseconds: number
  }

  export interface Stat {
    type: FileType
    /** Permission bits with set-uid, set-gid and sticky: 0..0o7777. */
    mode: number
    uid: number
    gid: number
    /** Bytes; of a symlink the length of its text. */
    size: number
    /** Bytes that the file occupies (st_blocks * 512). */
    occupied: number
    links: number
    modified: Time
    /** Of a device node, else 0. */
    major: number
    minor: number
    /** Two stats with the same identity are of one inode ("device:inode"). */
    identity: string
  }

  export interface Xattr {
    name: Path
    value: Uint8Array
  }

  export interface Metadata {
    mode: number
    uid: number
    gid: number
    modified: Time
    /** What the entry must have: others are removed. */
    xattrs: Xattr[]
  }

  /** The times that a file system can hold. */
  export interface DiskTimes {
    /** The step from one to the next. */
    granularityNanoseconds: number
    /** -2^40 and 2^40 if there is no such limit. */
    earliestSeconds: number
    latestSeconds: number
  }

  export interface Space {
    /**
     * Bytes and inodes that this process may still take. Inodes are Infinity if the file system has no
     * limit.
     */
    bytes: number
    inodes: number
    /** Bytes of one block: what the smallest file takes. */
    blockSize: number
  }

  /** Opens a directory by a path of the system; follows symlinks. */
  export function openRoot(path: Path): Fd
  /** Opens a file by a path of the system for reading; follows symlinks; refuses anything but a regular file or pipe. */
  export function openFile(path: Path): Fd

  export function openDirectory(directory: Fd, path: Path): Fd
  /** Opens a regular file for reading; anything else throws (EISDIR, ELOOP, EINVAL) and is not opened. */
  export function openRead(directory: Fd, path: Path): Fd
  /** Makes a new file (O_EXCL), for reading and writing. */
  export function createFile(directory: Fd, path: Path, mode: number): Fd
  /**
   * Opens for reading and appending, and makes the file if it is missing: for logs and locks. Regular files
   * only, as `openRead`.
   */
  export function openAppend(directory: Fd, path: Path, mode: number): Fd
  export function close(fd: Fd): void

  /** Of the entry itself, never of what a link points to; undefined if nothing has that name. */
  export function stat(directory: Fd, path: Path): Stat | undefined
  export function statHandle(fd: Fd): Stat
  /**
   * Whether something is mounted at the entry itself, be it a folder or a file. Before Linux 5.6 only what
   * another file system shows; a btrfs subvolume does, too.
   */
  export function isMount(directory: Fd, path: Path): boolean
  /** Unmounts the newest mount of the entry itself, though it may be in use. EINVAL if nothing is mounted there. */
  export function detachMount(directory: Fd, path: Path): void
  /** Names without `.` and `..`, sorted by bytes. */
  export function readDirectory(directory: Fd, path: Path): Path[]
  export function readLink(directory: Fd, path: Path): Path
  /** All extended attributes, sorted by name; [] if the file system has none. */
  export function readXattrs(directory: Fd, path: Path): Xattr[]

  export function makeDirectory(directory: Fd, path: Path, mode: number): void
  export function makeLink(text: Path, directory: Fd, path: Path): void
  export function makeNode(
    directory: Fd,
    path: Path,
    type: 'char' | 'block' | 'fifo' | 'socket',
    major: number,
    minor: number,
  ): void
  /** A hard link to the source itself, even if it is a symlink. */
  export function hardLink(source: Fd, sourcePath: Path, target: Fd, targetPath: Path): void
  /** Copies content to a new file (O_EXCL, mode 0600): by reflink, else copy_file_range, else read and write. */
  export function copyFile(source: Fd, sourcePath: Path, target: Fd, targetPath: Path): void
  /** Sets owner, mode (not of a symlink), extended attributes, then times, in that order (chown clears set-uid and capabilities). */
  export function setMetadata(directory: Fd, path: Path, metadata: Metadata): void

  /** Replaces what stands at the target, as rename(2) does. */
  export function rename(source: Fd, sourcePath: Path, target: Fd, targetPath: Path): void
  /** renameat2(RENAME_EXCHANGE). Throws EINVAL or ENOSYS if the kernel or file system lacks it. */
  export function exchange(source: Fd, sourcePath: Path, target: Fd, targetPath: Path): void
  /**
   * Takes the flags off a file or directory that keep it from being changed, moved or removed (immutable,
   * append-only). True if it had some. Never to be used on the running tree.
   */
  export function clearFlags(directory: Fd, path: Path): boolean
  /** Removes anything but a directory, whatever flags it or its directory has; another name of its inode keeps them. */
  export function removeFile(directory: Fd, path: Path): void
  /**
   * Removes the entry and all below it, whatever flags it has, btrfs subvolumes as well; nothing there is
   * fine. Never follows a link, never crosses a mount. What can't be removed is passed over, and thrown
   * (EBUSY, EPERM) when the rest is gone.
   */
  export function removeTree(directory: Fd, path: Path): void

  /** Reads until length bytes are there or the file ends; returns the bytes read. `position` undefined: from where the handle stands. */
  export function read(
    fd: Fd,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position?: number,
  ): number
  /** Writes all of it. */
  export function write(fd: Fd, buffer: Uint8Array, offset: number, length: number): void

  export function sync(fd: Fd): void
  /** syncfs(2) of the file system that holds fd. */
  export function syncFileSystem(fd: Fd): void
  export function space(fd: Fd): Space
  /** Found by trying on a file of its own in the directory, which is gone afterwards. */
  export function diskTimes(directory: Fd): DiskTimes
  /**
   * An exclusive advisory lock (flock), held until close; false if somebody else has it. With `wait` it
   * waits for that somebody, and the whole program with it: for locks that are held only for a moment.
   */
  export function lock(fd: Fd, wait?: boolean): boolean
  export function isTerminal(fd: Fd): boolean
  /** Columns of the terminal, or 80. */
  export function terminalWidth(fd: Fd): number
}
