/**
 * The two root file systems of the demonstration and the benchmark: release 41, and release 42 as a
 * real upgrade makes it of the same packages in newer versions. Both are made once and kept in
 * `.cache`, under the digest of all that they are made of; whoever uses them only reads.
 * `node tools/demo/trees.mjs` makes them and prints their paths.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../command-line.mjs'
import { cacheFolder, SetupError, sha256 } from '../workplace.mjs'
import { changeImage } from './changes.mjs'
import { makeImage } from './image.mjs'
import { bringTables, tables } from './packages.mjs'

const toolsFolder = dirname(dirname(fileURLToPath(import.meta.url)))
const treesFolder = join(cacheFolder, 'demo-trees')
const RELEASE_TIME = { 41: Date.UTC(2026, 6, 15) / 1000, 42: Date.UTC(2026, 10, 20) / 1000 }

/** A name for everything that decides the result: the tables and the code that reads them. */
function identity(big) {
  const parts = [...tables(big), 'demo/image.mjs', 'demo/changes.mjs', 'demo/trees.mjs']
  return sha256(
    parts.map((part) => sha256(readFileSync(join(toolsFolder, part)))).join('\n'),
  ).slice(0, 16)
}

/** Only one pair of each size is kept: the trees are large. */
function removeOthers(kind, keep) {
  for (const entry of readdirSync(treesFolder)) {
    if (!entry.startsWith(`${kind}-`) || entry === keep) continue
    rmSync(join(treesFolder, entry), { recursive: true, force: true })
  }
}

async function makePair(big, folder) {
  const packages = bringTables(tables(big))
  const newer = packages.new.filter((one, row) => one.sha256 !== packages.old[row].sha256).length
  process.stderr.write(
    `Making two root file systems of ${packages.old.length} packages, ${newer} of them newer in the second ...\n`,
  )
  const make = async (release, list) => {
    const tree = join(folder, String(release))
    await makeImage({ packages: list, tree, releaseTime: RELEASE_TIME[release] })
    return tree
  }
  const [, tree] = await Promise.all([make(41, packages.old), make(42, packages.new)])
  await changeImage({ tree, releaseTime: RELEASE_TIME[42] })
}

/**
 * Makes the trees where they are not there yet.
 * @returns {Promise<{ old: string, new: string }>} the folders of release 41 and release 42
 */
export async function makeDemoTrees({ big = false } = {}) {
  if (process.getuid() !== 0) {
    throw new SetupError(
      'making a root file system with its owners, devices and capabilities needs root',
      'run the same command as root',
    )
  }
  mkdirSync(treesFolder, { recursive: true })
  const kind = big ? 'big' : 'small'
  const name = `${kind}-${identity(big)}`
  const folder = join(treesFolder, name)
  removeOthers(kind, name)
  if (!existsSync(folder)) {
    const partial = join(treesFolder, `${kind}-partial-${process.pid}`)
    try {
      await makePair(big, partial)
      renameSync(partial, folder)
    } finally {
      rmSync(partial, { recursive: true, force: true })
    }
  }
  return { old: join(folder, '41'), new: join(folder, '42') }
}

const USAGE = {
  call: 'node tools/demo/trees.mjs',
  about: 'Makes the two releases of the demonstration and prints where they are.',
  options: { big: { about: 'of a laptop with its full system' } },
}

await runCommand(import.meta.url, USAGE, async ({ big }) => {
  const trees = await makeDemoTrees({ big })
  process.stdout.write(`${trees.old}\n${trees.new}\n`)
})
