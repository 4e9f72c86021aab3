/**
 * What is known before anything is fetched: the packs that a source has, by the signed lists, and which of
 * them to take, if any.
 */
import { TrustError } from '../errors.ts'
import type { Progress } from '../progress.ts'
import { cheapest } from '../release/pack-ways.ts'
import { nameOfPack, openPacks, type Pack } from '../release/packs.ts'
import type { Release } from '../release/release.ts'
import type { PublicKey } from '../release/signify.ts'
import type { Source } from '../source/source.ts'
import { planStaging } from '../staging/plan.ts'
import type { OpenTree, Store, TreeName } from '../store/store.ts'
import { chooseWay, type PackChoice } from './choose.ts'
import { keptBytes } from './kept.ts'

export interface PackJob {
  store: Store
  release: Release
  /** Those that may sign a list of packs. */
  keys: readonly PublicKey[]
  reserveBytes: number
  progress: Progress
  /** Files of the running tree are linked where they are as their lines say. */
  links: boolean
}

/** First the one that runs: files that a pack leaves out are linked from there. */
const BASES: readonly TreeName[] = ['fakeroot', 'upgraded-root', 'previous-root']

/** Undefined if the source has no pack that could be meant for this device: there is nothing to say then. */
export async function choiceAt(job: PackJob, source: Source): Promise<PackChoice | undefined> {
  const { store, release, progress } = job
  if (!source.hasPack) return undefined
  const base = baseTree(store)
  const running = (base && store.version(base)) ?? 0
  const packs = await offeredBy(job, source, running)
  if (packs.length === 0) return undefined
  const choice = chooseWay({
    running,
    target: release,
    packs,
    kept: (pack) => keptBytes(store, pack),
    missingBytes: await missingBytes(job),
    room: store.host.files.space(store.directory).bytes - job.reserveBytes,
  })
  progress.note(`${choice.way === 'files' ? 'file by file' : 'by pack'}: ${choice.reason}`)
  return choice
}

/** The tree whose files packs build upon: one with its signed manifest. */
export function baseTree(store: Store): TreeName | undefined {
  return BASES.find((name) => store.hasManifest(name))
}

/** The release's own list says enough where it leads here; else the one that was signed later is asked for. */
async function offeredBy(
  { release, keys, progress }: PackJob,
  source: Source,
  running: number,
): Promise<Pack[]> {
  const has = async (packs: readonly Pack[]) => {
    const there: Pack[] = []
    for (const pack of packs) {
      if (await source.hasPack?.(nameOfPack(pack), pack.size)) there.push(pack)
    }
    return there
  }
  const own = await has(release.packs ?? [])
  const leads = (packs: Pack[]) =>
    running === 0
      ? packs.some(({ from }) => from === 0)
      : cheapest(packs, running, release.version, ({ size }) => size).length > 0
  if (leads(own)) return own
  try {
    const signed = await source.packList?.(release.version)
    const later = signed ? await has(openPacks(signed, release, keys)) : []
    const known = new Set(own.map(nameOfPack))
    return [...own, ...later.filter((pack) => !known.has(nameOfPack(pack)))]
  } catch (error) {
    if (!(error instanceof TrustError)) throw error
    progress.note(`the packs of ${source.name} are left alone: ${error.message}`)
    return own
  }
}

/** What an earlier try left to be done; undefined if the manifest is not here yet. */
async function missingBytes({ store, release, links }: PackJob): Promise<number | undefined> {
  if (store.manifestDigest('staging') !== release.manifestDigest) return undefined
  const missing = (live: OpenTree | undefined) =>
    store.withManifest('staging', (manifest, root) => {
      return planStaging(store, { manifest, root }, live).bytes
    })
  return links && store.hasManifest('fakeroot')
    ? store.withTree('fakeroot', missing)
    : missing(undefined)
}
