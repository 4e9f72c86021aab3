/**
 * The packs of a module: which there are, by its signed lists, and the versions that they are made of.
 */
import { ConfigError, TrustError } from '../errors.ts'
import type { Fd, Path } from '../host.ts'
import { PACKS_LISTED_MAX, PACKS_SIZE_MAX, RELEASE_SIZE_MAX } from '../limits.ts'
import type { Progress } from '../progress.ts'
import { DELTAS, nameOfPack, openPacks, type Pack } from '../release/packs.ts'
import { type Release, readRelease } from '../release/release.ts'
import { publicKeyOf, type SecretKey } from '../release/signify.ts'
import { readFile } from '../small-file.ts'
import type { PackTree } from './pack.ts'
import { type PublishHost, setMode } from './publishing.ts'

/** A module whose packs are at work, under its lock. */
export interface PackModule {
  host: PublishHost
  key: SecretKey
  module: Fd
  moduleName: string
  progress: Progress
}

/** The signed packs that the module has: listed by a version that it has, and there. */
export function packsOfModule(at: PackModule): Pack[] {
  const { files } = at.host
  const found = new Map<string, Pack>()
  const versions = files
    .readDirectory(at.module, '.')
    .filter((name) => /^[1-9][0-9]{0,8}$/.test(name))
  for (const version of versions) {
    const release = releaseAt(at, `${version}/release`)
    if (!release) continue
    for (const pack of [...(release.packs ?? []), ...laterPacks(at, release)]) {
      const name = nameOfPack(pack)
      const stat = files.stat(at.module, `${DELTAS}/${name}`)
      if (stat?.type === 'file' && stat.size === pack.size) found.set(name, pack)
    }
  }
  return [...found.values()]
}

/** Those that a device on its way to a version may use, as many as a list may have. */
export function packsToward(packs: readonly Pack[], version: number): Pack[] {
  const useful = packs.filter(({ from, to }) => to === version || (to < version && from > 0))
  useful.sort((one, other) => other.to - one.to || other.from - one.from)
  return useful.slice(0, PACKS_LISTED_MAX)
}

/** Opens a version, or one that is being made. */
export function withTree<Result>(
  at: PackModule,
  folder: Path,
  use: (tree: PackTree) => Result,
): Result {
  const { files } = at.host
  const manifest = files.openRead(at.module, `${folder}/manifest`)
  try {
    const root = files.openDirectory(at.module, `${folder}/root`)
    try {
      return use({ manifest, root })
    } finally {
      files.close(root)
    }
  } finally {
    files.close(manifest)
  }
}

/** A published version, whose manifest is the signed one. */
export function releaseOf(at: PackModule, version: number): Release {
  const { host, module, moduleName } = at
  const release = releaseAt(at, `${version}/release`)
  if (!release)
    throw new ConfigError(`${moduleName} has no version ${version}`, 'name one that it has')
  const fd = host.files.openRead(module, `${version}/manifest`)
  try {
    const { digest } = host.checksums.digestFile(fd, host.files.statHandle(fd).size)
    if (digest === release.manifestDigest) return release
    throw new ConfigError(
      `${moduleName}/${version}/manifest was altered: its digest is ${digest}, and ${release.manifestDigest} was signed`,
      'put it back from a backup or a mirror, or remove the version',
    )
  } finally {
    host.files.close(fd)
  }
}

/**
 * Undefined if there is none. It may be of an older key: what is in it is what devices take or refuse by
 * themselves.
 */
export function releaseAt({ host, module }: PackModule, path: Path): Release | undefined {
  const statement = readFile(host.files, module, path, RELEASE_SIZE_MAX)
  try {
    return statement && readRelease(statement)
  } catch (error) {
    if (error instanceof TrustError) return undefined
    throw error
  }
}

function laterPacks({ host, key, module }: PackModule, release: Release): Pack[] {
  const signed = readFile(host.files, module, `${release.version}/packs`, PACKS_SIZE_MAX)
  try {
    return signed ? openPacks(signed, release, [publicKeyOf(key)]) : []
  } catch (error) {
    if (error instanceof TrustError) return []
    throw error
  }
}

/** Gives a pack that is whole and on the disk its name. */
export function putInPlace(at: PackModule, path: Path, name: string): void {
  const { files } = at.host
  const { module } = at
  if (!files.stat(module, DELTAS)) {
    files.makeDirectory(module, DELTAS, 0o755)
    setMode(files, module, DELTAS, 0o755)
  }
  setMode(files, module, path, 0o644)
  files.rename(module, path, module, `${DELTAS}/${name}`)
  syncFolder(at, DELTAS)
  files.sync(module)
}

export function syncFolder({ host: { files }, module }: PackModule, path: Path): void {
  const fd = files.openDirectory(module, path)
  try {
    files.sync(fd)
  } finally {
    files.close(fd)
  }
}
