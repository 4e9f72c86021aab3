/**
 * Builds the libraries below the program, each once, from the pinned source archives: the result is kept in
 * `.cache/libraries` under a name that holds the digest of everything it was made from. Takes only the
 * parts that the program uses. Never looks at our own C.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { archiveIdentity, fetchArchive } from './sources/fetch.mjs'
import {
  cacheFolder,
  identityOf,
  pathMapFlags,
  projectFolder,
  run,
  SetupError,
  sha256OfFile,
} from './workplace.mjs'

/** What zlib's deflate is compiled with. */
const gzipBlocks = join(projectFolder, 'tools', 'sources', 'gzip-blocks.h')

/** To be raised when a recipe below changes in a way that its flags don't show. */
const RECIPES = 2

export const parallel = availableParallelism()

/** Runs `work` on the items, as many at once as there are processors. */
export async function forEachParallel(items, work) {
  const queue = [...items]
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
}

export async function unpack(archiveName, folder) {
  const archive = await fetchArchive(archiveName)
  mkdirSync(folder, { recursive: true })
  await run(['tar', '-xf', archive, '--strip-components=1', '--no-same-owner', '-C', folder])
}

/** Compiles the sources and adds them to a static library. */
async function archiveOf(target, { source, files, flags, library }) {
  const objects = []
  await forEachParallel(files, async (file) => {
    const object = join(source, `${basename(file).replace(/\.[cS]$/, '')}.o`)
    objects.push(object)
    const all = [...target.compiler, ...target.flags, ...flags, ...pathMapFlags(source, '.')]
    await run([...all, '-c', file, '-o', object], { folder: source })
  })
  await run([target.archiver, 'rcsD', library, ...objects.sort()])
}

/** The flags that make the compiler see musl, and nothing of the system's C library. */
export function muslCompileFlags(musl) {
  return [
    '-nostdinc',
    '-isystem',
    join(musl, 'include'),
    '-isystem',
    join(musl, 'compiler-include'),
  ]
}

/**
 * The flags that link a static program over musl: its own start files and libgcc, nothing else. What is in
 * `ownRuntime` is found before libgcc's own.
 */
export async function muslLinkFlags(target, musl, ownRuntime = []) {
  const libgcc = (await run([...target.compiler, '-print-libgcc-file-name'])).trim()
  const library = join(musl, 'lib')
  const pie = target.linkFlags.includes('-static-pie')
  return {
    before: [
      '-nostdlib',
      '-nostartfiles',
      // For programs whose own rules ask for -lm or -lresolv: musl's are empty, the system's are not.
      `-L${library}`,
      join(library, pie ? 'rcrt1.o' : 'crt1.o'),
      join(library, 'crti.o'),
    ],
    after: [
      '-Wl,--start-group',
      join(library, 'libc.a'),
      ...ownRuntime,
      libgcc,
      '-Wl,--end-group',
      join(library, 'crtn.o'),
    ],
  }
}

async function buildMusl(target, source, into) {
  await unpack('musl', source)
  const environment = {
    CC: target.compiler.join(' '),
    CFLAGS: [
      // Its start-up code runs before the program is relocated and has its canary: it must call nothing extra.
      ...target.flags.filter((f) => !/protector|plt|auto-var-init/.test(f)),
      ...pathMapFlags(source, '.'),
    ].join(' '),
  }
  const configure = [
    './configure',
    `--prefix=${into}`,
    `--target=${target.musl}`,
    '--disable-shared',
    '--disable-wrapper',
  ]
  await run(configure, { folder: source, environment })
  const tools = [`AR=${target.archiver}`, `RANLIB=${target.archiver} s`]
  await run(['make', `-j${parallel}`, ...tools], { folder: source })
  await run(['make', ...tools, 'install-libs', 'install-headers'], { folder: source })
  // Kernel headers (linux/fs.h, linux/openat2.h …) belong to the kernel, not to a C library.
  for (const name of ['linux', 'asm-generic'])
    symlinkSync(`/usr/include/${name}`, join(into, 'include', name))
  symlinkSync(join(target.headers, 'asm'), join(into, 'include', 'asm'))
  const compilerInclude = (await run([...target.compiler, '-print-file-name=include'])).trim()
  symlinkSync(compilerInclude, join(into, 'compiler-include'))
}

