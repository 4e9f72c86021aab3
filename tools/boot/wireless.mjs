/**
 * What the wireless case of the boot tests adds to the firmware: Debian's wpa_supplicant, hostapd, iw and
 * static busybox with the libraries that they load, unpacked from pinned packages and never installed; and
 * the test's own scripts. Kept in `.cache/boot` under the digest of all that it is made of.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { place, unpackAll } from '../demo/image.mjs'
import { bringTables } from '../demo/packages.mjs'
import { cacheFolder, projectFolder, run, sha256 } from '../workplace.mjs'
import { useAndPrune } from './prune.mjs'
import { filesBelow } from './trees.mjs'

const TABLE = 'boot/wireless.tsv'
const PROGRAMS = ['/sbin/wpa_supplicant', '/usr/sbin/hostapd', '/sbin/iw']
const LOADER = '/lib64/ld-linux-x86-64.so.2'
const bootFolder = join(cacheFolder, 'boot')
const ownFolder = join(projectFolder, 'test/boot/wireless')

/** As the loader itself finds them. */
async function librariesOf(tree, program) {
  const list = await run(['chroot', tree, LOADER, '--list', program])
  return [...list.matchAll(/=> (\/\S+)/g)].map(([, path]) => path)
}

async function make(folder) {
  const tree = join(folder, 'tree')
  mkdirSync(tree, { recursive: true })
  await unpackAll(bringTables([TABLE]).new, tree)
  const libraries = await Promise.all(PROGRAMS.map((program) => librariesOf(tree, program)))
  const added = join(folder, 'added')
  for (const path of new Set([...PROGRAMS, LOADER, ...libraries.flat()])) {
    copyFileSync(join(tree, path), place(added, path))
  }
  copyFileSync(join(tree, 'bin/busybox'), place(added, 'school/busybox'))
  cpSync(ownFolder, added, { recursive: true })
  rmSync(tree, { recursive: true })
}

/** @returns {Promise<string>} the folder to add to an initramfs */
export async function bringWireless() {
  const here = fileURLToPath(import.meta.url)
  const parts = [here, join(dirname(here), 'wireless.tsv'), ...filesBelow(ownFolder)]
  const identity = parts.map((file) => sha256(readFileSync(file))).join('\n')
  const name = `wireless-${sha256(identity).slice(0, 16)}`
  const folder = join(bootFolder, name)
  const partial = join(bootFolder, `partial-wireless-${process.pid}`)
  try {
    if (!existsSync(folder)) {
      await make(partial)
      if (!existsSync(folder)) renameSync(partial, folder)
    }
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  useAndPrune(bootFolder, 'wireless-', name)
  return join(folder, 'added')
}
