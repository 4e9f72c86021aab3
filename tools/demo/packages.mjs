/**
 * Which Debian packages the two releases of a table consist of, and in which suites they are looked for if
 * a pinned version is gone. Knows nothing of how they are fetched, or how a tree is made of them.
 */
import { join } from 'node:path'
import { here as thisMachine } from '../sources/here.mjs'
import { bringPackages } from '../sources/packages.mjs'
import { readPackages, toolsFolder } from '../sources/tables.mjs'

export const tables = (big) =>
  big ? ['demo/packages.tsv', 'demo/packages-big.tsv'] : ['demo/packages.tsv']

/** What release 41 has: as it came out. */
const suitesOfOld = (debian) => [debian, `${debian}-security`, `${debian}-updates`]

/** What is wanted for both releases of a row; one thing if they are the same. */
export function wantedOf({ name, old, new: newer }, debian) {
  const suites = suitesOfOld(debian)
  const later = { name, pins: [newer], suites, newest: true }
  return { old: old === newer ? later : { name, pins: [old], suites }, new: later }
}

/**
 * Brings all packages of tables in the tools' folder. `debian`: the release in which a dropped version's
 * successor is looked for.
 * @typedef {import('../sources/packages.mjs').Package} Package
 * @returns {{ old: Package[], new: Package[] }} in the tables' order
 */
export function bringTables(files, debian = 'bookworm', here = thisMachine) {
  const rows = files
    .flatMap((file) => readPackages(join(toolsFolder, file)))
    .map((row) => wantedOf(row, debian))
  const all = [...new Set(rows.flatMap((row) => [row.old, row.new]))]
  const brought = bringPackages(all, here)
  const of = new Map(all.map((wanted, index) => [wanted, brought[index]]))
  return { old: rows.map((row) => of.get(row.old)), new: rows.map((row) => of.get(row.new)) }
}
