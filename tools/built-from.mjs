/**
 * From which sources a program was built, by their content: a checkout gives files new times, and an edit
 * that was taken back old ones. Compilers, flags and libraries are the build's business alone.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { bundleIdentity, filesBelow } from './bundle.mjs'
import { identityOf, projectFolder, sha256OfFile } from './workplace.mjs'

/** The publisher's programs are made from the same sources as the device's. */
const kindOf = (program) => basename(program).replace(/-publisher$/, '')
const stampOf = (program) => join(dirname(program), 'objects', `${basename(program)}.sources`)

function digestOfC() {
  const folders = ['native', 'runtime'].map((folder) => join(projectFolder, folder))
  const sources = folders.flatMap((folder) => filesBelow(folder, (name) => /\.[chS]$/.test(name)))
  return identityOf(sources.map((file) => [file, sha256OfFile(file)]))
}

/** The digests of the sources as they are now: of the host, and of the program with the bundle inside. */
export function digestsOfSources() {
  const host = digestOfC()
  return { host, 'xo-upgrade': identityOf([host, bundleIdentity()]) }
}

/** `digests` are of the time when the build began: what was edited since is not in the program. */
export function rememberSources(program, digests) {
  writeFileSync(stampOf(program), digests[kindOf(program)])
}

export function isBuiltFrom(program, digests) {
  const stamp = stampOf(program)
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === digests[kindOf(program)]
}
