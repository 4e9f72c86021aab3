/**
 * `publish`: makes an image into a signed release in a module. The release is built as `.new-N`,
 * synced, and renamed into place; `latest` is replaced last. A client sees all of it or nothing.
 * An existing release is never changed.
 */
import { BusyError, ConfigError, isSystemError, SpaceError, TrustError } from '../errors.ts'
import { makeFolder } from '../folder.ts'
import type { Fd, Path } from '../host.ts'
import {
  MANIFEST_LINE_MAX,
  MANIFEST_SIZE_MAX,
  RELEASE_SIZE_MAX,
  VERSION_JUMP_MAX,
  VERSION_MAX,
} from '../limits.ts'
import type { Progress } from '../progress.ts'
import { formatInstant, isAudience, parseInstant } from '../release/fields.ts'
import { ManifestWriter } from '../release/manifest-file.ts'
import { LATEST, UNFINISHED } from '../release/module-names.ts'
import { nameOfPack, type Pack } from '../release/packs.ts'
import { type Release, readRelease, signRelease } from '../release/release.ts'
import { readFile, writeFile } from '../small-file.ts'
import { show } from '../text.ts'
import { checkClock } from './clock-check.ts'
import { addDeltas, makePacks } from './delta.ts'
import { refuseHardToHold } from './disk-check.ts'
import type { Exception } from './exceptions.ts'
import { Image } from './image.ts'
import { loadSecretKey, publicName } from './keygen.ts'
import { checkCoder } from './pack.ts'
import { packsOfModule, packsToward } from './pack-module.ts'
import { Placement } from './placement.ts'
import { checkPublished } from './published.ts'
import {
  clearUnfinished,
  type Made,
  type PublishHost,
  type Publishing,
  setMode,
  type Terms,
} from './publishing.ts'
import { refuseRevokedKey } from './signer-check.ts'
import { refuseNoStart, refuseNoSystem, refuseShrunken } from './tree-check.ts'

export interface PublishOptions {
  /** The root file system, as a path of the system. */
  image: Path
  version: number
  /** The folder that the daemon serves; made if it is missing. */
  module: Path
  /** The secret key file. */
  secretKey: Path
  /** Default: any. */
  hardware?: string | undefined
  deployment?: string | undefined
  /** Default: 0, any version. */
  jumpFrom?: number | undefined
  /** As `2026-11-22T18:00:00Z`; default: now. */
  issued?: string | undefined
  /** Likewise; default: never. */
  expires?: string | undefined
  /** Versions to make packs from, each in the module; 0: of the whole image. */
  deltaFrom?: readonly number[]
  /** Default: only a system that starts is taken. */
  anyTree?: boolean
  /** What passes although nobody should mean it. */
  allow?: readonly Exception[]
  progress: Progress
}

export interface PublishResult {
  version: number
  /** False if the same release was there before. */
  published: boolean
  /** The version that `latest` names now. */
  latest: number
  entries: number
  imageBytes: number
  manifestSize: number
  manifestDigest: string
  keyNumber: string
  /** Regular files by how their content came. */
  linked: number
  copied: number
  /** Packs that were made, by their names. */
  packs: string[]
  warnings: string[]
}

export function publish(host: PublishHost, options: PublishOptions): PublishResult {
  const { files } = host
  const terms = checkTerms(host, options)
  const { progress, deltaFrom = [], anyTree = false, allow: allowed = [] } = options
  const key = loadSecretKey(host, options.secretKey, { role: 'release', allowed })
  if (deltaFrom.length > 0) checkCoder(host)
  const root = files.openRoot(options.image)
  try {
    const module = makeFolder(files, options.module)
    try {
      const moduleName = show(options.module)
      // The lock's handle is not closed before the end: closing it unlocks.
      const lock = files.openAppend(module, '.lock', 0o644)
      try {
        if (!files.lock(lock)) {
          throw new BusyError(`somebody else is publishing to ${moduleName} right now`)
        }
        const at = { module, moduleName, key }
        refuseRevokedKey(files, at, 'release', allowed)
        const image = new Image(host, root, {
          name: show(options.image),
          outside: files.statHandle(module),
          allowed,
        })
        progress.begin('publish', undefined, 'entries')
        const survey = image.survey(progress)
        const publishing = {
          ...at,
          host,
          terms,
          image,
          survey,
          deltaFrom,
          anyTree,
          allowed,
          progress,
        }
        return run(publishing)
      } finally {
        files.close(lock)
      }
    } finally {
      files.close(module)
    }
  } finally {
    files.close(root)
  }
}

