/**
 * What no clock touches, and may not grow unnoticed: system calls and memory. Each limit is what was counted
 * when it was set and a little more; whoever needs more says here what for.
 */

/** The kinds of calls that are counted, and the kernel's names for them. */
export const KINDS = {
  stat: ['newfstatat', 'fstat', 'statx', 'fstatat64', 'fstat64'],
  listxattr: ['llistxattr', 'flistxattr', 'listxattr'],
  open: ['openat', 'openat2', 'open'],
  link: ['linkat'],
  directory: ['fchdir'],
  descriptor: ['fcntl', 'fcntl64'],
  fsync: ['fsync', 'fdatasync', 'syncfs'],
} as const

export type Kind = keyof typeof KINDS

/**
 * Calls of an upgrade for each hundred entries of the new tree (`fsync`: in all), in a tree where of a
 * hundred files 7 have new content, 7 new times, 3 are symlinks, 3 have a second name, and folders hold
 * some thirty files each.
 */
export const UPGRADE_CALLS_MAX: Record<Kind, number> = {
  // One an entry; some more for files that are copied or fetched, for folders and for second names.
  stat: 157,
  listxattr: 118,
  open: 61,
  link: 82,
  directory: 21,
  descriptor: 12,
  fsync: 10,
}

/** The same for an install into an empty store. */
export const INSTALL_CALLS_MAX: Record<Kind, number> = {
  stat: 140,
  listxattr: 105,
  open: 132,
  link: 4,
  directory: 6,
  descriptor: 12,
  fsync: 12,
}

/** C compares manifests of so many entries within one MiB, if one of them changed. */
export const ENTRIES_OF_A_MEBIBYTE = 120_000
