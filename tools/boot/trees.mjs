/**
 * Small real Debian systems that boot in QEMU, unpacked from pinned packages and never installed: with
 * busybox, systemd, a newer systemd, or sysvinit as init, each as release 41, as 42 with newer packages
 * where there are such, and as 43, which is sick and never comes up. Each is made once and kept in `.cache/boot` under the digest of
 * all that it is made of; whoever uses one only reads.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../command-line.mjs'
import { makeAccounts, makeStamp, place, settleTimes, unpackAll } from '../demo/image.mjs'
import { bringTables } from '../demo/packages.mjs'
import { cacheFolder, projectFolder, run, sha256 } from '../workplace.mjs'
import { useAndPrune } from './prune.mjs'

const bootFolder = join(cacheFolder, 'boot')
const toolsFolder = dirname(dirname(fileURLToPath(import.meta.url)))
/** What the test puts into its systems: `all/`, and a folder for each kind of init. */
const systemFolder = join(projectFolder, 'test/boot/system')

/** Where each system's own files are, and the Debian release of its packages. */
const SYSTEMS = {
  busybox: { folder: 'busybox', debian: 'bookworm' },
  systemd: { folder: 'systemd', debian: 'bookworm' },
  soft: { folder: 'systemd', debian: 'trixie' },
  sysvinit: { folder: 'sysvinit', debian: 'bookworm' },
}
export const RELEASES = [41, 42, 43]
const SICK_RELEASE = 43
const RELEASE_TIME = {
  41: Date.UTC(2026, 6, 15) / 1000,
  42: Date.UTC(2026, 10, 20) / 1000,
  43: Date.UTC(2026, 10, 21) / 1000,
}

/** What nobody needs at the boot of a test, and what would take most of the room. */
const PRUNED = [
  'usr/share/doc',
  'usr/share/info',
  'usr/share/locale',
  'usr/share/man',
  'usr/lib/x86_64-linux-gnu/gconv',
  'usr/lib/udev',
]

/** systemd units that a machine without udev, users and a journal on disk waits for in vain. */
const MASKED = [
  'dev-hugepages.mount',
  'dev-mqueue.mount',
  'getty.target',
  'kmod-static-nodes.service',
  'ldconfig.service',
  'modprobe@.service',
  'proc-sys-fs-binfmt_misc.automount',
  'sys-fs-fuse-connections.mount',
  'sys-kernel-config.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'systemd-ask-password-console.path',
  'systemd-ask-password-wall.path',
  'systemd-binfmt.service',
  'systemd-firstboot.service',
  'systemd-fsck-root.service',
  'systemd-hwdb-update.service',
  'systemd-journal-catalog-update.service',
  'systemd-journal-flush.service',
  'systemd-journald-audit.socket',
  'systemd-machine-id-commit.service',
  'systemd-modules-load.service',
  'systemd-pstore.service',
  'systemd-random-seed.service',
  'systemd-remount-fs.service',
  'systemd-sysctl.service',
  'systemd-sysusers.service',
  'systemd-tmpfiles-clean.timer',
  'systemd-tmpfiles-setup-dev.service',
  'systemd-tmpfiles-setup.service',
  'systemd-udev-settle.service',
  'systemd-udev-trigger.service',
  'systemd-udevd.service',
  'systemd-update-done.service',
  'systemd-update-utmp-runlevel.service',
  'systemd-user-sessions.service',
  'systemd-logind.service',
  'systemd-update-utmp.service',
]

/** What the test's own system starts. */
const WANTED = [
  'boot-test-agent.service',
  'boot-test-network.service',
  'boot-test-sick.service',
  'xo-upgrade-confirm.service',
]

/** Debian's order of what sysvinit runs, of the scripts that this small system has. */
const SYSV_LINKS = {
  'rcS.d/S01boot-test': 'boot-test',
  'rc2.d/S01xo-upgrade-confirm': 'xo-upgrade-confirm',
  'rc6.d/S01sendsigs': 'sendsigs',
  'rc6.d/S02umountfs': 'umountfs',
  'rc6.d/S03umountroot': 'umountroot',
  'rc6.d/S04reboot': 'reboot',
}

export function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

const textOf = (files) => files.map((file) => sha256(readFileSync(file))).join('\n')

/** Every applet that no package of the tree has as a program of its own. */
async function linkApplets(tree) {
  const list = await run(['chroot', tree, '/usr/bin/busybox', '--list'])
  for (const name of list.trim().split('\n')) {
    const path = join(tree, 'usr/bin', name)
    const isThere = ['usr/bin', 'usr/sbin'].some((folder) => existsSync(join(tree, folder, name)))
    if (!isThere && name !== 'init') symlinkSync('busybox', path)
  }
}

