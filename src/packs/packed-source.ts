/**
 * A source with its packs in front: what a pack has comes out of it, the manifest first, and the rest from
 * the source itself, in the same run. Whatever is wrong with a pack only makes the rest larger.
 */
import type { Path } from '../host.ts'
import { nameOfPack, type Pack } from '../release/packs.ts'
import type { Source, WantedContent } from '../source/source.ts'
import { show } from '../text.ts'
import type { FileOutcome, WantedFile } from '../wanted-file.ts'
import { AppliedPacks } from './applied.ts'
import type { PackChoice } from './choose.ts'
import { dropPack, openKept, wantedPack } from './kept.ts'
import { choiceAt, type PackJob } from './offered.ts'

/** What packs did for an upgrade. */
export interface PackReport extends Omit<PackChoice, 'packs'> {
  packs: string[]
  /** Files that came out of them, and files that had to come from the source all the same. */
  madeFiles: number
  otherFiles: number
}

/** Serves `use` with the source, and with its packs in front of it where they are worth it. */
export async function withPacks<Result extends object>(
  job: PackJob | undefined,
  source: Source,
  use: (source: Source) => Promise<Result>,
): Promise<Result & { packs?: PackReport }> {
  const choice = job && (await choiceAt(job, source))
  if (!job || !choice) return use(source)
  const report: PackReport = {
    ...choice,
    packs: choice.packs.map(nameOfPack),
    madeFiles: 0,
    otherFiles: 0,
  }
  if (choice.way === 'files') return { ...(await use(source)), packs: report }
  const packed = new PackedSource(job, source, choice.packs, report)
  try {
    await packed.bring()
    return { ...(await use(packed)), packs: report }
  } finally {
    packed.end()
  }
}

class PackedSource implements Source {
  readonly inBatches = true
  #applied: AppliedPacks | undefined

  constructor(
    readonly job: PackJob,
    readonly source: Source,
    readonly chosen: readonly Pack[],
    readonly report: PackReport,
  ) {}

  get name() {
    return this.source.name
  }

  get role() {
    return this.source.role
  }

  get isFolder() {
    return this.source.isFolder ?? false
  }

  get said() {
    return this.source.said
  }

  statement(version: number | undefined): Promise<Uint8Array> {
    return this.source.statement(version)
  }

  /** Fetches what is not here yet, all in one go, and opens it. */
  async bring(): Promise<void> {
    const { store, progress } = this.job
    const absent = this.chosen.filter((pack) => !this.#isKept(pack))
    const outcomes = new Map<Pack, FileOutcome>()
    if (absent.length > 0) {
      progress.begin('pack', this.report.bytes, 'bytes')
      const wanted = absent.map((pack) =>
        wantedPack(store, pack, (outcome) => outcomes.set(pack, outcome)),
      )
      await this.source.packs?.(wanted)
    }
    const wrong = absent.find((pack) => !isWhole(pack, outcomes.get(pack)))
    if (!wrong) this.#applied = AppliedPacks.open(this.job, this.chosen)
    else {
      dropPack(store, wrong)
      this.#giveUp(`${this.name} sent ${nameOfPack(wrong)} that is not the signed one`)
    }
  }

  async manifest(version: number, wanted: Omit<WantedFile, 'name'>): Promise<void> {
    const rebuilt = this.#applied?.rebuild(wanted.target, wanted.sizeMax)
    if (rebuilt && rebuilt.digest === this.job.release.manifestDigest) {
      wanted.done(rebuilt)
      return
    }
    if (this.#applied) this.#giveUp(this.#applied.broken ?? 'its manifest is not the signed one')
    await this.source.manifest(version, wanted)
  }

  async content(version: number, files: WantedContent): Promise<void> {
    const applied = this.#applied
    if (!applied) return this.source.content(version, files)
    const left = new Set<Path>()
    const has = (name: Path) => {
      if (applied.has(name)) return true
      left.add(name)
      return false
    }
    for (const wanted of files.wanted(has)) {
      if (this.#makes(applied, wanted)) this.report.madeFiles++
      else left.add(wanted.name)
    }
    if (left.size === 0) return
    this.#tell(applied, left.size)
    this.report.otherFiles += left.size
    await this.source.content(version, {
      names: () => left,
      wanted: () => files.wanted((name) => left.has(name)),
    })
  }

  close(): void {
    this.source.close()
  }

  /** Ends the work with packs; the source stays as it is. */
  end(): void {
    this.#applied?.close()
    this.#applied = undefined
  }

  #isKept(pack: Pack): boolean {
    const fd = openKept(this.job.store, pack)
    if (fd !== undefined) this.job.store.host.files.close(fd)
    return fd !== undefined
  }

  #makes(applied: AppliedPacks, wanted: WantedFile): boolean {
    let made: FileOutcome | undefined
    try {
      made = applied.make(wanted)
    } catch (error) {
      wanted.abandoned?.()
      throw error
    }
    if (made) wanted.done(made)
    else wanted.abandoned?.()
    return made !== undefined
  }

  #giveUp(why: string): void {
    this.job.progress.note(`${why}: the files come one by one`)
    Object.assign(this.report, { way: 'files', reason: why })
    this.end()
  }

  #tell({ broken, firstFailure }: AppliedPacks, count: number): void {
    const why = broken ?? firstFailure
    const reason = why === undefined ? '' : ` (${show(why)})`
    this.job.progress.note(`${count} files are not in the pack, and come from the source${reason}`)
  }
}

function isWhole(pack: Pack, outcome: FileOutcome | undefined): boolean {
  return outcome !== undefined && !('failed' in outcome) && outcome.digest === pack.digest
}
