/**
 * The ways in which the runner is called: what each sets up and builds, which files it runs, and what it
 * may be told. `npm run` has a command for each; `--as NAME` in front of the words chooses one.
 *
 * @typedef {object} Run
 * @property {string[]} paths words of paths, or whole ones
 * @property {string[]} [names] of tests: only those whose name holds one of them
 * @property {object[]} [builds] what tools/build.mjs is told, one after the other
 * @property {object} [settings] what test files find in test/support/settings.ts
 * @property {number} [deadlineMinutes] for each file, instead of its own
 * @property {boolean} [shown] whether each test, and what it prints, is shown while it runs
 * @property {boolean} [watch] whether all is run again after each change
 * @property {number} [failed] what failed before, for the sum
 */
import { oneOf, UsageError, wholeNumber } from '../command-line.mjs'

const WATCH = { about: 'runs them again whenever a source changes' }
/**
 * What runs in full takes as long as it takes; but nobody wants to wait all night for one that hangs.
 */
const WHOLE = { shown: true, deadlineMinutes: 600 }
const listOf = (value) => (value === undefined ? [] : [value])

const node = {
  call: 'npm run test:node --',
  about: 'Runs all tests or some, without set-up, builds and check.',
  options: {
    name: { takes: 'NAME', about: 'only tests whose name holds it' },
    watch: WATCH,
    failed: { takes: 'N', about: 'what failed before, for the sum', reads: wholeNumber(0) },
  },
  words: { takes: 'WORD…', about: 'only files whose path holds one of them, or is it' },
  needs: [],
  run: ({ name, ...options }, paths) => ({ ...options, paths, names: listOf(name) }),
}

const one = {
  call: 'npm run test:one --',
  about: 'Runs the tests of one file, or one of them, as soon as it is saved.',
  options: { watch: WATCH },
  words: { takes: 'WORD [NAME]', about: 'of the path of the file, and of the name of the test' },
  check(_options, words) {
    if (words.length === 0 || words.length > 2) {
      throw new UsageError('npm run test:one takes a word of a path, and perhaps a name')
    }
  },
  needs: [],
  run: ({ watch }, [word, name]) => ({ watch, paths: [word], names: listOf(name), shown: true }),
}

/** The tests that need no Node on the program of another machine. */
const onTarget = (target, about, paths) => ({
  call: `npm run test:${target} --`,
  about,
  needs: ['build', target],
  run: () => ({ paths, builds: [{ target }] }),
})

const boot = {
  call: 'npm run test:boot --',
  about: 'Boots whole systems in QEMU and takes the power away from them.',
  options: {
    cuts: { takes: 'N', about: 'how often the power goes (12)', reads: wholeNumber(1) },
    seed: {
      takes: 'N',
      about: 'after which random numbers (another one each time)',
      reads: wholeNumber(0),
    },
    console: { takes: 'FILE', about: 'keeps what the screen of the first upgrade said' },
  },
  words: { takes: 'WORD…', about: 'only the cases whose names hold one of them' },
  needs: ['build', 'boot'],
  run: ({ cuts = 12, seed = Math.floor(Math.random() * 2 ** 31), ...options }, names) => ({
    ...WHOLE,
    paths: ['test/boot/boot.test.ts'],
    names,
    builds: [{}],
    settings: { whole: true, cuts, seed, ...options },
  }),
}

/** Each proves something else; unless one of them is chosen, the power is cut. */
const PROOFS = ['mutants', 'faults', 'network', 'memory']
/** Those of the network's tests that take whole releases. */
const NETWORK_TESTS = ['a whole upgrade']

const powerCut = {
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
    for (const name of ['model', 'cut']) {
      if (options[name] !== undefined && chosen.length > 0)
        throw new UsageError(`--${name} and --${chosen} exclude each other`)
    }
    if (options.network && options.scenario)
      throw new UsageError('--network has one scenario, an upgrade: --scenario chooses nothing')
  },
  needs: ({ memory, network }) => (memory || network ? ['build', 'test'] : []),
  run({ scenario, seed = 1, ...options }) {
    const proof = PROOFS.find((name) => options[name])
    const file = { network: 'network-cut' }[proof] ?? proof ?? 'power-cut'
    return {
      ...WHOLE,
      paths: [`test/power-cut/${file}.test.ts`],
      names: options.network ? NETWORK_TESTS : listOf(scenario),
      builds: options.memory ? [{}, { flavour: 'asan' }] : [],
      settings: { whole: true, seed, ...options },
    }
  },
}

/** All ways except that of `npm run test:node`, which needs no `--as`. */
export const WAYS = {
  one,
  i586: onTarget('i586', 'Runs the tests that need no Node on the program of the XO-1.', [
    'test/engines/i586',
    'test/firmware/geode',
  ]),
  armv7: onTarget(
    'armv7',
    'Runs the tests that need no Node on the program of the XO-1.75 and XO-4, in qemu-user.',
    ['test/engines/armv7.ts'],
  ),
  boot,
  'power-cut': powerCut,
}

export const USAGE = { ...node, ways: WAYS }