function makeInit(tree, init) {
  const { folder } = SYSTEMS[init]
  if (folder === 'busybox') return symlinkSync('../bin/busybox', place(tree, 'usr/sbin/init'))
  if (folder === 'sysvinit') return linkScripts(tree)
  for (const unit of MASKED) symlinkSync('/dev/null', place(tree, `etc/systemd/system/${unit}`))
  symlinkSync(
    '/usr/lib/systemd/system/multi-user.target',
    place(tree, 'etc/systemd/system/default.target'),
  )
  for (const unit of WANTED) {
    const link = `etc/systemd/system/multi-user.target.wants/${unit}`
    symlinkSync(`/etc/systemd/system/${unit}`, place(tree, link))
  }
}

function linkScripts(tree) {
  for (const [link, script] of Object.entries(SYSV_LINKS)) {
    symlinkSync(`../init.d/${script}`, place(tree, `etc/${link}`))
  }
}

/** What Debian's own scripts make of these; anything written there goes into memory. */
function linkVolatile(tree) {
  for (const [path, target] of Object.entries({ 'var/run': '/run', 'var/lock': '/run/lock' })) {
    rmSync(join(tree, path), { recursive: true, force: true })
    symlinkSync(target, place(tree, path))
  }
}

/** Folders that a kernel and an init mount something on, or write to. */
const EMPTY_FOLDERS = ['dev', 'home', 'mnt', 'proc', 'root', 'run', 'sys', 'tmp', 'xo']

async function makeTree({ init, release, packages, tree }) {
  mkdirSync(tree, { recursive: true })
  const stamp = makeStamp(tree)
  await unpackAll(packages, tree)
  for (const path of PRUNED) rmSync(join(tree, path), { recursive: true, force: true })
  linkVolatile(tree)
  makeAccounts(tree)
  await linkApplets(tree)
  makeInit(tree, init)
  for (const part of ['all', SYSTEMS[init].folder]) {
    cpSync(join(systemFolder, part), tree, { recursive: true, verbatimSymlinks: true })
  }
  writeFileSync(place(tree, 'etc/hostname'), 'xo\n')
  writeFileSync(place(tree, 'etc/machine-id'), `${'0'.repeat(31)}1\n`)
  writeFileSync(place(tree, 'etc/release-number'), `${release}\n`)
  if (release === SICK_RELEASE) writeFileSync(place(tree, 'etc/boot-test-sick'), '')
  for (const name of EMPTY_FOLDERS) mkdirSync(join(tree, name), { recursive: true })
  await settleTimes(tree, stamp, RELEASE_TIME[release])
}

/** @returns {Promise<string>} the folder with `41`, `42` and `43` of this init */
export async function makeBootTrees(init) {
  const table = `boot/${init}.tsv`
  const parts = [
    join(toolsFolder, table),
    fileURLToPath(import.meta.url),
    join(toolsFolder, 'demo/image.mjs'),
    ...filesBelow(join(systemFolder, 'all')),
    ...filesBelow(join(systemFolder, SYSTEMS[init].folder)),
  ]
  const name = `trees-${init}-${sha256(textOf(parts)).slice(0, 16)}`
  const folder = join(bootFolder, name)
  mkdirSync(bootFolder, { recursive: true })
  if (!existsSync(folder)) await makeAll({ init, table, folder })
  useAndPrune(bootFolder, `trees-${init}-`, name)
  return folder
}

/** Grows aside; where another run was faster, its result is as good. */
async function makeAll({ init, table, folder }) {
  const packages = bringTables([table], SYSTEMS[init].debian)
  const partial = join(bootFolder, `partial-${init}-${process.pid}`)
  try {
    for (const release of RELEASES) {
      const list = release === 41 ? packages.old : packages.new
      await makeTree({ init, release, packages: list, tree: join(partial, String(release)) })
    }
    if (!existsSync(folder)) renameSync(partial, folder)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

const USAGE = {
  call: 'node tools/boot/trees.mjs',
  about: 'Makes the systems of the boot tests, and prints where they are.',
  needs: ['build', 'boot'],
}

await runCommand(import.meta.url, USAGE, async () => {
  for (const init of Object.keys(SYSTEMS)) process.stdout.write(`${await makeBootTrees(init)}\n`)
})
