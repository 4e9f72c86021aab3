/**
 * Packs of versions that a module has: `delta` makes them after the fact, `publish` together with a release. A
 * pack comes under its name only when it is whole, proved and on the disk, and into a list only then; a list
 * is replaced last. `release` of a version never changes.
 */
import { BusyError, ConfigError } from '../errors.ts'
import type { Path } from '../host.ts'
import { PACKS_SIZE_MAX } from '../limits.ts'
import type { Progress } from '../progress.ts'
import { LATEST, UNFINISHED } from '../release/module-names.ts'
import { cheapest } from '../release/pack-ways.ts'
import { DELTAS, nameOfPack, type Pack, signPacks, versionsOfPack } from '../release/packs.ts'
import type { Release } from '../release/release.ts'
import { readFile, writeFile } from '../small-file.ts'
import { megabytes, show } from '../text.ts'
import type { Exception } from './exceptions.ts'
import { loadSecretKey, publicName } from './keygen.ts'
import { checkCoder, makePack } from './pack.ts'
import {
  type PackModule,
  packsOfModule,
  packsToward,
  putInPlace,
  releaseAt,
  releaseOf,
  syncFolder,
  withTree,
} from './pack-module.ts'
import { clearUnfinished, type PublishHost } from './publishing.ts'
import { refuseRevokedKey } from './signer-check.ts'

/** A pack has to be this much smaller than the whole image's: else the image does as well. */
const WORTH_RATIO = 0.7
/** Of an image's bytes, what the pack of the whole takes; for modules that have none. */
const WHOLE_RATIO = 0.22

interface DeltaOptions {
  module: Path
  secretKey: Path
  /** What passes although nobody should mean it. */
  allow?: readonly Exception[]
  /** The versions to make packs from; 0: of the whole image. */
  from: readonly number[]
  /** Undefined: the latest. */
  to: number | undefined
  /** Whether packs that nobody needs go afterwards. */
  prune: boolean
  progress: Progress
}

export interface DeltaResult {
  version: number
  packs: Pack[]
  /** Names of packs that were there before, that would not have been worth it, and that were removed. */
  known: string[]
  refused: string[]
  pruned: string[]
}

export function makeDeltas(host: PublishHost, options: DeltaOptions): DeltaResult {
  const { files } = host
  if (options.from.length > 0) checkCoder(host)
  const { allow: allowed = [] } = options
  const key = loadSecretKey(host, options.secretKey, { role: 'release', allowed })
  const module = files.openRoot(options.module)
  try {
    const moduleName = show(options.module)
    const lock = files.openAppend(module, '.lock', 0o644)
    try {
      if (!files.lock(lock))
        throw new BusyError(`somebody else is publishing to ${moduleName} right now`)
      const at = { key, module, moduleName }
      refuseRevokedKey(files, at, 'release', allowed)
      return addDeltas({ ...at, host, progress: options.progress }, options)
    } finally {
      files.close(lock)
    }
  } finally {
    files.close(module)
  }
}

/** Makes what is missing, and lists it beside the release. Needs the module's lock. */
export function addDeltas(
  at: PackModule,
  { from, to, prune }: Pick<DeltaOptions, 'from' | 'to' | 'prune'>,
): DeltaResult {
  clearUnfinished(at.host.files, at.module)
  const latest = releaseAt(at, LATEST)
  if (!latest) throw new ConfigError(`${at.moduleName} has no release yet`, 'publish one first')
  const version = to ?? latest.version
  const release = version === latest.version ? latest : releaseOf(at, version)
  const before = packsOfModule(at)
  const isKnown = (one: number) => before.some((pack) => pack.from === one && pack.to === version)
  const result: DeltaResult = {
    version,
    packs: [],
    known: from.filter(isKnown).map((one) => nameOfPack({ from: one, to: version })),
    refused: [],
    pruned: [],
  }
  const missing = from.filter((one) => !isKnown(one))
  if (missing.length > 0) {
    const made = makePacks(at, release, String(version), missing)
    result.packs = made.packs
    result.refused = made.refused
  }
  const present = [...before, ...result.packs]
  const stays = prune ? needed(present, latest.version) : present
  if (prune) result.pruned = removeOthers(at, stays)
  for (const one of new Set([version, latest.version])) {
    list(at, one === version ? release : latest, stays)
  }
  return result
}

