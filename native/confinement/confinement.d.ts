/**
 * What this process gives up for good, before it reads what strangers wrote: whatever the kernel can take
 * from it that it won't need. Nothing here is undone, and nothing is an error that an old kernel lacks.
 */
declare module 'native:confinement' {
  import type { Path } from 'native:files'

  export interface Needs {
    /** Files and folders that are read, with all below them. What is not there is left out. */
    read: Path[]
    /**
     * A folder that is changed, with all below it; undefined: none is, and this process does no more than read, and
     * answer whoever came to a socket that is open already.
     */
    change: Path | undefined
    /** Whether it makes trees as root does: owners, devices, flags, attributes. */
    makesTrees: boolean
    /**
     * Whether the disks that hold these may stay in use by this process for as long as it runs, though somebody
     * unmounts them: that is the price of the read-only view where mounts are private.
     */
    holdsDisks: boolean
  }

  export interface Confinement {
    /** What holds from now on, in the kernel's words. */
    holds: string[]
    /** What this kernel, or whoever started this process, does not let it give up, each with the reason. */
    lacks: string[]
  }

  /**
   * From now on this process, which must have no thread, starts no program, gets no privileges, mounts and traces
   * nothing, opens only what it needs, and changes only what it may. Throws ENOSYS where this side has nothing to give up.
   */
  export function confine(needs: Needs): Confinement
  /** Whether something was mounted or unmounted since, which this process does not see. */
  export function isOutdated(): boolean
  /** What stands at a path of the system, links followed ("device:inode"); undefined: nothing. */
  export function identity(path: Path): string | undefined
}