function checkTerms(host: PublishHost, options: PublishOptions): Terms {
  const { version, hardware = 'any', deployment = 'any', jumpFrom = 0 } = options
  const isVersion = (value: number) => Number.isInteger(value) && value <= VERSION_MAX
  if (!isVersion(version) || version < 1) {
    throw new ConfigError(`the version is ${version}; allowed: 1 to ${VERSION_MAX}`)
  }
  if (!isVersion(jumpFrom) || jumpFrom < 0 || jumpFrom > version) {
    throw new ConfigError(`the version to jump from is ${jumpFrom}; allowed: 0 to ${version}`)
  }
  for (const [what, value] of Object.entries({ hardware, deployment })) {
    if (!isAudience(value)) {
      throw new ConfigError(
        `the ${what} is "${value}"; it may have 1 to 100 characters, no control characters, ` +
          'and no blanks at its ends',
      )
    }
  }
  const issued = instant('time of issue', options.issued) ?? Math.floor(host.clock.wallSeconds())
  const expires = instant('time of expiry', options.expires)
  if (expires !== undefined && expires <= issued) {
    throw new ConfigError(
      `it would expire at ${formatInstant(expires)}, before it is issued at ${formatInstant(issued)}`,
    )
  }
  const isDated = options.issued !== undefined
  return { version, hardware, deployment, jumpFrom, issued, expires, isDated }
}

function instant(what: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = parseInstant(text)
  if (seconds === undefined) {
    throw new ConfigError(`the ${what} is "${text}"; it must be like 2027-12-31T00:00:00Z`)
  }
  return seconds
}

function run(publishing: Publishing): PublishResult {
  const { host, terms, module, moduleName, survey } = publishing
  const { files } = host
  clearUnfinished(files, module)
  const latest = latestRelease(publishing)
  const before = latest?.version ?? 0
  if (before > 0 && terms.version > before + VERSION_JUMP_MAX) {
    throw new ConfigError(
      `version ${terms.version} is more than ${VERSION_JUMP_MAX} above version ${before}, ` +
        'and no device would take it',
    )
  }
  const warnings: string[] = []
  if (survey.firstGuarded !== undefined) {
    warnings.push(
      `${survey.guarded} entries are not readable by everybody ("${show(survey.firstGuarded)}" ` +
        'is the first): the rsync daemon has to run with "uid = 0"',
    )
  }
  if (survey.owners.warning !== undefined) warnings.push(survey.owners.warning)
  if (before > terms.version) warnings.push(`version ${before} stays the latest`)
  const there = files.stat(module, String(terms.version)) !== undefined
  if (!there) {
    warnings.push(...checkClock(publishing))
    refuseNoSystem(publishing)
    if (latest) refuseShrunken(publishing, latest)
  }
  const made = there ? checkPublished(publishing) : make(publishing)
  if (before < terms.version) {
    writeFile(files, module, `${UNFINISHED}${LATEST}`, made.statement)
    files.rename(module, `${UNFINISHED}${LATEST}`, module, LATEST)
    files.sync(module)
  }
  const packs = there ? addedPacks(publishing) : made.packs
  for (const warning of warnings) publishing.progress.note(`${moduleName}: ${warning}`)
  const { entries, imageBytes, manifestSize, manifestDigest } = made.release
  return {
    version: terms.version,
    published: !there,
    latest: Math.max(before, terms.version),
    entries,
    imageBytes,
    manifestSize,
    manifestDigest,
    keyNumber: publishing.key.number,
    linked: made.linked,
    copied: made.copied,
    packs,
    warnings,
  }
}

/** For a version that was published before. */
function addedPacks(publishing: Publishing): string[] {
  const { deltaFrom: from, terms } = publishing
  if (from.length === 0) return []
  return addDeltas(publishing, { from, to: terms.version, prune: false }).packs.map(nameOfPack)
}

/** Undefined if there is no latest, or it cannot be read: then this release takes its place. */
function latestRelease({ host, module }: Publishing): Release | undefined {
  try {
    const statement = readFile(host.files, module, LATEST, RELEASE_SIZE_MAX)
    return statement && readRelease(statement)
  } catch (error) {
    if (error instanceof TrustError) return undefined
    throw error
  }
}