/**
 * Packs from published versions to one whose tree is in `folder`, which may still be unfinished. Each is under
 * its name when this returns.
 */
export function makePacks(
  at: PackModule,
  target: Pick<Release, 'version' | 'manifestDigest' | 'imageBytes'>,
  folder: Path,
  from: readonly number[],
): { packs: Pack[]; refused: string[] } {
  const { host, module, progress, moduleName } = at
  const { files } = host
  const packs: Pack[] = []
  const refused: string[] = []
  // The whole image first: the others are measured by it.
  for (const one of [...new Set(from)].sort((a, b) => a - b)) {
    const name = nameOfPack({ from: one, to: target.version })
    const path = `${UNFINISHED}delta-${name}`
    const old = one === 0 ? undefined : releaseOf(at, one)
    if (one >= target.version) {
      throw new ConfigError(`a pack leads to a later version: not from ${one} to ${target.version}`)
    }
    const made = withTree(at, folder, (tree) => {
      const making = { host, folder: module, path, name, progress }
      const to = { ...tree, manifestDigest: target.manifestDigest }
      if (!old) return makePack({ ...making, old: undefined, target: to })
      return withTree(at, String(one), (before) => makePack({ ...making, old: before, target: to }))
    })
    const pack: Pack = { from: one, to: target.version, ...made }
    const whole = wholeSize([...packs, ...packsOfModule(at)], target)
    if (one > 0 && pack.size > whole * WORTH_RATIO) {
      files.removeFile(module, path)
      refused.push(name)
      progress.note(
        `${moduleName}: no pack ${name}: it would have ${megabytes(pack.size)}, ` +
          `and the whole image has ${megabytes(whole)} packed`,
      )
      continue
    }
    putInPlace(at, path, name)
    packs.push(pack)
  }
  return { packs, refused }
}

/**
 * The packs on the cheapest way from each version to the latest, and the one of the latest whole image: the
 * others are for nobody, since all devices go to the latest.
 */
function needed(packs: readonly Pack[], latest: number): Pack[] {
  const size = (pack: Pack) => pack.size
  const starts = new Set(packs.filter(({ from }) => from > 0).map(({ from }) => from))
  const onWays = [...starts].flatMap((from) => cheapest(packs, from, latest, size))
  const names = new Set(onWays.map(nameOfPack))
  return packs.filter(
    (pack) => names.has(nameOfPack(pack)) || (pack.from === 0 && pack.to === latest),
  )
}

function removeOthers({ host: { files }, module }: PackModule, stays: readonly Pack[]): string[] {
  if (files.stat(module, DELTAS)?.type !== 'dir') return []
  const names = new Set(stays.map(nameOfPack))
  const gone = files
    .readDirectory(module, DELTAS)
    .filter((name) => versionsOfPack(name) && !names.has(name))
  for (const name of gone) files.removeFile(module, `${DELTAS}/${name}`)
  return gone
}

/** `N/packs`: what the release itself does not list. Nothing is written where it says that already. */
function list(at: PackModule, release: Release, packs: readonly Pack[]): void {
  const { host, key, module } = at
  const { files } = host
  const own = new Set((release.packs ?? []).map((pack) => `${nameOfPack(pack)} ${pack.digest}`))
  const later = packsToward(packs, release.version).filter(
    (pack) => !own.has(`${nameOfPack(pack)} ${pack.digest}`),
  )
  const path = `${release.version}/packs`
  const now = readFile(files, module, path, PACKS_SIZE_MAX)
  if (later.length === 0 && now === undefined) return
  const signed = signPacks(release, later, key, `verify with ${publicName(key)}`)
  if (now && now.length === signed.length && now.every((byte, i) => byte === signed[i])) return
  writeFile(files, module, `${UNFINISHED}packs`, signed)
  files.rename(module, `${UNFINISHED}packs`, module, path)
  syncFolder(at, String(release.version))
}

function wholeSize(
  packs: readonly Pack[],
  target: Pick<Release, 'version' | 'imageBytes'>,
): number {
  const whole = packs.find(({ from, to }) => from === 0 && to === target.version)
  return whole?.size ?? target.imageBytes * WHOLE_RATIO
}