export const recipes = {
  async quickjs({ target, flags, source, into }) {
    await unpack('quickjs', source)
    const settings = ['-DCONFIG_VERSION="2025-04-26"', '-D_GNU_SOURCE', '-fwrapv']
    const all = [...flags, ...settings, '-funsigned-char', '-DNDEBUG', '-w']
    const library = join(into, 'libquickjs.a')
    const files = ['libregexp.c', 'libunicode.c', 'cutils.c', 'dtoa.c']
    await archiveOf(target, { source, files, flags: [...all, '-Os'], library })
    // The interpreter runs only our own bytecode, and these two cost it a sixth of its speed.
    const fast = ['-fno-stack-protector', '-fno-stack-clash-protection']
    // A sixth of its size, for less than a tenth of its speed; all of -Os would halve that.
    const unaligned = ['functions', 'jumps', 'loops', 'labels'].map((what) => `-fno-align-${what}`)
    const unspread = ['inline-functions', 'tree-vectorize', 'ipa-cp', 'partial-inlining']
    const lean = [...unaligned, ...unspread.map((what) => `-fno-${what}`)]
    // clang knows only some of them, and what it builds is not for devices.
    const isClang = target.compiler[0] === 'clang'
    const flagsOfInterpreter = [...all, ...fast, ...(isClang ? [] : lean)]
    await archiveOf(target, { source, files: ['quickjs.c'], flags: flagsOfInterpreter, library })
    await run(['cp', 'quickjs.h', join(into, 'include')], { folder: source })
  },

  async xxhash({ source, into }) {
    await unpack('xxhash', source)
    await run(['cp', 'xxhash.h', 'xxh3.h', join(into, 'include')], { folder: source })
  },

  async zstd({ target, flags, source, into }) {
    await unpack('zstd', source)
    const common = [
      'debug',
      'entropy_common',
      'error_private',
      'fse_decompress',
      'xxhash',
      'zstd_common',
    ]
    const decoder = ['huf_decompress', 'zstd_ddict', 'zstd_decompress', 'zstd_decompress_block']
    const files = [
      ...common.map((n) => `lib/common/${n}.c`),
      ...decoder.map((n) => `lib/decompress/${n}.c`),
    ]
    const lean = [
      '-DZSTD_LEGACY_SUPPORT=0',
      '-DZSTD_TRACE=0',
      '-DXXH_NAMESPACE=ZSTD_',
      '-DZSTD_DISABLE_ASM',
    ]
    const all = [
      ...flags,
      ...lean,
      '-DDYNAMIC_BMI2=0',
      '-DHUF_FORCE_DECOMPRESS_X1',
      '-DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT',
      '-DNDEBUG',
      '-w',
    ]
    await archiveOf(target, { source, files, flags: all, library: join(into, 'libzstd.a') })
    // In an archive of its own, which only the publisher's program is linked with.
    const encoder = readdirSync(join(source, 'lib/compress')).filter((n) =>
      /^(?!zstdmt).*\.c$/.test(n),
    )
    const encoderFiles = encoder.sort().map((n) => `lib/compress/${n}`)
    const library = join(into, 'libzstd-encoder.a')
    await archiveOf(target, { source, files: encoderFiles, flags: all, library })
    // What every program compresses with, a client's files: the fast way alone, and small.
    const fast = [
      ...all,
      '-Os',
      ...['DFAST', 'GREEDY', 'LAZY', 'LAZY2', 'BTLAZY2', 'BTOPT', 'BTULTRA'].map(
        (way) => `-DZSTD_EXCLUDE_${way}_BLOCK_COMPRESSOR`,
      ),
    ]
    const fastLibrary = join(into, 'libzstd-fast.a')
    await archiveOf(target, { source, files: encoderFiles, flags: fast, library: fastLibrary })
    await run(['cp', 'lib/zstd.h', 'lib/zstd_errors.h', join(into, 'include')], { folder: source })
  },

  async zlib({ target, flags, source, into }) {
    await unpack('zlib', source)
    const unpacking = ['inflate.c', 'inftrees.c', 'inffast.c']
    const files = [...unpacking, 'trees.c', 'zutil.c', 'adler32.c', 'crc32.c']
    const settings = ['-DHAVE_UNISTD_H', '-DHAVE_STDARG_H', '-DNO_GZIP', '-DNDEBUG', '-w']
    // A table of 1 KiB for CRC-32, in place of 33.
    const all = [...flags, ...settings, '-DZ_TESTW=0']
    const library = join(into, 'libz.a')
    await archiveOf(target, { source, files, flags: all, library })
    const asGzip = [...all, '-Os', `-I${source}`, '-include', gzipBlocks]
    await archiveOf(target, { source, files: ['deflate.c'], flags: asGzip, library })
    await run(['cp', 'zlib.h', 'zconf.h', join(into, 'include')], { folder: source })
  },

  async libdivsufsort({ target, flags, source, into }) {
    await unpack('libdivsufsort', source)
    // What its configure would write, for a compiler of this century and strings of less than 2 GiB.
    const template = readFileSync(join(source, 'include', 'divsufsort.h.cmake'), 'utf8')
    const words = {
      DIVSUFSORT_EXPORT: '',
      DIVSUFSORT_IMPORT: '',
      INCFILE: '#include <inttypes.h>',
      INT_TYPE: 'int32_t',
      SAINT32_TYPE: 'int32_t',
      SAINT_PRId: 'PRId32',
      SAINDEX_TYPE: 'int32_t',
      SAINDEX_PRId: 'PRId32',
      SAUCHAR_TYPE: 'uint8_t',
      W64BIT: '',
    }
    const header = template.replace(/@(\w+)@/g, (_, name) => words[name])
    writeFileSync(join(into, 'include', 'divsufsort.h'), header)
    const settings = ['HAVE_STDLIB_H=1', 'HAVE_STRING_H=1', 'HAVE_INTTYPES_H=1', 'HAVE_MEMORY_H=1']
    const names = ['INLINE=inline', 'PROJECT_VERSION_FULL="2.0.1"', 'NDEBUG']
    const all = [
      ...flags,
      ...[...settings, ...names].map((setting) => `-D${setting}`),
      ...['-I', join(into, 'include'), '-I', 'include', '-w'],
    ]
    const files = ['divsufsort', 'sssort', 'trsort', 'utils'].map((n) => `lib/${n}.c`)
    const library = join(into, 'libdivsufsort.a')
    await archiveOf(target, { source, files, flags: all, library })
  },

  async nettle({ target, flags, source, into, link }) {
    await unpack('nettle', source)
    const environment = {
      CC: target.compiler.join(' '),
      CFLAGS: [...target.flags, ...flags, ...pathMapFlags(source, '.'), '-w'].join(' '),
      // The programs that configure tries are linked as ours is.
      LDFLAGS: link ? ['-static', ...link.before].join(' ') : '',
      LIBS: link ? link.after.join(' ') : '',
      CC_FOR_BUILD: 'gcc',
    }
    const without = ['shared', 'documentation', 'openssl', 'gcov']
    const configure = [
      './configure',
      ...target.nettle,
      // Ed25519 needs only a few functions of GMP, and these come with nettle.
      '--enable-mini-gmp',
      ...without.map((name) => `--disable-${name}`),
    ]
    await run(configure, { folder: source, environment })
    await run(['make', `-j${parallel}`, 'libnettle.a', 'libhogweed.a'], { folder: source })
    await run(['cp', 'libnettle.a', 'libhogweed.a', into], { folder: source })
    mkdirSync(join(into, 'include', 'nettle'))
    const headers = readdirSync(source).filter(
      (name) => name.endsWith('.h') && !/^(config|.*-internal)/.test(name),
    )
    await run(['cp', ...headers, join(into, 'include', 'nettle')], { folder: source })
  },
}

