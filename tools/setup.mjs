/**
 * `npm run setup`: makes sure that this machine has what building and testing need, and installs what is
 * missing if it may (root, apt). If it may not, it says exactly what to install and stops. Never edits the
 * machine's apt sources, and never removes or upgrades anything on purpose.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { oneOf, runCommand } from './command-line.mjs'
import { aptGet, lastLines } from './sources/apt.mjs'
import { here as thisMachine } from './sources/here.mjs'
import { projectFolder, SetupError } from './workplace.mjs'

/**
 * Each Debian package, with a program, a file or a function that shows that it is there, and what it is for.
 */
const MACHINE_PACKAGES = {
  build: [
    { package: 'gcc', has: 'gcc' },
    { package: 'binutils', has: 'ld' },
    { package: 'make', has: 'make' },
    { package: 'm4', has: 'm4' }, // nettle's assembler sources
    { package: 'xz-utils', has: 'xz' },
    { package: 'libc6-dev', has: '/usr/include/stdio.h' },
    { package: 'linux-libc-dev', has: '/usr/include/linux/fs.h' },
    { package: 'bzip2', has: 'bzip2' }, // the sources of busybox and dropbear
    { package: 'zstd', has: 'zstd' },
    { package: 'gzip', has: 'gzip' },
    { package: 'ca-certificates', has: '/etc/ssl/certs/ca-certificates.crt' },
  ],
  test: [
    { package: 'clang-format', has: 'clang-format' },
    { package: 'signify-openbsd', has: 'signify-openbsd' },
    { package: 'libarchive-tools', has: 'bsdtar' },
    { package: 'mtree-netbsd', has: 'mtree' },
    { package: 'strace', has: 'strace' },
    { package: 'rsync', has: 'rsync' },
    { package: 'iproute2', has: 'ip' },
    { package: 'cpio', has: 'cpio' },
    { package: 'openssh-server', has: 'sshd' },
    { package: 'openssh-client', has: 'ssh-keygen' },
    { package: 'dropbear-bin', has: 'dropbear' },
    { package: 'haproxy', has: 'haproxy' },
    { package: 'dnsmasq-base', has: 'dnsmasq' },
    { package: 'xinetd', has: 'xinetd' },
    { package: 'systemd', has: 'systemd-analyze' },
    { package: 'gpg', has: 'gpg' },
    { package: 'gpg-agent', has: 'gpg-agent' },
  ],
  boot: [
    { package: 'qemu-system-x86', has: 'qemu-system-x86_64' },
    { package: 'e2fsprogs', has: 'mke2fs' },
    { package: 'btrfs-progs', has: 'mkfs.btrfs' },
    { package: 'mtd-utils', has: 'mkfs.jffs2' },
    { package: 'busybox-static', has: 'busybox' },
    { package: 'kmod', has: 'depmod' },
  ],
  bench: [
    { package: 'ostree', has: 'ostree' },
    { package: 'casync', has: 'casync' },
    { package: 'bsdiff', has: 'bsdiff' },
  ],
  instructions: [{ package: 'valgrind', has: 'valgrind' }],
  // Whichever version the suite has: clang with its sanitizers and libFuzzer.
  fuzz: [
    { package: 'clang', has: 'clang' },
    { package: 'libclang-rt-dev', has: hasLibFuzzer },
  ],
  // Not gcc-multilib, which can't be installed beside the ARM compiler; musl is our own anyway.
  i586: [{ package: 'lib32gcc-12-dev', has: '/usr/lib/gcc/x86_64-linux-gnu/12/32/libgcc.a' }],
  armv7: [
    { package: 'gcc-12-arm-linux-gnueabihf', has: 'arm-linux-gnueabihf-gcc-12' },
    {
      package: 'linux-libc-dev-armhf-cross',
      has: '/usr/arm-linux-gnueabihf/include/asm/unistd.h',
    },
    { package: 'qemu-user', has: 'qemu-arm' },
  ],
}

const NODE_MAJOR_MIN = 20

/** Its place has the compiler's version in it, which is not the package's. */
function hasLibFuzzer() {
  const { stdout } = spawnSync('clang', ['-print-runtime-dir'], { encoding: 'utf8' })
  return existsSync(join(`${stdout}`.trim(), 'libclang_rt.fuzzer-x86_64.a'))
}

