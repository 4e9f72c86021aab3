/**
 * What the boot tests start from, made with the real program: three releases of a small system,
 * published and signed; and the disk of a laptop on which the first one is installed. Kept in
 * `.cache/boot` under the digest of the program and of the trees; whoever uses them copies first.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { place } from '../demo/image.mjs'
import { cacheFolder, projectFolder, run, sha256, sha256OfFile } from '../workplace.mjs'
import { useAndPrune } from './prune.mjs'
import { makeBootTrees, RELEASES } from './trees.mjs'

const bootFolder = join(cacheFolder, 'boot')
const confirmingFolder = join(projectFolder, 'firmware/system')
/** What is added to a tree gets one time, so that the same release has the same manifest. */
const FIXED_TIME = '@1784073600'

/** Where the laptop reaches the rsync daemon of the test, through QEMU's user network. */
export const SERVER = 'rsync://10.0.2.100/xo'
/** Room for three trees, and little more: a full disk is one of the cases. */
const DISK_MB = { busybox: 96, systemd: 320, soft: 320, sysvinit: 128 }
/** As much as the simulated NAND has, so that the one may be a copy of the other. */
export const FLASH_MB = 128

/** The laptop's own; it stands in the firmware and in every release. */
export const CONFIGURATION = `[store]
path = /xo
keep-free-mb = 2

[sources]
url[] = ${SERVER}

[trust]
keys = /etc/xo-upgrade/keys

[boot]
store = LABEL=xo
root = ro
persist[] = /home
menu-seconds = 0

[recovery]
stick[] = XO-RELEASE
`

/** The key pair of the tests; made once, so that releases stay the same. */
export async function bringKeys(program) {
  const folder = join(bootFolder, 'keys')
  const keys = { public: join(folder, 'release.pub'), secret: join(folder, 'release.sec') }
  if (existsSync(keys.secret)) return keys
  const partial = `${folder}-${process.pid}`
  mkdirSync(partial, { recursive: true })
  await run([program, 'keygen', '--to', partial])
  renameSync(partial, folder)
  return keys
}

/** What comes along for a system to say that it is healthy; where it belongs in each. */
const CONFIRMING = {
  busybox: [['xo-upgrade-confirm.rc', 'etc/rc.d/xo-upgrade-confirm']],
  systemd: [['xo-upgrade-confirm.service', 'etc/systemd/system/xo-upgrade-confirm.service']],
  soft: [['xo-upgrade-confirm.service', 'etc/systemd/system/xo-upgrade-confirm.service']],
  sysvinit: [['xo-upgrade-confirm.rc', 'etc/init.d/xo-upgrade-confirm']],
}

/** The tree as it is published: with the program, its configuration and the key. */
async function completeTree({ init, tree, target, program, keys }) {
  await run(['cp', '-al', tree, target])
  const added = [
    [program, 'usr/sbin/xo-upgrade'],
    [keys.public, 'etc/xo-upgrade/keys/release.pub'],
    ...CONFIRMING[init].map(([name, path]) => [join(confirmingFolder, name), path]),
  ]
  for (const [from, path] of added) {
    const file = place(target, path)
    copyFileSync(from, file)
    if (!path.endsWith('.service')) chmodSync(file, 0o755)
  }
  writeFileSync(place(target, 'etc/xo-upgrade.conf'), CONFIGURATION)
  const paths = [...added.map(([, path]) => path), 'etc/xo-upgrade.conf']
  const folders = new Set(paths.flatMap(foldersAbove))
  await run([
    'touch',
    '-d',
    FIXED_TIME,
    ...[...paths, ...folders].map((path) => join(target, path)),
  ])
}

function foldersAbove(path) {
  const names = path.split('/').slice(0, -1)
  return names.map((_, depth) => names.slice(0, depth + 1).join('/'))
}

/** Makes an ext4 disk of a folder's content. */
export async function makeDisk(image, folder, { label, megabytes }) {
  const kind = ['-q', '-t', 'ext4', '-b', '4096', '-m', '0', '-L', label]
  await run(['/sbin/mke2fs', ...kind, '-d', folder, image, `${megabytes}M`])
}

async function make(init, folder, trees, program, keys) {
  const module = join(folder, 'module')
  mkdirSync(module, { recursive: true })
  for (const release of RELEASES) {
    const tree = join(folder, `tree-${release}`)
    await completeTree({ init, tree: join(trees, String(release)), target: tree, program, keys })
    const words = ['--image', tree, '--version', String(release), '--to', module]
    await run([program, 'publish', ...words, '--key', keys.secret])
    rmSync(tree, { recursive: true })
  }
  const store = join(folder, 'store')
  const from = ['--source', `file://${module}`, '--keys', keys.public]
  await run([program, 'install', '--version', '41', '--store', store, ...from])
  await makeDisk(join(folder, 'disk'), store, { label: 'xo', megabytes: DISK_MB[init] })
  if (init === 'busybox') await makeFlash(join(folder, 'flash'), store)
  rmSync(store, { recursive: true })
}

/**
 * The same on raw flash, as in the first laptops: a file system that can't exchange two names. Its erase
 * blocks begin with clean markers: the kernel's summaries say that they do, and it stops at the next
 * mount where one does not (Linux 6.1, fs/jffs2/summary.c).
 */
async function makeFlash(image, store) {
  const eraseBlocks = ['--eraseblock=128KiB', '--little-endian']
  const size = `--pad=${FLASH_MB * 2 ** 20}`
  await run(['mkfs.jffs2', ...eraseBlocks, size, '--root', store, '--output', image])
}

/**
 * @param {{ init: string, program: string }} wanted
 * @returns {Promise<{ module: string, disk: string, flash: string, keys: { public: string, secret: string } }>}
 *   the folder with all releases, of which `latest` is the sick one; the disk with the first, and for busybox the
 *   flash with the same
 */
export async function makeReleases({ init, program }) {
  const trees = await makeBootTrees(init)
  const keys = await bringKeys(program)
  const identity = [
    basename(trees),
    sha256OfFile(program),
    sha256OfFile(keys.public),
    ...CONFIRMING[init].map(([name]) => sha256OfFile(join(confirmingFolder, name))),
    sha256(readFileSync(fileURLToPath(import.meta.url))),
  ].join('\n')
  const name = `releases-${init}-${sha256(identity).slice(0, 16)}`
  const folder = join(bootFolder, name)
  const made = {
    module: join(folder, 'module'),
    disk: join(folder, 'disk'),
    flash: join(folder, 'flash'),
    keys,
  }
  if (!existsSync(folder)) await makeWhole({ init, folder, trees, program, keys })
  useAndPrune(bootFolder, `releases-${init}-`, name)
  return made
}

/** Grows aside; where another run was faster, its result is as good. */
async function makeWhole({ init, folder, trees, program, keys }) {
  const partial = join(bootFolder, `partial-releases-${init}-${process.pid}`)
  try {
    await make(init, partial, trees, program, keys)
    if (!existsSync(folder)) renameSync(partial, folder)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}
