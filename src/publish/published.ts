/**
 * A version that is already in the module. If it is the same image with the same terms, nothing happens;
 * anything else is refused, naming the first difference. Nothing is written.
 */
import { ConfigError, TrustError } from '../errors.ts'
import type { Fd } from '../host.ts'
import { RELEASE_SIZE_MAX } from '../limits.ts'
import { formatInstant } from '../release/fields.ts'
import { ManifestReader } from '../release/manifest-file.ts'
import {
  comparePaths,
  type Entry,
  formatManifestLine,
  parseManifestLine,
} from '../release/manifest-line.ts'
import { openRelease, type Release } from '../release/release.ts'
import { publicKeyOf } from '../release/signify.ts'
import { readFile } from '../small-file.ts'
import { show } from '../text.ts'
import type { Made, Publishing } from './publishing.ts'

const CURE = 'a published version never changes: publish it under a higher number'

export function checkPublished(publishing: Publishing): Made {
  const { host, terms, module, moduleName } = publishing
  const { files } = host
  const name = `${moduleName}/${terms.version}`
  const statement = readFile(files, module, `${terms.version}/release`, RELEASE_SIZE_MAX)
  const manifest = openManifest(publishing)
  try {
    if (statement === undefined || manifest === undefined) {
      throw new ConfigError(
        `${name} exists and is not a release: it lacks its ${manifest ? 'release' : 'manifest'}`,
        `find out what it is, and remove it`,
      )
    }
    const release = openPublished(publishing, statement, name)
    const { digest } = host.checksums.digestFile(manifest, files.statHandle(manifest).size)
    if (digest !== release.manifestDigest) {
      throw new ConfigError(
        `${name}/manifest was altered: its digest is ${digest}, and ${release.manifestDigest} was signed`,
        'put it back from a backup or a mirror, or remove the version',
      )
    }
    compareTerms(publishing, release, name)
    compareEntries(publishing, manifest, name)
    return { release, statement, linked: 0, copied: 0, packs: [] }
  } finally {
    if (manifest !== undefined) files.close(manifest)
  }
}

function openManifest({ host, terms, module }: Publishing): Fd | undefined {
  const path = `${terms.version}/manifest`
  if (host.files.stat(module, path) === undefined) return undefined
  return host.files.openRead(module, path)
}

function openPublished({ key }: Publishing, statement: Uint8Array, name: string): Release {
  try {
    return openRelease(statement, [publicKeyOf(key)])
  } catch (error) {
    if (!(error instanceof TrustError)) throw error
    throw new ConfigError(
      `${name}/release exists, and is not signed by this key: ${error.message}`,
      CURE,
    )
  }
}

function compareTerms({ terms }: Publishing, release: Release, name: string): void {
  const date = (seconds: number | undefined) =>
    seconds === undefined ? 'never' : formatInstant(seconds)
  const pairs: [string, string | number, string | number][] = [
    ['version', release.version, terms.version],
    ['hardware', release.hardware, terms.hardware],
    ['deployment', release.deployment, terms.deployment],
    ['oldest version to jump from', release.jumpFrom, terms.jumpFrom],
    ['time of expiry', date(release.expires), date(terms.expires)],
  ]
  for (const [what, published, wanted] of pairs) {
    if (published === wanted) continue
    throw new ConfigError(
      `${name} is published already, and its ${what} is ${published}, not ${wanted}`,
      CURE,
    )
  }
}

function compareEntries(publishing: Publishing, manifest: Fd, name: string): void {
  const { host, image, survey, progress } = publishing
  progress.begin('publish', survey.entries, 'entries')
  const reader = new ManifestReader(host.files, manifest)
  const digest = image.digest.bind(image)
  let done = 0
  for (const { entry } of image.entries(survey, (path, stat) => digest(path, stat))) {
    const line = formatManifestLine(entry)
    const published = reader.nextLine()
    if (line !== published) refuse(publishing, name, entry, published)
    progress.advance(++done, entry.path)
  }
  const left = reader.nextLine()
  if (left !== undefined) refuse(publishing, name, undefined, left)
}

/** Says what differs at the first differing path. */
function refuse(
  { image }: Publishing,
  name: string,
  entry: Entry | undefined,
  line: string | undefined,
): never {
  const published = line === undefined ? undefined : parseManifestLine(line)
  const order =
    entry === undefined
      ? 1
      : published === undefined
        ? -1
        : comparePaths(entry.path, published.path)
  const path = show(((order <= 0 ? entry : published) as Entry).path)
  let what = `only ${image.name} has "${path}"`
  if (order > 0) what = `only ${name} has "${path}"`
  if (order === 0) what = `"${path}" differs: ${difference(published as Entry, entry as Entry)}`
  throw new ConfigError(`${name} is published already from another tree: ${what}`, CURE)
}

function difference(published: Entry, entry: Entry): string {
  const before = formatManifestLine(published).split(' ').slice(1)
  const after = formatManifestLine(entry).split(' ').slice(1)
  const lost = before.find((word) => !after.includes(word))
  const found = after.find((word) => !before.includes(word))
  const short = (word = 'nothing') => (word.length > 100 ? `${word.slice(0, 100)}…` : word)
  return `${short(found)} in the image, ${short(lost)} in the release`
}
