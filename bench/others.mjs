/**
 * What other programs of the field fetch for the same two jobs, an upgrade and a fresh install. Each
 * brings the trees as its own documents tell it to, over HTTP from a server on this machine. They do less
 * than an upgrade: nothing is proved, linked or made ready to start.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { measured } from '../tools/measure.mjs'
import { isThere } from '../tools/setup.mjs'
import { run, SetupError } from '../tools/workplace.mjs'
import { serveFolder } from './serve-folder.mjs'

/** Runs a client, and says what it fetched and how long it took. */
async function fetched(server, command, folder) {
  server.takeBytes()
  const client = await measured(command, { folder })
  if (client.status !== 0) {
    throw new SetupError(`status ${client.status} of: ${command.join(' ')}\n${client.output}`)
  }
  return { bytes: server.takeBytes(), wall: client.wall }
}

/** OSTree, pulled file by file and by static delta. It keeps no devices, so they are left out. */
async function ostree({ folder, old, newer }) {
  const served = join(folder, 'ostree')
  const repository = `--repo=${served}`
  await run(['ostree', repository, 'init', '--mode=archive'])
  const commit = async (tree) => {
    const skipped = await run([
      'find',
      tree,
      '!',
      '-type',
      'f',
      '!',
      '-type',
      'd',
      '!',
      '-type',
      'l',
      '-printf',
      '/%P\n',
    ])
    writeFileSync(join(folder, 'skipped'), skipped)
    const words = [
      `--tree=dir=${tree}`,
      `--skip-list=${join(folder, 'skipped')}`,
      '-b',
      'os',
      '-s',
      'os',
    ]
    return (await run(['ostree', repository, 'commit', ...words])).trim()
  }
  const [before, after] = [await commit(old), await commit(newer)]
  const server = await serveFolder(served)
  try {
    const client = async (name) => {
      const own = `--repo=${join(folder, name)}`
      await run(['ostree', own, 'init', '--mode=bare'])
      await run(['ostree', own, 'remote', 'add', '--no-gpg-verify', 'os', server.url])
      return (version) => fetched(server, ['ostree', own, 'pull', 'os', version], folder)
    }
    const [byFile, byDelta, fresh] = [
      await client('by-file'),
      await client('by-delta'),
      await client('fresh'),
    ]
    await byFile(before)
    await byDelta(before)
    const files = await byFile(after)
    const install = await fresh(after)
    await run([
      'ostree',
      repository,
      'static-delta',
      'generate',
      `--from=${before}`,
      `--to=${after}`,
    ])
    await run(['ostree', repository, 'summary', '-u'])
    return [
      { name: 'OSTree, pull', upgrade: files, fresh: install },
      { name: 'OSTree, static delta', upgrade: await byDelta(after) },
    ]
  } finally {
    await server.close()
  }
}

async function casync({ folder, old, newer }) {
  const served = join(folder, 'casync')
  mkdirSync(served)
  await run(['casync', 'make', `--store=${served}/store`, `${served}/new.caidx`, newer])
  const server = await serveFolder(served)
  try {
    const extract = (target, seeds) =>
      fetched(
        server,
        [
          'casync',
          'extract',
          `--store=${server.url}/store`,
          ...seeds,
          `${server.url}/new.caidx`,
          join(folder, target),
        ],
        folder,
      )
    return [
      {
        name: 'casync',
        upgrade: await extract('seeded', [`--seed=${old}`]),
        fresh: await extract('bare', []),
      },
    ]
  } finally {
    await server.close()
  }
}

/** The regular files below a folder, by their paths in it. */
function filesOf(tree) {
  return readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(tree.length + 1))
}

function isSame(one, other) {
  return (
    statSync(one).size === statSync(other).size && readFileSync(one).equals(readFileSync(other))
  )
}

/**
 * bsdiff for each file that changed, and zstd -19 for each that is new: the least that patches of single
 * files come to. It knows no trees, so nothing is fetched, and there is no time to compare.
 */
async function bsdiff({ folder, old, newer }) {
  const before = new Set(filesOf(old))
  const made = join(folder, 'made')
  const sizeAfter = async (command) => {
    await run(command)
    return statSync(made).size
  }
  let bytes = 0
  for (const path of filesOf(newer)) {
    const [from, to] = [join(old, path), join(newer, path)]
    if (!before.has(path)) bytes += await sizeAfter(['zstd', '-19', '-qfo', made, to])
    else if (!isSame(from, to)) bytes += await sizeAfter(['bsdiff', from, to, made])
  }
  return [{ name: 'bsdiff, file by file', upgrade: { bytes } }]
}

const OTHERS = [
  { program: 'ostree', measure: ostree },
  { program: 'casync', measure: casync },
  { program: 'bsdiff', measure: bsdiff },
]

/**
 * Measures those that are installed. Each result has `name`, and `upgrade` and `fresh` with bytes and
 * maybe seconds of `wall`; those that this machine lacks are in `missing`.
 * @param {{ folder: string, old: string, newer: string, say(text: string): void }} place
 */
export async function measureOthers({ say, ...place }) {
  const results = []
  const missing = []
  for (const { program, measure } of OTHERS) {
    if (!isThere(program)) {
      missing.push(program)
      continue
    }
    say(`measuring ${program}`)
    results.push(...(await measure(place)))
  }
  return { results, missing }
}
