/**
 * The Linux kernel that the QEMU machine boots: Debian's own, out of its package, which is unpacked
 * into `.cache` and never installed. Also takes the ELF image out of the compressed one: QEMU starts
 * that directly (PVH), and saves the emulated processor four seconds of decompression at every boot.
 * `node tools/boot/kernel.mjs` brings it and prints where it is.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchPackage } from '../sources/packages.mjs'
import { downloadTogether } from '../sources/private-apt.mjs'
import { cacheFolder, run, runTool, SetupError, sha256OfFile } from '../workplace.mjs'

const bootFolder = join(cacheFolder, 'boot')

/** Any of them will do; Debian drops one from its pool some time after its successor is there. */
const KERNELS = [
  {
    name: 'linux-image-6.1.0-50-amd64',
    version: '6.1.176-1',
    sha256: '7b5597492a0a65aee61985a492e6bcc3f2cde830072a0e3b3d8c7e1b90279bd3',
  },
  {
    name: 'linux-image-6.1.0-56-amd64',
    version: '6.1.192-2',
    sha256: 'a86e2049672f52354c4536a089203b6c82639420424d31c91cf31a181fd4d8f1',
  },
]
/** Says, by what it depends on, which kernel a suite has now. */
const META_PACKAGE = 'linux-image-amd64'
const SUITES = ['bookworm', 'bookworm-security']

/** Where a bzImage says how long its real-mode part is, and where the compressed kernel lies. */
const SETUP_SECTORS_AT = 0x1f1
const PAYLOAD_OFFSET_AT = 0x248
const PAYLOAD_LENGTH_AT = 0x24c
const SECTOR_BYTES = 512
/** After the compressed bytes stands their length when unpacked. */
const LENGTH_BYTES = 4

/** The `.deb` that apt, which checks it against Debian's signed index, brings of a suite. */
function downloaded(word, folder) {
  const complaint = downloadTogether([word], folder)
  if (complaint !== undefined) throw new SetupError(complaint)
  return join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.deb')),
  )
}

/** What a suite has today, when every pinned kernel is gone. */
async function kernelOfToday(suite) {
  const folder = join(bootFolder, `kernel-${process.pid}`)
  try {
    const meta = downloaded(`${META_PACKAGE}:amd64/${suite}`, join(folder, 'meta'))
    const depends = await run(['dpkg-deb', '--field', meta, 'Depends'])
    const name = /linux-image-[0-9][^ ,]*-amd64/.exec(depends)?.[0]
    if (!name) throw new SetupError(`${META_PACKAGE} of ${suite} depends on: ${depends.trim()}`)
    const file = downloaded(`${name}:amd64/${suite}`, join(folder, 'image'))
    const version = (await run(['dpkg-deb', '--field', file, 'Version'])).trim()
    process.stderr.write(
      `Debian no longer has the pinned kernels; taking ${name} of ${suite} instead.\n`,
    )
    const packages = join(cacheFolder, 'packages')
    mkdirSync(packages, { recursive: true })
    renameSync(file, join(packages, `${name}_${version}_amd64.deb`))
    const sha256 = sha256OfFile(join(packages, `${name}_${version}_amd64.deb`))
    return fetchPackage({ name, pins: [{ version, sha256 }] })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function bringPackage() {
  const problems = []
  for (const { name, ...pin } of KERNELS) {
    try {
      return await fetchPackage({ name, pins: [pin] })
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      problems.push(error.message)
    }
  }
  for (const suite of SUITES) {
    try {
      return await kernelOfToday(suite)
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
  const tree = await bringPackage()
  const version = readdirSync(join(tree, 'lib/modules'))[0]
  mkdirSync(bootFolder, { recursive: true })
  const image = join(bootFolder, `vmlinux-${version}`)
  if (!existsSync(image)) await extract(join(tree, 'boot', `vmlinuz-${version}`), image)
  const modules = join(tree, 'lib/modules', version)
  // Debian leaves the table of what needs what to the installation.
  if (!existsSync(join(modules, 'modules.dep'))) await run(['depmod', '-b', tree, version])
  return { version, image, modules }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runTool(async () => {
    const { image, modules } = await bringKernel()
    process.stdout.write(`${image}\n${modules}\n`)
  })
}
