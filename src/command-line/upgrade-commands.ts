/** The commands that bring a version into the store, or bring back what is damaged there. */
import { lockVerdict } from '../call-home/lock.ts'
import type { JobWish } from '../device/job.ts'
import { recorded } from '../device/recorded.ts'
import { untilServed } from '../device/waiting.ts'
import { BusyError } from '../errors.ts'
import type { PackReport } from '../packs/packed-source.ts'
import { amount } from '../progress-bar.ts'
import { type Recovered, recoverSystem } from '../recover.ts'
import { readState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { install, type Upgrade, type Upgraded, upgrade } from '../upgrade.ts'
import { type Command, FETCH_OPTIONS } from './command.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-status.ts'
import { versionOf } from './options.ts'

const WANTED_VERSION = {
  name: '--version',
  value: 'N',
  help: 'this version (default: the newest that the first source offers)',
}

export const upgradeCommand: Command = {
  name: 'upgrade',
  summary: 'bring a newer version into the store, where it waits for the swap',
  about:
    'Fetches what changed from the first source that has the version, builds the new tree beside\n' +
    'the running one, proves it against its signed manifest, and leaves it as upgraded-root.\n' +
    'The running system is only read. After any failure or power cut: run it again.',
  options: [
    WANTED_VERSION,
    { name: '--allow-downgrade', help: 'accept a version below the highest ever accepted here' },
    {
      name: '--wait',
      help: 'if a wait is due, wait and try again (default: end with status 75)',
    },
    ...FETCH_OPTIONS,
  ],
  needsRoot: true,
  confined: (values) => ({ starts: true, lasts: values['--wait'] === true }),
  run: (context) => {
    const once = () => upgradeOnce(context)
    return context.values['--wait'] === true ? untilServed(context.device, once) : once()
  },
}

function upgradeOnce(context: Context): Promise<number> {
  if (context.values['--wait'] === true) context.stayConfined()
  return context.device.withLockedStore(false, async (store) => {
    refuseLocked(context, store)
    const result = await recorded(context.device, store, upgrade, asked(context))
    context.result({ ...result, ...result.report }, linesOf(result))
    return EXIT.done
  })
}

/** The same that holds a round back: what was stolen, or lent and not given back, gets nothing new. */
function refuseLocked({ configuration }: Context, store: Store): void {
  const state = readState(store)
  const why = state.home?.stolen
    ? 'this laptop was reported stolen'
    : lockVerdict(state, configuration.lock)
  if (why === undefined) return
  throw new BusyError(
    `${why}: it is not upgraded`,
    'where that is wrong, have it freed: `xo-upgrade check` asks the home server, `xo-upgrade unlock` takes a statement',
  )
}

function linesOf(result: Upgraded): string[] {
  const { outcome, running, version, skipped, source } = result
  if (outcome === 'waiting') {
    return [`Version ${version} waits already: \`xo-upgrade swap\` makes it run.`]
  }
  if (outcome === 'up-to-date') {
    const by = source === undefined ? '' : `, says ${source}`
    return skipped === undefined
      ? [`Version ${version} runs and is the newest${by}.`]
      : [
          `Version ${version} runs; ${skipped} is known as bad here, and is taken only ` +
            `with \`--version ${skipped}\`.`,
        ]
  }
  return [
    `Version ${version} is staged and proved, over ${running}; ${reportOf(result)}.`,
    'It runs after `xo-upgrade swap`.',
  ]
}

export const installCommand: Command = {
  name: 'install',
  summary: 'put the first version into a store where none runs',
  about: 'Makes the store if it is missing, fetches the whole image, proves it, and lets it run.',
  options: [WANTED_VERSION, ...FETCH_OPTIONS],
  needsRoot: true,
  confined: () => ({ starts: true, makesStore: true }),
  run: (context) =>
    context.device.withLockedStore(true, async (store) => {
      const result = await recorded(context.device, store, install, asked(context))
      context.result({ ...result, ...result.report }, [
        `Version ${result.version} is installed; ${reportOf(result)}.`,
      ])
      return EXIT.done
    }),
}

export const recoverCommand: Command = {
  name: 'recover',
  summary: 'mend the version that runs, or replace it if it is gone',
  about:
    'Reads all of the running version and proves it. If it is damaged, a whole tree is built beside it,\n' +
    'for which only what is damaged is fetched, and swapped in: start it afterwards. Edited files, and\n' +
    'whatever does not belong to the version, are gone then. If no version runs, one that is whole on\n' +
    'the disk takes its place, or else the newest that a source has.',
  options: FETCH_OPTIONS,
  needsRoot: true,
  confined: () => ({ starts: true }),
  run: (context) =>
    context.device.withLockedStore(false, async (store) => {
      const flow = (job: Upgrade) => recoverSystem(job, false)
      const { sources } = context.configuration
      const wish = { version: undefined, allowDowngrade: false, sources }
      const result = await recorded(context.device, store, flow, wish)
      context.result({ ...result, ...result.report }, [recoveryOf(result)])
      return EXIT.done
    }),
}

function packedOf({ madeFiles, packs, bytes }: PackReport): string {
  const name = packs.length > 1 ? `packs ${packs.join(' and ')}` : `pack ${packs[0]}`
  return `${madeFiles} of them out of ${name} (${amount(bytes, 'bytes')})`
}

function recoveryOf(result: Recovered): string {
  const { outcome, version, damaged } = result
  if (outcome === 'whole') return `Version ${version} is whole: nothing had to be done.`
  const next = 'It runs when the system starts again.'
  if (outcome === 'mended') {
    const where = damaged === undefined ? '' : ` in ${damaged} places`
    return `Version ${version} is mended${where}: ${reportOf(result)}. ${next}`
  }
  return `Version ${version} takes the place of what ran: ${reportOf(result)}. ${next}`
}

/** What the operator asks for by hand. */
function asked({ values, configuration }: Context): JobWish {
  return {
    version: versionOf(values, '--version'),
    allowDowngrade: values['--allow-downgrade'] === true,
    sources: configuration.sources,
  }
}

function reportOf({
  report,
  source,
  packs,
}: Pick<Upgraded, 'report' | 'source' | 'packs'>): string {
  if (!report) return 'nothing was needed'
  const from = source === undefined ? '' : ` from ${source}`
  const bytes = amount(report.fetchedBytes, 'bytes')
  const by = packs && packs.madeFiles > 0 ? `, ${packedOf(packs)}` : ''
  const fetched = `${report.fetchedFiles} files (${bytes}) fetched${from}${by}`
  return report.linked > 0 ? `${fetched}, ${report.linked} linked` : fetched
}
