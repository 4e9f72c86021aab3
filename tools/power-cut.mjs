/** `npm run power-cut`: the whole proof of test/power-cut/, or a part of it. */
import { build } from './build.mjs'
import { oneOf, runCommand, UsageError, wholeNumber } from './command-line.mjs'
import { load } from './tests/transpile.mjs'

/** Each proves another thing; without one of them the power is cut. */
const PROOFS = ['mutants', 'faults', 'network', 'memory']

const USAGE = {
  call: 'npm run power-cut --',
  about: 'Proves that no cut of the power leaves a device between two releases.',
  options: {
    mutants: { about: 'shows the proof every deliberate defect' },
    faults: { about: 'fails every call of the kernel once, in each way' },
    network: { about: 'cuts the line of an upgrade from a stock daemon, at each of its bytes' },
    memory: { about: 'refuses memory, at every allocation of C and at some of QuickJS' },
    every: { takes: 'N', about: 'of --network: only each Nth byte (1)', reads: wholeNumber(1) },
    samples: { takes: 'N', about: 'of --memory: of QuickJS (1000)', reads: wholeNumber(1) },
    seed: { takes: 'N', about: 'all chance in it (1)', reads: wholeNumber(0) },
    scenario: { takes: 'WORDS', about: 'only those whose name holds the words' },
    model: {
      takes: 'NAME',
      about: 'only on such a disk: ordered, weak, jffs2',
      reads: oneOf(['ordered', 'weak', 'jffs2']),
    },
    cut: {
      takes: 'K',
      about: 'only before this operation; those around it are shown',
      reads: wholeNumber(0),
    },
  },
  check(options) {
    const chosen = PROOFS.filter((name) => options[name])
    if (chosen.length > 1) throw new UsageError(`--${chosen.join(' and --')} exclude each other`)
    for (const [name, of] of Object.entries({ every: 'network', samples: 'memory' })) {
      if (options[name] && !options[of]) throw new UsageError(`--${name} belongs to --${of}`)
    }
  },
  needs: ({ memory, network }) => (memory || network ? ['build', 'test'] : []),
}

await runCommand(import.meta.url, USAGE, async (options) => {
  if (options.memory) await build({ flavour: 'asan' })
  const { main } = await load('test/power-cut/main.ts')
  process.exitCode = (await main(options)) ? 0 : 1
})
