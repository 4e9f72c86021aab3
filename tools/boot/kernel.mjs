/**
 * The Linux kernel that the QEMU machine boots: Debian's own, from its package, which is unpacked into
 * `.cache` and never installed. Also takes the ELF image out of the compressed one: QEMU starts that
 * directly (PVH), which saves the emulated processor four seconds of decompression at every boot. `node
 * tools/boot/kernel.mjs` brings it and prints where it is.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../command-line.mjs'
import { here } from '../sources/here.mjs'
import { packagesIn } from '../sources/index.mjs'
import { bringFirst, unpackPackage } from '../sources/packages.mjs'
import { readPackages, toolsFolder } from '../sources/tables.mjs'
import { cacheFolder, run, SetupError } from '../workplace.mjs'

const bootFolder = join(cacheFolder, 'boot')

/** A package whose dependency says which kernel a suite has now. */
const META_PACKAGE = 'linux-image-amd64'
const SUITES = ['bookworm-security', 'bookworm', 'trixie']

/** Where a bzImage says how long its real-mode part is, and where the compressed kernel is. */
const SETUP_SECTORS_AT = 0x1f1
const PAYLOAD_OFFSET_AT = 0x248
const PAYLOAD_LENGTH_AT = 0x24c
const SECTOR_BYTES = 512
/** The compressed bytes are followed by their unpacked length. */
const LENGTH_BYTES = 4

/** What each suite has today. */
function kernelsOfToday() {
  return SUITES.flatMap((suite) => {
    const metas = packagesIn(suite, META_PACKAGE, here)
    const names = metas.map(({ depends }) => /linux-image-[0-9][^ ,]*-amd64/.exec(depends)?.[0])
    return names.filter(Boolean).map((name) => ({ name, pins: [], suites: [suite] }))
  })
}

function pinnedKernels() {
  const rows = readPackages(join(toolsFolder, 'boot/kernel.tsv'))
  return rows.map(({ name, new: pin }) => ({ name, pins: [pin], suites: SUITES }))
}

/** The first that can be had: a pinned one, or else what the suites have today. */
function bringPackage() {
  const problems = []
  for (const kernels of [pinnedKernels, kernelsOfToday]) {
    try {
      return bringFirst(kernels())
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      problems.push(error.message)
    }
  }
  throw new SetupError(`no Debian kernel could be had:\n  ${problems.join('\n  ')}`)
}

/** Writes the ELF image that the compressed kernel holds. */
async function extract(compressed, target) {
  const bytes = readFileSync(compressed)
  const start = (bytes[SETUP_SECTORS_AT] + 1) * SECTOR_BYTES
  const offset = start + bytes.readUInt32LE(PAYLOAD_OFFSET_AT)
  const length = bytes.readUInt32LE(PAYLOAD_LENGTH_AT) - LENGTH_BYTES
  const partial = `${target}.partial-${process.pid}`
  writeFileSync(`${partial}.xz`, bytes.subarray(offset, offset + length))
  await run(['xz', '--decompress', `${partial}.xz`])
  renameSync(partial, target)
}

/**
 * @returns {Promise<{ version: string, image: string, modules: string }>} the ELF image, and the
 *   folder that holds `kernel/` with the modules
 */
export async function bringKernel() {
  const tree = await unpackPackage(bringPackage())
  const version = readdirSync(join(tree, 'lib/modules'))[0]
  mkdirSync(bootFolder, { recursive: true })
  const image = join(bootFolder, `vmlinux-${version}`)
  if (!existsSync(image)) await extract(join(tree, 'boot', `vmlinuz-${version}`), image)
  const modules = join(tree, 'lib/modules', version)
  // Debian makes the table of what needs what only on installation.
  if (!existsSync(join(modules, 'modules.dep'))) await run(['depmod', '-b', tree, version])
  return { version, image, modules }
}

const USAGE = {
  call: 'node tools/boot/kernel.mjs',
  about: 'Brings the kernel of the boot tests, and prints where it and its modules stand.',
  needs: ['build', 'boot'],
}

await runCommand(import.meta.url, USAGE, async () => {
  const { image, modules } = await bringKernel()
  process.stdout.write(`${image}\n${modules}\n`)
})
