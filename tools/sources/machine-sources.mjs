/**
 * Where Debian's archive and its security archive are for this machine: read from the machine's own apt
 * sources, which are never changed, in both of apt's formats.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from '../workplace.mjs'

/** @typedef {{ uri: string, suites: string[], components: string[], signedBy?: string }} Source */

/** A file of stanzas, `NAME.sources`. */
function readStanzas(text) {
  const found = []
  for (const stanza of text.replace(/^#.*\n/gm, '').split(/\n\s*\n/)) {
    const field = (name) =>
      new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza)?.[1]?.trim()
    const words = (name) => (field(name) ?? '').split(/\s+/).filter(Boolean)
    if (!words('Types').includes('deb') || /^no$/i.test(field('Enabled') ?? '')) continue
    for (const uri of words('URIs')) {
      found.push({
        uri,
        suites: words('Suites'),
        components: words('Components'),
        signedBy: field('Signed-By'),
      })
    }
  }
  return found
}

/** A file of lines, `NAME.list`. */
function readLines(text) {
  const found = []
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line)
    if (!match) continue
    const signedBy = /signed-by=(\S+)/.exec(match[1] ?? '')?.[1]
    const components = match[4].trim().split(/\s+/)
    found.push({ uri: match[2], suites: [match[3]], components, signedBy })
  }
  return found
}

/** @returns {Source[]} */
function readSources(aptFolder) {
  const parts = join(aptFolder, 'sources.list.d')
  const names = existsSync(parts) ? readdirSync(parts).sort() : []
  const files = [join(aptFolder, 'sources.list'), ...names.map((name) => join(parts, name))]
  return files.filter(existsSync).flatMap((file) => {
    if (file.endsWith('.sources')) return readStanzas(readFileSync(file, 'utf8'))
    return file.endsWith('.list') ? readLines(readFileSync(file, 'utf8')) : []
  })
}

/**
 * Others also have suites named like Debian's, but their address doesn't end as the archive's does.
 */
const likeliest = (sources, ending) =>
  sources.find(({ uri }) => ending.test(uri)) ??
  sources.find(({ uri }) => /debian/i.test(uri) && !uri.startsWith('cdrom:'))

const isSecurity = (suite) => /-security$|\/updates$/.test(suite)

/** @returns {{ archive?: Source, security?: Source }} */
export function debianArchives({ aptFolder }) {
  const ofMain = readSources(aptFolder).filter(({ components }) => components.includes('main'))
  return {
    archive: likeliest(
      ofMain.filter(({ suites }) => suites.some((suite) => !isSecurity(suite))),
      /\/debian\/?$/,
    ),
    security: likeliest(
      ofMain.filter(({ suites }) => suites.some(isSecurity)),
      /\/debian-security\/?$/,
    ),
  }
}

/** The archive that holds a suite; if this machine names none, a SetupError says so. */
export function archiveOf(suite, here) {
  const { archive, security } = debianArchives(here)
  const found = isSecurity(suite) ? security : archive
  if (found) return found
  const which = isSecurity(suite) ? 'Debian security archive' : 'Debian archive'
  throw new SetupError(
    `the apt sources in ${here.aptFolder} name no ${which}`,
    `add an entry for one to ${here.aptFolder}/sources.list.d (docs/BUILDING.md shows it)`,
  )
}
