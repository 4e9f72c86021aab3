/**
 * The native modules, by name: what `Host` of src/host.ts is, and what a program hands to its steps.
 * Whoever imports this as a value runs on an engine that has them; of src that is main.ts alone.
 */
export * as checksums from 'native:checksums'
export * as clock from 'native:clock'
export * as confinement from 'native:confinement'
export * as delta from 'native:delta'
export * as files from 'native:files'
export * as packCoder from 'native:pack-coder'
export * as packs from 'native:packs'
export * as processes from 'native:processes'
export * as random from 'native:random'
export * as sending from 'native:sending'
export * as signatures from 'native:signatures'
export * as sockets from 'native:sockets'
export * as system from 'native:system'
export * as trees from 'native:trees'
