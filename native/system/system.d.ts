/**
 * What only the first process of a machine needs: mounts, another root, another program in its own
 * place, kernel modules, power, raw devices, and keys. Everything but the waits is synchronous.
 *
 * Paths are byte strings and are resolved as the kernel does it: from the root, following links.
 * Every failure throws a SystemError as native:files says. A side that can't do any of this (Node, the
 * emulator) refuses with ENOSYS.
 */
declare module 'native:system' {
  import type { Fd, Path } from 'native:files'

  export type MountFlag =
    | 'read-only'
    | 'no-suid'
    | 'no-dev'
    | 'no-exec'
    | 'no-atime'
    | 'relative-atime'
    | 'bind'
    | 'recursive'
    | 'move'
    | 'remount'
    | 'private'

  /** mount(2). An empty `type` or `options` is none. */
  export function mount(
    source: Path,
    target: Path,
    type: Path,
    flags: MountFlag[],
    options: Path,
  ): void
  /** umount2(2), never through a link. Lazy: out of the tree now, gone once nobody uses it any more. */
  export function unmount(target: Path, lazy: boolean): void
  /** pivot_root(2); the working directory is the new root afterwards. */
  export function pivotRoot(root: Path, oldRoot: Path): void

  /** What takes this process's place: a program by its path, all its arguments, and exactly these variables. */
  export interface Execution {
    program: Path
    words: Path[]
    environment: Path[]
  }
  /**
   * Leaves the initramfs for the file system mounted at `root`, which becomes `/`, and executes (execve(2),
   * with no signal blocked or ignored). Once the program runs, the initramfs is emptied, without
   * crossing a mount. Refuses with EINVAL if `root` is not a mount, or `/` is not a memory file system:
   * no disk is ever emptied. If the program can't be executed, it throws, and all is as before.
   */
  export function switchRoot(root: Path, execution: Execution): never

  /** Hands a module's file to the kernel. Throws EEXIST if the module is loaded already. */
  export function loadModule(file: Path, parameters: Path): void
  /** At once, without a sync; returns only by throwing. In a process namespace of its own it ends the namespace. */
  export function reboot(how: 'restart' | 'power-off' | 'halt'): never
  /** Makes Ctrl-Alt-Del a SIGINT to the first process, instead of a reset. */
  export function softCtrlAltDel(): void
  /** Writes everything not yet written to all disks (sync(2)). */
  export function syncAll(): void
  /** Sets the wall clock, in seconds since 1970. */
  export function setWallClock(seconds: number): void
  /** Sets the file mode creation mask; returns the one before. Only tests call it: the program keeps the mask that it starts with. */
  export function setUmask(mask: number): number
  /** As `uname -r` and `uname -m` say. */
  export function kernel(): { release: Path; machine: Path }
  export function processId(): number
  /** All variables, as `NAME=value`. */
  export function environment(): Path[]

  /** Opens a device (or any file) as it is, without making it this process's terminal. */
  export function openDevice(path: Path, access: 'read' | 'write' | 'read-write'): Fd
  /** Makes an open terminal (or file) the standard input, output and error of this process and of those it starts. */
  export function useAsStandard(fd: Fd): void
  /** Keys one by one and unseen (`raw`), or lines that are echoed, and Ctrl-C (the usual way). */
  export function setRawTerminal(fd: Fd, raw: boolean): void
  /** What was typed, as it came (at most 64 bytes); undefined if nothing came in time, '' if nothing ever will. One wait per handle. */
  export function readKeys(fd: Fd, timeoutMs: number): Promise<Path | undefined>
  /** Sets the time-out of an open watchdog device and restarts it; returns the seconds that it settled on. */
  export function setWatchdog(fd: Fd, seconds: number): number

  /** The next of SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2. From the first call on these no longer end the process. One wait at a time. */
  export function nextSignal(): Promise<number>
}
