/**
 * What the host gives: the native modules, by their contracts (`native/NAME/NAME.d.ts`).
 * Every step takes the modules it needs as a parameter; only `main.ts` imports them as values, so
 * that a test, the emulator and a fault injector can hand in others.
 */
export type Host = typeof import('../native/modules.ts')

export type Files = Host['files']
export type Trees = Host['trees']
export type Sockets = Host['sockets']
export type Processes = Host['processes']
export type Checksums = Host['checksums']
export type Delta = Host['delta']
export type PackCoder = Host['packCoder']
export type Packs = Host['packs']
export type Sending = Host['sending']
export type Signatures = Host['signatures']
export type Random = Host['random']
export type Clock = Host['clock']
export type Confinement = Host['confinement']
export type System = Host['system']

export type { Fd, Metadata, Path, Stat, Time, Xattr } from 'native:files'