/**
 * Builds one library unless it is there, and returns the folder with its headers (`include`) and its `.a`.
 * Neither the name nor the content depends on where the checkout is, so checkouts may share the folder.
 */
export async function built(targetName, name, ingredients, make) {
  const digest = identityOf([RECIPES, ingredients]).slice(0, 16)
  const folder = join(cacheFolder, 'libraries', `${targetName}-${name}-${digest}`)
  if (existsSync(folder)) return folder
  const source = `${folder}.source-${process.pid}`
  const partial = `${folder}.partial-${process.pid}`
  const started = Date.now()
  process.stderr.write(`Building ${name} for ${targetName} ...\n`)
  try {
    mkdirSync(join(partial, 'include'), { recursive: true })
    await make(source, partial)
    try {
      renameSync(partial, folder)
    } catch (error) {
      // Another build made the same library meanwhile.
      if (!existsSync(folder)) throw error
    }
  } finally {
    rmSync(source, { recursive: true, force: true })
    rmSync(partial, { recursive: true, force: true })
  }
  process.stderr.write(`  ${name}: ${((Date.now() - started) / 1000).toFixed(1)} s\n`)
  return folder
}

/** What everything built for a target depends on: its compiler and its flags. */
async function targetIdentity(target) {
  const version = await run([...target.compiler, '--version']).catch((error) => {
    throw new SetupError(error.message, 'npm run setup')
  })
  return [version, target.compiler, target.flags]
}

