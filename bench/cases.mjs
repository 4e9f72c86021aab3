/**
 * The cases that are measured. Each says, for either client, what has to stand where (`prepare` once,
 * `reset` before every run) and which command is then timed. The trees of rsync's side stand beside
 * the stores, on the same file system.
 */

const FULL = 'device'
const RECYCLING = 'recycling-device'
const NEW_DEVICE = 'new-device'

/** What an upgrade leaves in a store besides the tree that runs. */
const LEFT_BEHIND = ['upgraded-root', 'staging', 'previous-root', 'scratch', 'state']

/** Keeps the record of a store as it is now, for `rewind`. */
async function keepState(bench, store) {
  await bench.prepare(['cp', '-a', bench.path(store, 'state'), bench.path(`${store}.state`)])
}

async function rewind(bench, store) {
  bench.remove(...LEFT_BEHIND.map((name) => `${store}/${name}`))
  await bench.prepare(['cp', '-a', bench.path(`${store}.state`), bench.path(store, 'state')])
}

async function install(bench, store, version) {
  await bench.prepare(bench.upgrader('install', store, 'xo', ['--version', String(version)]))
}

/** rsync's own copy of the old tree, which it links from. */
async function bringOldTree(bench) {
  await bench.prepare(bench.stock(['-a'], 'xo', 41, 'rsync-old'))
}

/** An upgrade of the device that has nothing but the running tree. */
function upgrading(module) {
  return {
    reset: (bench) => rewind(bench, FULL),
    command: (bench, options) => bench.upgrader('upgrade', FULL, module, options),
    made: `${FULL}/upgraded-root/root`,
  }
}

/** rsync's upgrade, which links from the old tree. */
function linking(module) {
  return {
    reset: async (bench) => bench.remove('rsync-new'),
    command: (bench, options) => bench.stock(options, module, 42, 'rsync-new', 'rsync-old'),
    made: 'rsync-new',
  }
}

/** @type {Case[]} where Case is { key, title, about, prepare, upgrader, stock } */
export const CASES = [
  {
    key: 'upgrade',
    title: 'Upgrade from scratch',
    about: 'From old to new, with nothing but the running tree to build on.',
    tree: 'new',
    async prepare(bench) {
      await install(bench, FULL, 41)
      await keepState(bench, FULL)
      await bringOldTree(bench)
    },
    upgrader: upgrading('xo'),
    stock: linking('xo'),
  },
  {
    key: 'recycled',
    title: 'Upgrade where the previous tree can be recycled',
    about:
      'As above, but previous-root holds what ran before (published as 40: the content of old). ' +
      'rsync has no such thing; its side is the upgrade from scratch again.',
    tree: 'new',
    async prepare(bench, done) {
      if (!done.has('upgrade')) await bringOldTree(bench)
      await install(bench, RECYCLING, 40)
      await bench.prepare(bench.upgrader('upgrade', RECYCLING, 'xo', ['--version', '41']))
      await bench.prepare(bench.upgrader('swap', RECYCLING))
      // A release on trial is not upgraded, and no boot ends the trial here.
      await bench.prepare(bench.upgrader('confirm', RECYCLING, undefined, ['--force']))
      await keepState(bench, RECYCLING)
      await bench.cloneByLinks(`${RECYCLING}/previous-root`, 'previous-root')
    },
    upgrader: {
      async reset(bench) {
        await rewind(bench, RECYCLING)
        await bench.cloneByLinks('previous-root', `${RECYCLING}/previous-root`)
      },
      command: (bench, options) => bench.upgrader('upgrade', RECYCLING, 'xo', options),
      made: `${RECYCLING}/upgraded-root/root`,
    },
    stock: linking('xo'),
  },
  {
    key: 'touched',
    title: 'All times touched',
    about: 'Every entry has a new time and nothing else; the content is the same.',
    tree: 'touched',
    async prepare(bench, done) {
      bench.remove(RECYCLING, 'previous-root', 'rsync-new')
      if (!done.has('upgrade')) {
        await install(bench, FULL, 41)
        await keepState(bench, FULL)
      }
      if (!done.has('upgrade') && !done.has('recycled')) await bringOldTree(bench)
    },
    upgrader: upgrading('touched'),
    stock: linking('touched'),
  },
  {
    key: 'fresh',
    title: 'Fresh install',
    about: 'Nothing there before; the new tree comes whole.',
    tree: 'new',
    async prepare() {},
    upgrader: {
      async reset(bench) {
        bench.remove(NEW_DEVICE)
      },
      command: (bench, options) =>
        bench.upgrader('install', NEW_DEVICE, 'xo', ['--version', '42', ...options]),
      made: `${NEW_DEVICE}/fakeroot/root`,
    },
    stock: {
      async reset(bench) {
        bench.remove('rsync-fresh')
      },
      command: (bench, options) => bench.stock(options, 'xo', 42, 'rsync-fresh'),
      made: 'rsync-fresh',
    },
  },
  {
    key: 'unchanged',
    title: 'Nothing changed',
    about: 'The device has the newest version already.',
    tree: 'new',
    // The trees are those that the fresh install left; where it did not run, they are made now.
    async prepare(bench, done) {
      if (done.has('fresh')) return
      await install(bench, NEW_DEVICE, 42)
      await bench.prepare(bench.stock(['-a'], 'xo', 42, 'rsync-fresh'))
    },
    upgrader: {
      async reset() {},
      command: (bench, options) => bench.upgrader('upgrade', NEW_DEVICE, 'xo', options),
      made: `${NEW_DEVICE}/fakeroot/root`,
    },
    stock: {
      async reset() {},
      command: (bench, options) => bench.stock(options, 'xo', 42, 'rsync-fresh'),
      made: 'rsync-fresh',
    },
  },
]

/** `side` says whose commands a case runs for it. */
export const CONTENDERS = [
  { key: 'byPack', name: 'xo-upgrade by pack', side: 'upgrader', options: [] },
  { key: 'byFile', name: 'xo-upgrade by file', side: 'upgrader', options: ['--no-packs'] },
  { key: 'plain', name: 'rsync -a', side: 'stock', options: ['-a'] },
  { key: 'compressed', name: 'rsync -az', side: 'stock', options: ['-az'] },
]
