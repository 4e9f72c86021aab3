/**
 * The stock rsync that the demonstration and the benchmark serve with and compare against: Debian's
 * own package, unpacked into `.cache` with the libraries it needs, in the versions that
 * `demo-packages.tsv` pins. What the machine itself has installed is neither used nor changed.
 */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { readTable } from './demo-packages.mjs'
import { fetchPackage } from './fetch.mjs'
import { run, SetupError } from './workplace.mjs'

const LIBRARIES = ['libacl1', 'liblz4-1', 'libpopt0', 'libssl3', 'libxxhash0', 'libzstd1', 'zlib1g']
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']

/** @returns {Promise<{ program: string, environment: Record<string, string>, version: string }>} */
export async function stockRsync() {
  const rows = new Map(readTable('demo-packages.tsv').map((row) => [row.name, row]))
  const unpacked = (name) => {
    const row = rows.get(name)
    const pins = row.old === row.new ? [row.new] : [row.new, row.old]
    return fetchPackage({ name, pins })
  }
  const program = join(await unpacked('rsync'), 'usr/bin/rsync')
  const folders = []
  for (const name of LIBRARIES) {
    const tree = await unpacked(name)
    folders.push(...LIBRARY_FOLDERS.map((folder) => join(tree, folder)).filter(existsSync))
  }
  const environment = { LD_LIBRARY_PATH: folders.join(delimiter) }
  const answer = await run([program, '--version'], { environment })
  const version = /version (\S+)/.exec(answer)?.[1]
  if (!version) throw new SetupError(`${program} --version does not say its version: ${answer}`)
  return { program, environment, version }
}
