/**
 * Reads the tables that pin what is fetched: one row per line, tabs between the fields, `-` for a field
 * that does not apply, `#` for what is meant for people.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const toolsFolder = dirname(dirname(fileURLToPath(import.meta.url)))
export const archiveTable = join(toolsFolder, 'sources/archives.tsv')

/** The fields of every row of a table. */
export function readRows(path) {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t').map((field) => (field === '-' ? undefined : field)))
}

/**
 * @typedef {{ name: string, version: string, file: string, sha256: string, debianPackage?: string,
 *   day?: string, url?: string }} ArchivePin
 * @returns {ArchivePin[]} in the table's order, which is the order of preference
 */
export function readArchives(path = archiveTable) {
  return readRows(path).map(([name, version, file, sha256, debianPackage, day, url]) => {
    return { name, version, file, sha256, debianPackage, day, url }
  })
}

/**
 * The rows of a table of packages: in release 41, and in release 42 if that has a newer one.
 * @typedef {{ version: string, sha256: string }} Pin
 * @returns {{ name: string, old: Pin, new: Pin }[]}
 */
export function readPackages(path) {
  return readRows(path).map(([name, version, sha256, newer, newerSha256]) => {
    const old = { version, sha256 }
    return { name, old, new: newer ? { version: newer, sha256: newerSha256 } : old }
  })
}