/**
 * The C library of a target with `musl`: how to compile and link over it, and what that depends on.
 * @param {string} targetName
 * @param {import('../firmware/targets/targets.mjs').Target} target
 */
export async function buildCLibrary(targetName, target) {
  const base = await targetIdentity(target)
  const place = pathMapFlags(projectFolder, '.')
  if (!target.musl) return { base, flags: place, link: undefined }
  const ingredients = [base, target.musl, archiveIdentity('musl')]
  const musl = await built(targetName, 'musl', ingredients, (source, into) =>
    buildMusl(target, source, into),
  )
  const flags = [...place, ...muslCompileFlags(musl)]
  const ownRuntime = await buildOwnRuntime(targetName, target, base)
  return { base, flags, link: await muslLinkFlags(target, musl, ownRuntime) }
}

/** Our own code in place of libgcc's, if a target has some: a library that comes before libgcc. */
async function buildOwnRuntime(targetName, target, base) {
  if (target.ownRuntime.length === 0) return []
  const files = target.ownRuntime.map((name) => join(projectFolder, 'firmware', 'targets', name))
  const ingredients = [base, target.ownFlags, files.map((file) => sha256OfFile(file))]
  const folder = await built(targetName, 'own-runtime', ingredients, async (source, into) => {
    mkdirSync(source)
    const flags = ['-std=gnu11', '-ffreestanding', '-fno-stack-protector', ...target.ownFlags]
    await archiveOf(target, { source, files, flags, library: join(into, 'libown.a') })
  })
  return [join(folder, 'libown.a')]
}

/**
 * All libraries of a target: flags and what is linked for what is built over them. `publisher`: what only the
 * publisher's programs are linked with, before the others.
 * @param {string} targetName
 * @param {import('../firmware/targets/targets.mjs').Target} target
 */
export async function buildLibraries(targetName, target) {
  const { base, flags, link } = await buildCLibrary(targetName, target)
  const folders = {}
  for (const [name, recipe] of Object.entries(recipes)) {
    const ingredients = [
      base,
      flags,
      target.nettle,
      archiveIdentity(name),
      recipe.toString().replace(/[\s,;()]/g, ''),
      ...(name === 'zlib' ? [sha256OfFile(gzipBlocks)] : []),
    ]
    folders[name] = await built(targetName, name, ingredients, (source, into) =>
      recipe({ target, flags, source, into, link }),
    )
  }
  const includes = Object.values(folders).flatMap((folder) => ['-isystem', join(folder, 'include')])
  const inFolder = ([name, library]) => join(folders[name], `lib${library}.a`)
  const libraries = [
    ['quickjs', 'quickjs'],
    ['zstd', 'zstd-fast'],
    ['zstd', 'zstd'],
    ['zlib', 'z'],
    // The linker takes what hogweed needs from the library after it.
    ['nettle', 'hogweed'],
    ['nettle', 'nettle'],
  ].map(inFolder)
  const publisher = [
    ['libdivsufsort', 'divsufsort'],
    ['zstd', 'zstd-encoder'],
  ].map(inFolder)
  return {
    compileFlags: [...flags, ...includes],
    linkBefore: [...target.linkFlags, ...(link?.before ?? [])],
    publisher,
    linkAfter: [...libraries, ...(link?.after ?? ['-lm', '-lpthread'])],
  }
}
