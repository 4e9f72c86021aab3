/**
 * The firmware that the QEMU machine starts: the real initramfs, with the modules that this machine
 * needs of Debian's kernel, the key of the test's releases, and the configuration of the test's laptop.
 * Kept in `.cache/boot` under the digest of its entries.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeCpio } from '../cpio.mjs'
import { initramfsEntries } from '../firmware.mjs'
import { cacheFolder, run, sha256 } from '../workplace.mjs'
import { useAndPrune } from './prune.mjs'
import { CONFIGURATION, FLASH_MB } from './releases.mjs'
import { bringWireless } from './wireless.mjs'

const bootFolder = join(cacheFolder, 'boot')

/** Disks, the network card, a stick in the USB port, and the file systems on them. */
const MODULES = [
  'virtio_pci',
  'virtio_blk',
  'virtio_net',
  'ext4',
  'overlay',
  'xhci-pci',
  'usb-storage',
  'sd_mod',
]
/**
 * What passes for the flash of the first laptops: the module that makes it, and its parameters.
 * `block2mtd`: a disk; what is written reaches it some time later, in any order. `phram`: memory that
 * outlives the machine (test/boot/machine.ts puts it there), where a write arrives at once. `nandsim`: NAND
 * of 128 MiB in the kernel's own memory, empty at each start, written by whole pages as a real chip is.
 */
const FLASH = {
  block2mtd: 'block2mtd block2mtd=/dev/vda,128KiB,xo',
  phram: `phram phram=xo,0x100000000,${FLASH_MB}Mi,128ki`,
  nandsim: 'nandsim first_id_byte=0x20 second_id_byte=0xa1 third_id_byte=0x00 fourth_id_byte=0x15',
}

/** Radios that the kernel simulates, and the ciphers for which it would call `modprobe`. */
const RADIO_MODULES = ['mac80211_hwsim', 'ccm', 'ctr', 'cmac', 'aes_generic']

const nameOf = (module) => module.split(' ')[0]

/** The module list with the parameters that follow some of the names. */
function withParameters(entries, modules) {
  const parameters = new Map(
    modules.map((module) => [nameOf(module), module.slice(nameOf(module).length)]),
  )
  return entries.map((entry) => {
    if (entry.path !== 'etc/xo-modules') return entry
    const lines = String(entry.content).trim().split('\n')
    const full = lines.map((line) => {
      const name = /([^/]+)\.ko$/.exec(line)?.[1]
      return `${line}${parameters.get(name) ?? ''}`
    })
    return { ...entry, content: Buffer.from(`${full.join('\n')}\n`) }
  })
}

/** The configuration with further lines in `[boot]`; one that is already there is replaced. */
function withLines(lines) {
  const names = lines.filter((line) => !line.includes('[]')).map((line) => line.split(' =')[0])
  const kept = CONFIGURATION.split('\n').filter((line) => !names.includes(line.split(' =')[0]))
  return kept.join('\n').replace('[boot]', ['[boot]', ...lines].join('\n'))
}

/**
 * @param {{ target: string, kernel: { modules: string }, keys: string, equipment?: Equipment }} wanted
 *   `keys`: the public key
 * @typedef {object} Equipment
 * @property {keyof FLASH} [flash] the store lies on JFFS2, on what this module makes
 * @property {string[]} [modules] of the kernel, besides those that every laptop of the tests needs;
 *   parameters may follow a name
 * @property {string[]} [boot] lines of the configuration's part `[boot]`, after those that stand there
 * @property {boolean} [radio] two simulated radios, wpa_supplicant, and a school on the air
 * @returns {Promise<string>} the initramfs
 */
export async function makeFirmware({ target, kernel, keys, equipment = {} }) {
  const { flash, radio = false, boot = [] } = equipment
  const modules = [
    ...MODULES,
    ...(flash ? [flash, 'jffs2'] : []),
    ...(radio ? RADIO_MODULES : []),
    ...(equipment.modules ?? []),
  ].map((module) => FLASH[module] ?? module)
  mkdirSync(bootFolder, { recursive: true })
  const config = join(bootFolder, `xo-upgrade-${process.pid}.conf`)
  writeFileSync(config, withLines(boot))
  try {
    const entries = await initramfsEntries({
      target,
      config,
      keys: dirname(keys),
      modules: kernel.modules,
      module: modules.map(nameOf),
      add: radio ? [await bringWireless()] : [],
    })
    return await pack(`firmware-${target}`, withParameters(entries, modules))
  } finally {
    rmSync(config, { force: true })
  }
}

async function pack(kind, entries) {
  const archive = writeCpio(entries)
  const name = `${kind}-${sha256(archive).slice(0, 16)}.cpio.zst`
  const place = join(bootFolder, name)
  if (!existsSync(place)) await compress(archive, place)
  useAndPrune(bootFolder, `${kind}-`, name)
  return place
}

async function compress(archive, place) {
  const partial = join(bootFolder, `partial-${process.pid}.cpio`)
  writeFileSync(partial, archive)
  await run(['zstd', '-q', '-9', '--single-thread', '--rm', '-f', partial])
  renameSync(`${partial}.zst`, place)
}
