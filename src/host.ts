/**
 * What the host gives: the native modules, by their contracts (`native/NAME/NAME.d.ts`).
 * Every step takes the modules it needs as a parameter; only `main.ts` imports them as values, so
 * that a test, the emulator and a fault injector can hand in others.
 */
export type Files = typeof import('native:files')
export type Trees = typeof import('native:trees')
export type Sockets = typeof import('native:sockets')
export type Processes = typeof import('native:processes')
export type Checksums = typeof import('native:checksums')
export type Delta = typeof import('native:delta')
export type Signatures = typeof import('native:signatures')
export type Random = typeof import('native:random')
export type Clock = typeof import('native:clock')
export type System = typeof import('native:system')

export interface Host {
  files: Files
  trees: Trees
  sockets: Sockets
  processes: Processes
  checksums: Checksums
  delta: Delta
  signatures: Signatures
  random: Random
  clock: Clock
  system: System
}

export type { Fd, Metadata, Path, Stat, Time, Xattr } from 'native:files'
