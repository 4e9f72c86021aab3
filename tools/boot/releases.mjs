/**
 * What the boot tests start from, made with the real program: three releases of a small system,
 * published and signed; and the disk of a laptop on which the first one is installed. Kept in
 * `.cache/boot` under the digest of the program and of the trees; whoever uses them copies first.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { place } from '../demo-image.mjs'
import { cacheFolder, run, sha256, sha256OfFile } from '../workplace.mjs'
import { makeBootTrees, RELEASES } from './trees.mjs'

const bootFolder = join(cacheFolder, 'boot')

/** Where the laptop reaches the rsync daemon of the test, through QEMU's user network. */
export const SERVER = 'rsync://10.0.2.100/xo'
/** Room for three trees, and little more: a full disk is one of the cases. */
const DISK_MB = { busybox: 96, systemd: 320 }

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
watchdog-seconds = 120

[recovery]
stick[] = XO-RELEASE
`

/** The key pair of the tests; made once, so that releases stay the same. */
async function bringKeys(program) {
  const folder = join(bootFolder, 'keys')
  const keys = { public: join(folder, 'release.pub'), secret: join(folder, 'release.sec') }
  if (existsSync(keys.secret)) return keys
  const partial = `${folder}-${process.pid}`
  mkdirSync(partial, { recursive: true })
  await run([program, 'keygen', '--to', partial])
  renameSync(partial, folder)
  return keys
}

/** The tree as it is published: with the program, its configuration and the key. */
async function completeTree(tree, target, program, keys) {
  await run(['cp', '-al', tree, target])
  copyFileSync(program, place(target, 'usr/bin/xo-upgrade'))
  writeFileSync(place(target, 'etc/xo-upgrade.conf'), CONFIGURATION)
  copyFileSync(keys.public, place(target, 'etc/xo-upgrade/keys/release.pub'))
  const added = ['usr/bin/xo-upgrade', 'etc/xo-upgrade.conf', 'etc/xo-upgrade/keys/release.pub']
  const time = '@1784073600'
  await run(['touch', '-d', time, ...added.map((path) => join(target, path))])
  for (const path of ['etc/xo-upgrade/keys', 'etc/xo-upgrade', 'etc', 'usr/bin']) {
    await run(['touch', '-d', time, join(target, path)])
  }
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
    await completeTree(join(trees, String(release)), tree, program, keys)
    const words = ['--image', tree, '--version', String(release), '--to', module]
    await run([program, 'publish', ...words, '--key', keys.secret])
    rmSync(tree, { recursive: true })
  }
  const store = join(folder, 'store')
  const from = ['--source', `file://${module}`, '--keys', keys.public]
  await run([program, 'install', '--version', '41', '--store', store, ...from])
  await makeDisk(join(folder, 'disk'), store, { label: 'xo', megabytes: DISK_MB[init] })
  rmSync(store, { recursive: true })
}

/**
 * @param {{ init: string, program: string }} wanted
 * @returns {Promise<{ module: string, disk: string, keys: { public: string, secret: string } }>}
 *   the folder with all releases, of which `latest` is the sick one; the disk with the first
 */
export async function makeReleases({ init, program }) {
  const trees = await makeBootTrees(init)
  const keys = await bringKeys(program)
  const identity = [
    basename(trees),
    sha256OfFile(program),
    sha256OfFile(keys.public),
    sha256(readFileSync(fileURLToPath(import.meta.url))),
  ].join('\n')
  const name = `releases-${init}-${sha256(identity).slice(0, 16)}`
  const folder = join(bootFolder, name)
  const made = { module: join(folder, 'module'), disk: join(folder, 'disk'), keys }
  if (existsSync(folder)) return made
  for (const entry of readdirSync(bootFolder)) {
    if (entry.startsWith(`releases-${init}-`)) {
      rmSync(join(bootFolder, entry), { recursive: true, force: true })
    }
  }
  const partial = join(bootFolder, `partial-releases-${init}-${process.pid}`)
  try {
    await make(init, partial, trees, program, keys)
    renameSync(partial, folder)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return made
}