/** Builds the release beside its place, syncs it and moves it there. */
function make(publishing: Publishing): Made {
  const { host, terms, module } = publishing
  const { files } = host
  const name = `${UNFINISHED}${terms.version}`
  try {
    files.makeDirectory(module, name, 0o755)
    const folder = files.openDirectory(module, name)
    try {
      const made = fill(publishing, folder)
      files.syncFileSystem(folder)
      files.rename(module, name, module, String(terms.version))
      files.sync(module)
      return made
    } finally {
      files.close(folder)
    }
  } catch (error) {
    throw cleanedUp(publishing, name, error)
  }
}

/** Removes what was made; what can't be removed is left to the next run. */
function cleanedUp({ host, module, moduleName, survey }: Publishing, name: Path, error: unknown) {
  const { files } = host
  try {
    files.removeTree(module, name)
  } catch {
    return error
  }
  if (!isSystemError(error, 'ENOSPC', 'EDQUOT')) return error
  const free = files.space(module).bytes
  const missing = Math.max(survey.imageBytes - free, 0)
  return new SpaceError(
    `${moduleName} has no room for the release: ${free} bytes are free, ` +
      `and the image has up to ${survey.imageBytes}`,
    missing,
    'make room, or keep the image on the file system of the module, where it takes next to none',
  )
}

/** Fills the folder of a release: `root/`, `manifest`, `release`. */
function fill(publishing: Publishing, folder: Fd): Made {
  const { host, terms, key, image, survey } = publishing
  const { files, checksums } = host
  setMode(files, folder, '.', 0o755)
  files.makeDirectory(folder, 'root', 0o700)
  const root = files.openDirectory(folder, 'root')
  try {
    const placement = new Placement(files, image, root)
    const manifest = files.createFile(folder, 'manifest', 0o644)
    try {
      const size = writeManifest(publishing, manifest, placement)
      placement.finish()
      files.sync(manifest)
      refuseNoStart(publishing, { manifest, root })
      const { digest } = checksums.digestFile(manifest, size)
      setMode(files, folder, 'manifest', 0o644)
      const plain: Release = {
        ...terms,
        manifestDigest: digest,
        manifestSize: size,
        entries: survey.entries,
        imageBytes: survey.imageBytes,
      }
      const packs = packsFor(publishing, plain)
      const release = packs.length > 0 ? { ...plain, packs } : plain
      const statement = signRelease(release, key, `verify with ${publicName(key)}`)
      writeFile(files, folder, 'release', statement)
      const { linked, copied } = placement
      const names = packs.filter(({ to }) => to === release.version).map(nameOfPack)
      return { release, statement, linked, copied, packs: names }
    } finally {
      files.close(manifest)
    }
  } finally {
    files.close(root)
  }
}

/** What its statement lists: the packs made now, and those before that lead to where they begin. */
function packsFor(publishing: Publishing, release: Release): Pack[] {
  const { deltaFrom, terms } = publishing
  if (deltaFrom.length === 0) return []
  const before = packsOfModule(publishing).filter(({ to }) => to < terms.version)
  const made = makePacks(publishing, release, `${UNFINISHED}${terms.version}`, deltaFrom)
  return packsToward([...before, ...made.packs], terms.version)
}

function writeManifest(publishing: Publishing, manifest: Fd, placement: Placement): number {
  const { host, image, survey, progress } = publishing
  progress.begin('publish', survey.entries, 'entries')
  const writer = new ManifestWriter(host.files, manifest)
  const digest = placement.content.bind(placement)
  for (const { entry, stat } of image.entries(survey, digest)) {
    refuseHardToHold(publishing, entry)
    placement.place(entry, stat)
    const line = writer.write(entry)
    if (line.length > MANIFEST_LINE_MAX || writer.size > MANIFEST_SIZE_MAX) {
      const limit = line.length > MANIFEST_LINE_MAX ? MANIFEST_LINE_MAX : MANIFEST_SIZE_MAX
      throw new ConfigError(
        `${image.name}/${show(entry.path)}: the manifest exceeds its limit of ${limit} bytes here`,
      )
    }
    progress.advance(writer.entries, entry.path)
  }
  writer.flush()
  return writer.size
}
