/**
 * Whether the publisher's clock can be right, as far as the module and the image tell. A date that is
 * signed wrongly stays so: devices that know no other time judge the expiry of releases by it.
 */
import { ConfigError, TrustError } from '../errors.ts'
import { RELEASE_SIZE_MAX } from '../limits.ts'
import { formatInstant } from '../release/fields.ts'
import { LATEST } from '../release/module-names.ts'
import { type Release, readRelease } from '../release/release.ts'
import { readFile } from '../small-file.ts'
import type { Publishing } from './publishing.ts'

/** Nobody is sure to publish more often, but whoever does has a wrong clock (seconds). */
const AHEAD_SECONDS = 183 * 86_400
/** Images come from other machines, whose clocks may differ so much (seconds). */
const SKEW_SECONDS = 86_400

/** What is to be warned of. Throws a ConfigError where the clock stands before the newest release. */
export function checkClock(publishing: Publishing): string[] {
  const { terms, survey } = publishing
  const { issued } = terms
  const newest = newestRelease(publishing)
  const warnings: string[] = []
  const now = `${terms.isDated ? 'it is dated' : 'the clock says'} ${formatInstant(issued)}`
  if (newest && issued < newest.issued) {
    const before = `${now}, before version ${newest.version}, which is of ${formatInstant(newest.issued)}`
    if (!terms.isDated) {
      throw new ConfigError(
        before,
        `set the clock; or, where version ${newest.version} was signed with a wrong one, say that ` +
          `the date is right with --issued ${formatInstant(issued)}`,
      )
    }
    warnings.push(before)
  }
  if (newest && issued > newest.issued + AHEAD_SECONDS) {
    const days = Math.round((issued - newest.issued) / 86_400)
    warnings.push(
      `${now}, ${days} days after version ${newest.version}: if that is wrong, set the clock, ` +
        `remove version ${terms.version} before a device takes it, and publish it again`,
    )
  }
  if (survey.newestSeconds > issued + SKEW_SECONDS) {
    const files = formatInstant(survey.newestSeconds)
    warnings.push(`${now}, and the newest file of the image is of ${files}: one of them is wrong`)
  }
  return warnings
}

/** By its date; undefined if the module has none that can be read. */
function newestRelease({ host: { files }, module }: Publishing): Release | undefined {
  const versions = files.readDirectory(module, '.').filter((name) => /^[1-9][0-9]{0,8}$/.test(name))
  let newest: Release | undefined
  for (const path of [LATEST, ...versions.map((version) => `${version}/release`)]) {
    if (files.stat(module, path)?.type !== 'file') continue
    try {
      const statement = readFile(files, module, path, RELEASE_SIZE_MAX)
      const release = statement && readRelease(statement)
      if (release && release.issued > (newest?.issued ?? 0)) newest = release
    } catch (error) {
      // What is no release says nothing of time, and is told where it matters.
      if (!(error instanceof TrustError)) throw error
    }
  }
  return newest
}
