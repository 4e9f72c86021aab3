/**
 * Builds the programs that are in the initramfs beside ours, `busybox` and `dbclient`, static over our musl
 * from the pinned source archives. They are kept like the libraries, each under the digest of everything it
 * was made from. Knows nothing of the initramfs itself.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { targets } from '../firmware/targets/targets.mjs'
import { buildCLibrary, built, parallel, unpack } from './libraries.mjs'
import { archiveIdentity } from './sources/fetch.mjs'
import { pathMapFlags, projectFolder, run, SetupError } from './workplace.mjs'

const configurations = join(projectFolder, 'firmware', 'initramfs')
/** Otherwise it would be the time of the build. */
const FIXED_TIME = { SOURCE_DATE_EPOCH: '1', KCONFIG_NOTIMESTAMP: '1' }

const quoted = (words) => words.map((word) => `'${word}'`).join(' ')

/**
 * A compiler over musl for builds that bring their own rules and know a compiler only by its name: it adds
 * what must come before and after the objects, and only when it links.
 */
function writeCompiler(path, target, { flags, link }) {
  const compiler = quoted([...target.compiler, ...flags])
  const before = quoted([...target.linkFlags, ...link.before])
  const text = `#!/bin/sh
for word; do
  case $word in
  -c | -S | -E | -M | -MM | -print-* | -v | --version) exec ${compiler} "$@" ;;
  esac
done
exec ${compiler} ${before} "$@" ${quoted(link.after)}
`
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

const compileFlags = (target, source) => [
  ...target.flags,
  '-Os',
  '-D_GNU_SOURCE',
  '-D_FILE_OFFSET_BITS=64',
  ...pathMapFlags(source, '.'),
  '-w',
]

/**
 * Everything off, then what our list names on; the features of those as busybox has them by default.
 */
async function configureBusybox(source, wanted, make) {
  await run([...make, 'allnoconfig'], { folder: source })
  const path = join(source, '.config')
  const named = wanted.split('\n').filter((line) => line.startsWith('CONFIG_'))
  const names = new Set(named.map((line) => line.split('=')[0]))
  const nameOf = (line) => /CONFIG_\w+/.exec(line)?.[0]
  const off = readFileSync(path, 'utf8').split('\n')
  const kept = off.filter((line) => !names.has(nameOf(line)) && !/CONFIG_(FEATURE|ASH)_/.test(line))
  const lines = named.map((line) => line.replace(/^(CONFIG_\w+)=n$/, '# $1 is not set'))
  writeFileSync(path, [...kept, ...lines, ''].join('\n'))
  await run(['sh', '-c', `yes '' | ${quoted(make)} oldconfig`], {
    folder: source,
    environment: FIXED_TIME,
  })
  const made = readFileSync(path, 'utf8')
  const missing = lines.filter((line) => line.endsWith('=y') && !made.includes(`${line}\n`))
  if (missing.length > 0) throw new SetupError(`busybox does not know ${missing.join(', ')}`)
}

const recipes = {
  async busybox({ target, source, into, compiler, settings }) {
    const make = ['make', `ARCH=${target.busybox.architecture}`]
    const tools = [
      `CC=${compiler}`,
      `LD=${target.busybox.linker}`,
      `AR=${target.archiver}`,
      `STRIP=${target.strip}`,
      'HOSTCC=gcc',
      `EXTRA_CFLAGS=${compileFlags(target, source).join(' ')}`,
      'SKIP_STRIP=y',
    ]
    await configureBusybox(source, settings, make)
    await run([...make, `-j${parallel}`, ...tools, 'busybox', 'busybox.links'], {
      folder: source,
      environment: FIXED_TIME,
    })
    await run(['cp', 'busybox_unstripped', join(into, 'busybox')], { folder: source })
    await run(['cp', 'busybox.links', into], { folder: source })
  },

  async dbclient({ target, source, into, compiler, settings }) {
    writeFileSync(join(source, 'localoptions.h'), settings)
    const environment = {
      CC: compiler,
      CFLAGS: compileFlags(target, source).join(' '),
      ...FIXED_TIME,
    }
    const without = ['zlib', 'harden', 'pam', 'lastlog', 'utmp', 'utmpx', 'wtmp', 'wtmpx']
    const configure = [
      './configure',
      `--host=${target.musl}`,
      '--enable-bundled-libtom',
      ...without.map((name) => `--disable-${name}`),
    ]
    await run(configure, { folder: source, environment })
    const make = [
      'make',
      `-j${parallel}`,
      'PROGRAMS=dbclient',
      `AR=${target.archiver}`,
      `RANLIB=${target.archiver} s`,
    ]
    await run(make, { folder: source, environment })
    await run(['cp', 'dbclient', into], { folder: source })
  },
}

const programs = {
  busybox: { archive: 'busybox', settings: 'busybox.config' },
  dbclient: { archive: 'dropbear', settings: 'dropbear-options.h' },
}

/**
 * Builds one program for one target, and returns the folder that holds it, stripped.
 * @param {string} targetName
 * @param {'busybox' | 'dbclient'} name
 */
export async function buildProgram(targetName, name) {
  const target = targets[targetName]
  const library = await buildCLibrary(targetName, target)
  const settings = readFileSync(join(configurations, programs[name].settings), 'utf8')
  const { archive } = programs[name]
  const recipe = recipes[name]
  const ingredients = [
    library.base,
    library.flags,
    library.link,
    target.linkFlags,
    target.busybox,
    archiveIdentity(archive),
    settings,
    [recipe, configureBusybox, writeCompiler, compileFlags].map(String).join('').replace(/\s/g, ''),
  ]
  return built(targetName, name, ingredients, async (source, into) => {
    await unpack(archive, source)
    const compiler = join(source, 'xo-cc')
    writeCompiler(compiler, target, library)
    await recipe({ target, source, into, compiler, settings })
    await run([target.strip, '--strip-all', join(into, name)])
  })
}
