/** A publisher's module, or a school's mirror of one, offered as it lies. */
import type { Fd } from '../host.ts'
import { UNFINISHED } from '../release/module-names.ts'
import type { OfferedModule, Offering } from './offering.ts'

/** What laptops ask for by default, whoever serves it. */
export const MODULE_NAME = 'xo'
export const MODULE_COMMENT = 'releases of XO Field Upgrade'

/** The folder stays open for as long as anything is offered. */
export function offerFolder(directory: Fd, secrets: OfferedModule['secrets']): Offering {
  const module: OfferedModule = {
    name: MODULE_NAME,
    comment: MODULE_COMMENT,
    ...(secrets && { secrets }),
    open: () => ({
      places: [{ at: '.', directory, path: '.' }],
      withheld: (path) => path.startsWith(UNFINISHED),
      close() {},
    }),
  }
  return { modules: () => [module] }
}
