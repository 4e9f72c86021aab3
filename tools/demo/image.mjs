/**
 * Makes one root file system of Debian packages: unpacks them, then does by hand what their scripts
 * do on a real machine (accounts, devices, alternatives, the library cache, a capability). What it
 * makes does not depend on when or where it runs. Never runs a package's own script, never writes
 * outside the tree that it was given.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from '../workplace.mjs'

/** What was never new gets this time: directories, links and devices (seconds since 1970). */
const FOUNDING_TIME = Date.UTC(2026, 6, 15) / 1000
/** Room below the clock's present tick, so that what is made from now on is newer than the stamp. */
const STAMP_LEAD_SECONDS = 2

const GROUP_SHADOW = 42

const DEVICES = [
  // name, type, mode, major, minor
  ['console', 'c', 0o600, 5, 1],
  ['full', 'c', 0o666, 1, 7],
  ['loop0', 'b', 0o660, 7, 0],
  ['null', 'c', 0o666, 1, 3],
  ['ptmx', 'c', 0o666, 5, 2],
  ['random', 'c', 0o666, 1, 8],
  ['tty', 'c', 0o666, 5, 0],
  ['urandom', 'c', 0o666, 1, 9],
  ['zero', 'c', 0o666, 1, 5],
]

const LINKS = [
  ['/proc/self/fd', 'dev/fd'],
  ['/proc/self/fd/0', 'dev/stdin'],
  ['/proc/self/fd/1', 'dev/stdout'],
  ['/proc/self/fd/2', 'dev/stderr'],
  ['/usr/share/zoneinfo/Etc/UTC', 'etc/localtime'],
  ['/usr/bin/mawk', 'etc/alternatives/awk'],
  ['/etc/alternatives/awk', 'usr/bin/awk'],
  ['/usr/bin/less', 'etc/alternatives/pager'],
  ['/etc/alternatives/pager', 'usr/bin/pager'],
  ['/usr/bin/vim.tiny', 'etc/alternatives/vi'],
  ['/etc/alternatives/vi', 'usr/bin/vi'],
]

/** A file whose time is just past: `find -newer` then finds exactly what is made from now on. */
export function makeStamp(tree) {
  const stamp = `${tree}.stamp`
  writeFileSync(stamp, '')
  const seconds = Date.now() / 1000 - STAMP_LEAD_SECONDS
  utimesSync(stamp, seconds, seconds)
  return stamp
}

/** Gives everything that is newer than the stamp a time of the release instead of today's. */
export async function settleTimes(tree, stamp, releaseTime) {
  const touch = (seconds, ...test) =>
    run([
      'find',
      tree,
      ...test,
      '-newer',
      stamp,
      '-exec',
      'touch',
      '-h',
      '-d',
      `@${seconds}`,
      '{}',
      '+',
    ])
  await touch(releaseTime, '-type', 'f')
  await touch(FOUNDING_TIME, '!', '-type', 'f')
  rmSync(stamp)
}

export function place(tree, path) {
  const file = join(tree, path)
  mkdirSync(dirname(file), { recursive: true })
  return file
}

/** Unpacks one package with the owners, modes and times that it names; returns its control record. */
async function unpack({ name, file }, tree) {
  const list = place(tree, `var/lib/dpkg/info/${name}.list`)
  const script = `set -e -o pipefail
    dpkg-deb --fsys-tarfile "$1" |
      tar -x -v -p --numeric-owner --keep-directory-symlink -C "$2" -f - > "$3"
    dpkg-deb --field "$1"`
  const control = await run(['bash', '-c', script, 'unpack', file, tree, list])
  const names = readFileSync(list, 'latin1').replace(/^\.(?=\/)/gm, '')
  writeFileSync(list, names.replace(/(.)\/$/gm, '$1'), 'latin1')
  return control.replace('\n', '\nStatus: install ok installed\n')
}

/** /bin, /sbin and /lib are links into /usr on every Debian since bookworm. */
function mergeUsr(tree) {
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) {
    mkdirSync(join(tree, 'usr', name), { recursive: true })
    symlinkSync(`usr/${name}`, join(tree, name))
  }
}

/** All packages into a tree that has nothing of them yet, with dpkg's record of them. */
export async function unpackAll(packages, tree) {
  mergeUsr(tree)
  const records = []
  for (const one of packages) records.push(await unpack(one, tree))
  writeFileSync(place(tree, 'var/lib/dpkg/status'), `${records.join('\n')}\n`)
}

export function makeAccounts(tree) {
  const passwd = readFileSync(join(tree, 'usr/share/base-passwd/passwd.master'), 'utf8')
  copyFileSync(join(tree, 'usr/share/base-passwd/group.master'), place(tree, 'etc/group'))
  writeFileSync(place(tree, 'etc/passwd'), passwd)
  const shadow = passwd.replace(/^([^:]*):.*$/gm, '$1:*:20000:0:99999:7:::')
  for (const name of ['etc/shadow', 'etc/shadow-']) {
    const file = place(tree, name)
    writeFileSync(file, shadow)
    chownSync(file, 0, GROUP_SHADOW)
    chmodSync(file, 0o640)
  }
}

async function makeDevices(tree) {
  for (const [name, type, mode, major, minor] of DEVICES) {
    const file = place(tree, `dev/${name}`)
    await run(['mknod', '-m', mode.toString(8), file, type, String(major), String(minor)])
  }
  await run(['mkfifo', '-m', '600', place(tree, 'run/initctl')])
}

function makeLinks(tree) {
  for (const [text, path] of LINKS) symlinkSync(text, place(tree, path))
}

/** The bundle that `update-ca-certificates` would write, and a link for each authority. */
function makeCertificates(tree) {
  const folder = join(tree, 'usr/share/ca-certificates/mozilla')
  let bundle = ''
  for (const name of readdirSync(folder).sort()) {
    bundle += readFileSync(join(folder, name), 'utf8')
    const link = place(tree, `etc/ssl/certs/${name.replace(/\.crt$/, '.pem')}`)
    symlinkSync(`/usr/share/ca-certificates/mozilla/${name}`, link)
  }
  writeFileSync(place(tree, 'etc/ssl/certs/ca-certificates.crt'), bundle)
}

/** Names that a Linux file system can hold and that programs stumble over. */
function makeOddNames(tree) {
  const folder = place(tree, 'usr/share/xo/odd names/x')
  const names = ['two words', 'a line\nbreak', '# no comment', 'tab\tand = and \\', 'n'.repeat(255)]
  for (const name of names) writeFileSync(join(dirname(folder), name), `${name}\n`)
  const latin1 = Buffer.from(`${dirname(folder)}/caf\xe9`, 'latin1')
  writeFileSync(latin1, 'A name that is no UTF-8.\n')
}

/** Capabilities and the library cache, made by the tree's own programs. */
async function finishInside(tree) {
  await run(['chroot', tree, '/sbin/setcap', 'cap_net_raw+ep', '/usr/bin/ping'])
  await run(['chroot', tree, '/sbin/ldconfig'])
  rmSync(join(tree, 'var/cache/ldconfig'), { recursive: true, force: true })
}

/** Makes the tree, which must not be there yet. */
export async function makeImage({ packages, tree, releaseTime }) {
  mkdirSync(tree, { recursive: true })
  const stamp = makeStamp(tree)
  await unpackAll(packages, tree)
  makeAccounts(tree)
  await makeDevices(tree)
  makeLinks(tree)
  makeCertificates(tree)
  makeOddNames(tree)
  await finishInside(tree)
  chmodSync(tree, 0o755)
  await settleTimes(tree, stamp, releaseTime)
}