/** Whether this machine has a program, or a file by its whole path. */
export function isThere(has) {
  if (typeof has === 'function') return has()
  if (has.startsWith('/')) return existsSync(has)
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => folder !== '' && existsSync(join(folder, has)))
}

function checkMachine() {
  if (process.platform !== 'linux') {
    throw new SetupError(
      `this is ${process.platform}`,
      'use a Linux machine (Debian bookworm or newer)',
    )
  }
  if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
    throw new SetupError(
      `Node ${process.versions.node} is too old`,
      `install Node ${NODE_MAJOR_MIN} or newer`,
    )
  }
}

/** To be done by hand if set-up may not or could not. */
const byHand = (packages) => `as root: apt-get update && apt-get install ${packages.join(' ')}`

/** Why these can't be installed from here, if so. */
function refuseToInstall(packages) {
  const lacks = `this machine lacks ${packages.join(', ')}`
  if (!isThere('apt-get')) {
    throw new SetupError(
      `${lacks}, and has no apt-get to install them with`,
      `install what your system calls ${packages.join(', ')}`,
    )
  }
  if (process.getuid() !== 0) throw new SetupError(lacks, byHand(packages))
}

/**
 * Installs those packages whose program or file is missing. The machine's package lists are brought up to
 * date only if they are missing, or so old that what they name is gone.
 */
export function installMissing(wanted, here = thisMachine) {
  const lacking = () => [
    ...new Set(wanted.filter(({ has }) => !isThere(has)).map((entry) => entry.package)),
  ]
  const missing = lacking()
  if (missing.length === 0) return
  refuseToInstall(missing)
  here.say(`Installing ${missing.join(', ')} ...`)
  const install = ['install', '--yes', '--no-install-recommends', ...missing]
  let result = aptGet(install, here)
  if (result.status !== 0) {
    here.say("That failed; reading the machine's package lists and trying again ...")
    const update = aptGet(['update'], here)
    result = aptGet(install, here)
    if (update.status !== 0) result.output = `${lastLines(update.output)}\n${result.output}`
  }
  const left = lacking()
  if (result.status === 0 && left.length === 0) return
  throw new SetupError(
    `could not install ${left.join(', ') || missing.join(', ')}:\n${lastLines(result.output, 12)}`,
    byHand(left.length > 0 ? left : missing),
  )
}

/** Installs the missing packages of these groups. */
export function ensureMachinePackages(...groups) {
  checkMachine()
  installMissing(groups.flatMap((group) => MACHINE_PACKAGES[group]))
}

/** Whether `node_modules` has every package of the lock file in its version. */
function npmPackagesAreThere() {
  const installed = join(projectFolder, 'node_modules', '.package-lock.json')
  if (!existsSync(installed)) return false
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages
  const there = packagesOf(installed)
  // An optional package that is not there is for another kind of machine.
  return Object.entries(packagesOf(join(projectFolder, 'package-lock.json'))).every(
    ([path, { version, optional }]) =>
      path === '' || there[path]?.version === version || (optional && !there[path]),
  )
}

/** Installs the npm packages of the lock file unless they are there. */
export function ensureNpmPackages() {
  if (npmPackagesAreThere()) return
  process.stderr.write('Installing the npm packages ...\n')
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: projectFolder,
    encoding: 'utf8',
    timeout: 900_000,
  })
  if (result.status === 0) return
  const said = `${result.error?.message ?? ''}${result.stdout ?? ''}${result.stderr ?? ''}`
  throw new SetupError(`npm ci failed:\n${said.trim().split('\n').slice(-12).join('\n')}`, 'npm ci')
}

/** Sets up everything that these groups need; takes seconds if it is there already. */
export function setUp(...groups) {
  ensureMachinePackages(...groups)
  ensureNpmPackages()
}

const GROUPS = Object.keys(MACHINE_PACKAGES)
const USAGE = {
  call: 'npm run setup --',
  about: 'Installs what this machine lacks, or says what to install where it may not.',
  words: { takes: 'GROUP…', about: `${GROUPS.join(', ')} (all)`, reads: oneOf(GROUPS) },
}

await runCommand(import.meta.url, USAGE, (_options, groups) =>
  setUp(...(groups.length > 0 ? groups : GROUPS)),
)
