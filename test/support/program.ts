/** The programs that `npm run build` leaves, for tests that run them. */
import { resolve } from 'node:path'

export const PROGRAM = resolve('build/x86_64/xo-upgrade')
/** The one that also makes packs. */
export const PUBLISHER = resolve('build/x86_64/xo-upgrade-publisher')
/** Runs any bundle: what the program has besides its own. */
export const HOST = resolve('build/x86_64/host')
/** Both under the sanitizers. */
export const CHECKED_PROGRAM = resolve('build/x86_64-asan/xo-upgrade')
export const CHECKED_HOST = resolve('build/x86_64-asan/host')
