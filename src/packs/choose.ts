/**
 * The one decision about packs: a pack, a chain of them, the pack of the whole image, or file by file.
 * Pure arithmetic over sizes that are known before anything is fetched: whatever brings the fewest bytes.
 */
import { cheapest } from '../release/pack-ways.ts'
import { nameOfPack, type Pack } from '../release/packs.ts'
import { megabytes } from '../text.ts'

/**
 * What a transfer file by file takes of each byte of changed content: 29.2 MB of 131.2 MB, measured on a
 * security upgrade of Debian with the running version's files as bases (docs/BENCHMARK.md).
 */
export const UPGRADE_RATIO = 0.22
/** And without anything to build upon: 396 MB for an image of 1450 MB. */
export const INSTALL_RATIO = 0.27
/** Of a manifest whose version before is here, nearly only the digests of what changed: 105 kB of 8.5 MB. */
export const MANIFEST_RATIO = 0.0125

export interface Situation {
  /** The version whose files can be built upon; 0: none. */
  running: number
  target: { version: number; imageBytes: number; manifestSize: number }
  /** Those that the source has. */
  packs: readonly Pack[]
  /** How much of a pack lies here already, from an earlier try (bytes). */
  kept: (pack: Pack) => number
  /** Bytes of the files that are still to come, where the manifest is here and says so. */
  missingBytes: number | undefined
  /** What the packs may take of the disk, besides the content that comes in any case (bytes). */
  room: number
}

export interface PackChoice {
  way: 'pack' | 'chain' | 'whole' | 'files'
  /** In the order to apply them. */
  packs: readonly Pack[]
  /** What it will fetch: for packs exactly, else by the ratios above. */
  bytes: number
  /** For people. */
  reason: string
}

/** Packs come before files where both take as many bytes: they cost the server nothing. */
export function chooseWay(situation: Situation): PackChoice {
  const { running, target } = situation
  const files = filesBytes(situation)
  const byFiles = (reason: string): PackChoice => ({
    way: 'files',
    packs: [],
    bytes: files,
    reason,
  })
  const ways = [
    ...(running > 0 ? [shortest(situation, running)] : []),
    situation.packs.filter(({ from, to }) => from === 0 && to === target.version).slice(0, 1),
  ].filter((packs) => packs.length > 0)
  if (ways.length === 0) {
    const from = running > 0 ? `from version ${running}` : 'of the whole image'
    return byFiles(`there is no pack ${from}`)
  }
  const cost = (packs: readonly Pack[]) => sum(packs, (pack) => left(situation, pack))
  const best = ways.reduce((one, other) => (cost(other) < cost(one) ? other : one))
  const bytes = cost(best)
  const about = `about ${megabytes(files)} file by file`
  if (bytes > files) return byFiles(`${about} are fewer than ${megabytes(bytes)} by pack`)
  if (bytes > situation.room) {
    return byFiles(`the disk has no room for ${megabytes(bytes)} of packs besides the new files`)
  }
  const way = best.length > 1 ? 'chain' : best[0]?.from === 0 ? 'whole' : 'pack'
  const names = best.map(nameOfPack).join(', ')
  return { way, packs: best, bytes, reason: `${names} has ${megabytes(bytes)}; ${about}` }
}

function filesBytes({ running, target, packs, missingBytes }: Situation): number {
  const ratio = running > 0 ? UPGRADE_RATIO : INSTALL_RATIO
  if (missingBytes !== undefined) return Math.round(missingBytes * ratio)
  const manifest = target.manifestSize * (running > 0 ? MANIFEST_RATIO : INSTALL_RATIO)
  return Math.round(changedBytes(running, target, packs) * ratio + manifest)
}

/** What the publisher counted between the two versions; at most the image itself. */
function changedBytes(
  running: number,
  { version, imageBytes }: Situation['target'],
  packs: readonly Pack[],
): number {
  if (running === 0) return imageBytes
  const counted = cheapest(packs, running, version, ({ changedBytes }) => changedBytes)
  // Nobody counted: a version that no pack leads away from may be anything.
  if (counted.length === 0) return imageBytes
  return Math.min(
    sum(counted, (pack) => pack.changedBytes),
    imageBytes,
  )
}

function shortest(situation: Situation, running: number): readonly Pack[] {
  const { packs, target } = situation
  return cheapest(packs, running, target.version, (pack) => left(situation, pack))
}

const left = ({ kept }: Situation, pack: Pack) => Math.max(pack.size - kept(pack), 0)

function sum(packs: readonly Pack[], of: (pack: Pack) => number): number {
  return packs.reduce((total, pack) => total + of(pack), 0)
}
