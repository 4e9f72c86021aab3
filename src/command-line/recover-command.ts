/** `recover`: mends the system that should run, or puts another one in its place. */
import { type Recovered, recoverSystem } from '../recover.ts'
import type { Upgrade } from '../upgrade.ts'
import {
  BWLIMIT,
  CONFIG,
  type Command,
  DEBUG,
  HELP,
  JSON_LINES,
  KEYS,
  PASSWORD_FILE,
  SOURCE,
  STORE,
} from './command.ts'
import { reportOf } from './device-commands.ts'
import { EXIT } from './exit-status.ts'
import { recorded } from './recorded.ts'

export const recoverCommand: Command = {
  name: 'recover',
  summary: 'mend the version that runs, or replace it where it is gone',
  about:
    'Reads all of the running version and proves it. Where it is damaged, a whole tree is built\n' +
    'beside it, for which only what is damaged is fetched, and swapped in: start it afterwards.\n' +
    'Files that were edited, and what does not belong to the version, end with it. Where no version\n' +
    'runs, one that is whole on the disk takes its place, or else the newest that a source has.',
  options: [SOURCE, BWLIMIT, KEYS, PASSWORD_FILE, CONFIG, STORE, JSON_LINES, DEBUG, HELP],
  needsRoot: true,
  run: (context) =>
    context.withLockedStore(false, async (store) => {
      const flow = (job: Upgrade) => recoverSystem(job, false)
      const { sources } = context.configuration
      const wish = { version: undefined, allowDowngrade: false, sources }
      const result = await recorded(context, store, flow, wish)
      context.result({ ...result, ...result.report }, [textOf(result)])
      return EXIT.done
    }),
}

function textOf(result: Recovered): string {
  const { outcome, version, damaged } = result
  if (outcome === 'whole') return `Version ${version} is whole: nothing had to be done.`
  const next = 'It runs when the system starts again.'
  if (outcome === 'mended') {
    const where = damaged === undefined ? '' : ` in ${damaged} places`
    return `Version ${version} is mended${where}: ${reportOf(result)}. ${next}`
  }
  return `Version ${version} takes the place of what ran: ${reportOf(result)}. ${next}`
}
