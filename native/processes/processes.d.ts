/** Other programs, and this one's own start and end. */
declare module 'native:processes' {
  import type { Fd, Path } from 'native:files'
  import type { Socket } from 'native:sockets'

  export interface Process {
    pid: number
    /** The child's stdin and stdout as one stream where `pipe` was asked for. */
    stream: Socket | undefined
    /** The exit status, or 128 + the signal. */
    ended: Promise<number>
  }

  /**
   * Starts a program (searched in PATH where the name has no slash) with exactly these variables. Throws SystemError if it can't be started.
   * Its stderr is ours, unless `stderr` is an open file; then the child has a session of its own, and so no terminal to ask questions on.
   */
  export function start(options: {
    command: Path[]
    environment: Path[]
    pipe: boolean
    stderr?: Fd
  }): Process
  /** Sends a signal by number to a process that `start` made. */
  export function signal(process: Process, signal: number): void

  /** What a process that stands apart may have started: these words, where `*` is any one plain word, and these variables. */
  export interface Startable {
    command: Path[]
    environment: Path[]
    /**
     * A folder that it reads: then reading is all it can do, as far as the kernel has it. For a program that can be
     * talked into writing by what stands in such a folder, or by whoever it talks to.
     */
    reads?: Path
  }
  /**
   * Splits this process in two, before it has started any other. The one that goes on may then be confined, and ends
   * with the other one, which stays outside and reads nothing: it starts the programs of the list when `start`
   * asks for one (any other is EPERM), passes on signals, ends as this one does, and then removes the names of
   * these sockets. Throws ENOSYS where this side can't.
   */
  export function standApart(options: { programs: Startable[]; sockets: Path[] }): void
  /**
   * Ends this process, and starts the same program with the same words instead; the variable XO_STARTED_ANEW tells it.
   * ENOSYS where it does not stand apart.
   */
  export function startAnew(): never

  /** The command line as byte strings, program name first. */
  export const argv: Path[]
  /** One variable of the environment, as a byte string. */
  export function variable(name: string): Path | undefined
  /** The effective user. */
  export function userId(): number
  /** Ends this process at once. */
  export function exit(status: number): never
}
