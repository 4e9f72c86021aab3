/**
 * `npm run firmware`: the initramfs, `initramfs.cpio.zst` and `initramfs.cpio.gz` (for kernels before 5.9),
 * with xo-upgrade as /init. What goes in is what the options name, and nothing from this machine.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { build, buildNeeds, targetOption } from './build.mjs'
import { existingFile, existingFolder, runCommand, UsageError } from './command-line.mjs'
import { writeCpio } from './cpio.mjs'
import { findModules } from './kernel-modules.mjs'
import { buildProgram } from './programs.mjs'
import { buildFolder, projectFolder, run, SetupError } from './workplace.mjs'

const recipeFolder = join(projectFolder, 'firmware', 'initramfs')
const FOLDERS = ['bin', 'dev', 'etc', 'mnt', 'proc', 'root', 'run', 'sbin', 'sys', 'tmp']

const file = (path, content, mode = 0o644) => ({ path, type: 'file', mode, content })
const textFile = (path, text) => file(path, Buffer.from(text))

/** What is in it whatever is asked for. */
function frame() {
  return [
    ...FOLDERS.map((path) => ({ path, type: 'directory', mode: 0o755 })),
    // The kernel opens it for process 1, before anybody can mount /dev.
    { path: 'dev/console', type: 'character', mode: 0o600, device: [5, 1] },
    { path: 'dev/null', type: 'character', mode: 0o666, device: [1, 3] },
    textFile('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
    textFile('etc/group', 'root:x:0:\n'),
    textFile('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n'),
  ]
}

async function busyboxEntries(target) {
  const folder = await buildProgram(target, 'busybox')
  const links = readFileSync(join(folder, 'busybox.links'), 'utf8').split('\n').filter(Boolean)
  return [
    file('bin/busybox', readFileSync(join(folder, 'busybox')), 0o755),
    file('etc/udhcpc.script', readFileSync(join(recipeFolder, 'udhcpc.script')), 0o755),
    ...links.map((path) => ({
      path: `bin/${path.split('/').pop()}`,
      type: 'link',
      target: 'busybox',
    })),
  ]
}

async function dbclientEntries(target) {
  const folder = await buildProgram(target, 'dbclient')
  return [file('bin/dbclient', readFileSync(join(folder, 'dbclient')), 0o755)]
}

/** Only public keys: a secret one in the same folder must never reach a laptop. */
function keyEntries(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.pub'))
  if (names.length === 0) {
    throw new SetupError(`${folder} holds no public key (*.pub)`, 'xo-upgrade keygen makes one')
  }
  return names.map((name) => file(`etc/xo-upgrade/keys/${name}`, readFileSync(join(folder, name))))
}

function moduleEntries(folder, names) {
  const modules = findModules(folder, names)
  const paths = modules.map(({ name }) => `lib/modules/${name}.ko`)
  return [
    ...modules.map(({ content }, index) => file(paths[index], content)),
    textFile('etc/xo-modules', paths.map((path) => `/${path}\n`).join('')),
  ]
}

/**
 * A folder of the builder's own, as it is except for owners and times: a radio's firmware, keys.
 */
function addedEntries(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
    const from = join(entry.parentPath ?? entry.path, entry.name)
    const path = from.slice(folder.length).replace(/^\/+/, '')
    if (entry.isSymbolicLink()) return { path, type: 'link', target: readlinkSync(from) }
    const mode = statSync(from).mode & 0o777
    if (entry.isDirectory()) return { path, type: 'directory', mode }
    if (entry.isFile()) return file(path, readFileSync(from), mode)
    throw new SetupError(`${from} is neither a file nor a directory nor a link`)
  })
}

/** Adds the folders that entries are in; of two entries with one path the later one counts. */
function complete(entries) {
  const byPath = new Map()
  for (const entry of entries) {
    for (let above = dirname(entry.path); above !== '.'; above = dirname(above)) {
      if (!byPath.has(above)) byPath.set(above, { path: above, type: 'directory', mode: 0o755 })
    }
    byPath.set(entry.path, entry)
  }
  return [...byPath.values()]
}

/**
 * All entries of an initramfs.
 * @param {object} options as on the command line
 * @returns {Promise<import('./cpio.mjs').Entry[]>}
 */
export async function initramfsEntries(options = {}) {
  const target = options.target ?? 'x86_64'
  const { program } = await build({ target })
  const entries = [...frame(), file('init', readFileSync(program), 0o755)]
  if (!options['no-busybox']) entries.push(...(await busyboxEntries(target)))
  if (!options['no-dbclient']) entries.push(...(await dbclientEntries(target)))
  if (options.keys) entries.push(...keyEntries(options.keys))
  if (options.config) entries.push(textFile('etc/xo-upgrade.conf', readFileSync(options.config)))
  if (options.modules) entries.push(...moduleEntries(options.modules, options.module ?? []))
  for (const folder of options.add ?? []) entries.push(...addedEntries(folder))
  return complete(entries)
}

/** The best that one thread can do: the result of several would depend on how many there are. */
const compressors = {
  zst: ['zstd', '-q', '-19', '--single-thread', '-f'],
  gz: ['gzip', '-9', '-n', '-k', '-f'],
}

/** Makes both forms, and returns their paths. */
export async function makeInitramfs(options = {}) {
  const target = options.target ?? 'x86_64'
  const usual = join(buildFolder, 'firmware', target === 'x86_64' ? '' : target)
  const folder = options.to ?? usual
  const archive = writeCpio(await initramfsEntries(options))
  mkdirSync(folder, { recursive: true })
  const plain = join(folder, `initramfs.cpio.partial-${process.pid}`)
  writeFileSync(plain, archive)
  const made = {}
  for (const [suffix, command] of Object.entries(compressors)) {
    await run([...command, plain])
    made[suffix] = join(folder, `initramfs.cpio.${suffix}`)
    renameSync(`${plain}.${suffix}`, made[suffix])
  }
  rmSync(plain)
  return made
}

const USAGE = {
  call: 'npm run firmware --',
  about: 'Makes the initramfs that runs before the system.',
  options: {
    target: targetOption,
    to: { takes: 'FOLDER', about: 'where to (build/firmware)' },
    keys: { takes: 'FOLDER', about: 'the public keys in it (*.pub)', reads: existingFolder },
    config: { takes: 'FILE', about: 'becomes /etc/xo-upgrade.conf', reads: existingFile },
    modules: {
      takes: 'FOLDER',
      about: 'where modules are taken from: /lib/modules/VERSION of the kernel that will boot',
      reads: existingFolder,
    },
    module: {
      takes: 'NAME',
      about: 'a module, with all that it needs, in the order of loading',
      many: true,
    },
    add: {
      takes: 'FOLDER',
      about: 'a folder of your own, as it stands',
      reads: existingFolder,
      many: true,
    },
    'no-busybox': { about: 'without busybox' },
    'no-dbclient': { about: 'without the ssh client' },
  },
  check({ modules, module = [] }) {
    if (module.length > 0 && !modules) {
      throw new UsageError('--module needs --modules, the folder of the kernel')
    }
  },
  needs: buildNeeds,
}

await runCommand(import.meta.url, USAGE, async (options) => {
  for (const path of Object.values(await makeInitramfs(options))) {
    process.stdout.write(`${path}  ${statSync(path).size} bytes\n`)
  }
  if (!options.keys) {
    process.stderr.write('It holds no keys, so it will accept no release: --keys FOLDER\n')
  }
})
