/**
 * `npm run build`: libraries, our C, the bundle, the programs. Of its flavours `program` makes
 * build/TARGET/xo-upgrade and build/TARGET/host, `test` only the host, which runs the bundle file that is
 * its first argument, and `asan` both under the sanitizers in build/TARGET-asan. Each is made a second time
 * with what only a publisher needs, and has `-publisher` after its name. Each object is kept under the
 * digest of everything it was made from, so a second run does nothing.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { targets } from '../firmware/targets/targets.mjs'
import { digestsOfSources, rememberSources } from './built-from.mjs'
import { buildBundle, filesBelow } from './bundle.mjs'
import { oneOf, runCommand } from './command-line.mjs'
import { buildLibraries, forEachParallel } from './libraries.mjs'
import { buildFolder, identityOf, projectFolder, run, sha256, sha256OfFile } from './workplace.mjs'

const hostFolder = join(projectFolder, 'runtime', 'host')
/** Linked only into the host that runs under the sanitizers. */
const refusalFolder = join(projectFolder, 'runtime', 'refusal')
const REFUSAL_FLAGS = ['malloc', 'calloc', 'realloc'].map((name) => `-Wl,--wrap=${name}`)
const nativeFolder = join(projectFolder, 'native')
/** Native modules that only the publisher's programs have: on the device each of them is an empty one. */
const PUBLISHER_MODULES = ['pack-coder']
/** C that runs seldom, or waits for the kernel, is made small and not fast, where a target makes programs fast. */
const SMALL = ['confinement', 'files', 'packs', 'processes', 'sending', 'sockets', 'system']
const FAST = ['predict', 'predict-elf', 'predict-module', 'code-fields', 'file-maker', 'sender']

const isSmall = (source) =>
  SMALL.some((name) => source.startsWith(join(nativeFolder, name, '/'))) &&
  !FAST.includes(basename(source, '.c'))

const FLAVOURS = ['program', 'test', 'asan']

/** What all of our C may include; a change to any of them compiles all of it again (seconds). */
function headersIdentity() {
  const headers = [hostFolder, refusalFolder, nativeFolder].flatMap((folder) =>
    filesBelow(folder, (name) => name.endsWith('.h')),
  )
  return headers.map((file) => sha256OfFile(file)).join(' ')
}

/**
 * The C of the host, without `main.c`, since each program has its own, and of the native modules: what every
 * program has, and what only a publisher's has.
 */
export function sourcesOfC() {
  const ofHost = filesBelow(hostFolder, (name) => name.endsWith('.c') && name !== 'main.c')
  const ofModules = filesBelow(nativeFolder, (name) => name.endsWith('.c'))
  const isPublishers = (file) =>
    PUBLISHER_MODULES.some((name) => file.startsWith(join(nativeFolder, name, '/')))
  return {
    common: [...ofHost, ...ofModules.filter((file) => !isPublishers(file))],
    publisher: ofModules.filter(isPublishers),
  }
}

class Builder {
  constructor(name, target, libraries) {
    Object.assign(this, { name, target, libraries })
    this.folder = join(buildFolder, name)
    this.objectFolder = join(this.folder, 'objects')
    mkdirSync(this.objectFolder, { recursive: true })
    this.flags = [
      ...target.compiler,
      '-std=gnu11',
      ...target.flags,
      ...target.ownFlags,
      '-D_GNU_SOURCE',
      '-D_FILE_OFFSET_BITS=64',
      ...libraries.compileFlags,
      `-I${hostFolder}`,
      `-I${refusalFolder}`,
    ]
    this.base = identityOf([this.flags, headersIdentity()])
    this.used = new Set()
  }

  /** The object of one source with these definitions; compiled unless it is there. */
  async compile(source, definitions = [], ingredients = '') {
    const size = this.target.flags.includes('-O2') && isSmall(source) ? ['-Os'] : []
    const parts = [this.base, size, definitions, ingredients, sha256OfFile(source)]
    const digest = identityOf(parts).slice(0, 16)
    const object = join(this.objectFolder, `${basename(source).replace(/\.[cS]$/, '')}-${digest}.o`)
    this.used.add(basename(object))
    if (existsSync(object)) return object
    const partial = `${object}.partial-${process.pid}`
    await run([...this.flags, ...size, ...definitions, '-c', source, '-o', partial])
    renameSync(partial, object)
    return object
  }

  async compileAll(sources) {
    const objects = []
    await forEachParallel(sources, async (source) => objects.push(await this.compile(source)))
    return objects.sort()
  }

  /** A static library of these objects, of which a program takes what it uses. */
  async archive(name, objects) {
    const path = join(this.objectFolder, `${name}-${identityOf(objects).slice(0, 16)}.a`)
    if (existsSync(path)) return path
    const partial = `${path}.partial-${process.pid}`
    await run([this.target.archiver, 'rcsD', partial, ...objects])
    renameSync(partial, path)
    return path
  }

  /** Links a program unless it was linked from exactly these objects. `libraries`: before those that all have. */
  async link(program, objects, { strip, flags = [], libraries = [] }) {
    const path = join(this.folder, program)
    const { linkBefore, linkAfter } = this.libraries
    const before = [...this.target.compiler, ...flags, ...linkBefore]
    const command = [...before, ...objects, ...libraries, ...linkAfter]
    const identity = identityOf([command, strip])
    const stamp = join(this.objectFolder, `${program}.identity`)
    if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, 'utf8') === identity)
      return path
    const partial = `${path}.partial-${process.pid}`
    const map = join(this.objectFolder, `${program}.map`)
    await run([...command, `-Wl,-Map=${map}`, '-o', partial])
    if (strip) await run([this.target.strip, '--strip-all', partial])
    renameSync(partial, path)
    writeFileSync(stamp, identity)
    return path
  }

  /** Removes objects that nothing uses any more. */
  tidy() {
    const keepMs = 24 * 3600 * 1000
    for (const name of readdirSync(this.objectFolder)) {
      const path = join(this.objectFolder, name)
      if (!/\.[ao]$/.test(name) || this.used.has(name)) continue
      if (Date.now() - statSync(path).mtimeMs > keepMs) rmSync(path, { force: true })
    }
  }
}

/** The bytecode of the bundle, made by a compiler that is built over the same QuickJS, and packed. */
async function compileBundle(builder, bundle) {
  // What is compiled on this machine must run on it: the compiler is this machine's, whatever the
  // target. The sanitizers would only tell that it leaves its memory to the kernel.
  const { runsHere, musl } = builder.target
  const native = runsHere && musl ? builder : await openBuilder('x86_64')
  const object = await native.compile(join(projectFolder, 'runtime', 'compiler', 'compile.c'))
  const compiler = await native.link('compile', [object], { strip: true })
  const identity = sha256(sha256OfFile(compiler) + sha256OfFile(bundle)).slice(0, 16)
  const packed = join(native.objectFolder, `bundle-${identity}.bytecode.zst`)
  if (!existsSync(packed)) {
    for (const name of readdirSync(native.objectFolder)) {
      if (name.includes('.bytecode')) rmSync(join(native.objectFolder, name))
    }
    const bytecode = join(native.objectFolder, `bundle-${identity}.bytecode`)
    await run([compiler, bundle, bytecode])
    await run(['zstd', '-q', '-19', '--single-thread', '--rm', bytecode, '-o', `${packed}.partial`])
    renameSync(`${packed}.partial`, packed)
  }
  return packed
}

export async function openBuilder(name) {
  const target = targets[name]
  return new Builder(name, target, await buildLibraries(name, target))
}

/**
 * What both kinds of a program are linked from: the device's, and the publisher's with modules of its own.
 * The linker puts those in the place of the empty ones of runtime/host/modules.c.
 */
async function compileKinds(builder) {
  const { common, publisher } = sourcesOfC()
  const objects = await builder.compileAll(common)
  const more = await builder.compileAll(publisher)
  return [
    { suffix: '', objects },
    {
      suffix: '-publisher',
      objects: [...objects, ...more],
      libraries: builder.libraries.publisher,
    },
  ]
}

/** The host that runs a bundle file. */
async function buildHost(builder, kind, { definitions = [], ...options }) {
  const main = await builder.compile(join(hostFolder, 'main.c'), [
    '-DHOST_RUNS_SCRIPT',
    ...definitions,
  ])
  const { suffix, objects, libraries } = kind
  const all = { ...options, libraries, strip: false }
  return builder.link(`host${suffix}`, [main, ...objects], all)
}

/** The program: the host with the bundle inside. */
async function buildProgram(builder, kind, { definitions = [], strip = true, ...options }) {
  const bytecode = await compileBundle(builder, await buildBundle())
  const own = [
    await builder.compile(join(hostFolder, 'main.c'), definitions),
    await builder.compile(
      join(hostFolder, 'bundle.S'),
      [`-DBUNDLE_FILE="${bytecode}"`],
      sha256OfFile(bytecode),
    ),
  ]
  const { suffix, objects, libraries } = kind
  return builder.link(`xo-upgrade${suffix}`, [...own, ...objects], { ...options, strip, libraries })
}

/**
 * Hosts and programs of a flavour. Those under the sanitizers free everything at the end, and can be refused
 * memory.
 */
async function buildFlavour(target, flavour) {
  const checked = flavour === 'asan'
  const builder = await openBuilder(checked ? `${target}-asan` : target)
  const kinds = await compileKinds(builder)
  const options = checked
    ? { definitions: ['-DHOST_FREES'], flags: REFUSAL_FLAGS, strip: false }
    : {}
  const refusal = checked ? [await builder.compile(join(refusalFolder, 'refusal.c'))] : []
  const made = {}
  for (const kind of kinds) {
    kind.objects = [...refusal, ...kind.objects]
    made[`host${kind.suffix}`] = await buildHost(builder, kind, options)
    if (flavour === 'test') continue
    made[`program${kind.suffix}`] = await buildProgram(builder, kind, options)
  }
  builder.tidy()
  return made
}

/** Builds, and returns the paths of the programs that are there afterwards. */
export async function build({ target = 'x86_64', flavour = 'program' } = {}) {
  const digests = digestsOfSources()
  const made = await buildFlavour(target, flavour)
  for (const program of Object.values(made)) rememberSources(program, digests)
  return made
}

/**
 * The machines that a person may name, and the option by which every tool that builds takes one.
 */
export const TARGETS = Object.keys(targets).filter((name) => targets[name].musl)
export const targetOption = {
  takes: 'NAME',
  about: `the machine it is for: ${TARGETS.join(', ')} (${TARGETS[0]})`,
  reads: oneOf(TARGETS),
}
/** What must be set up before anything is built for a target. */
export const buildNeeds = ({ target }) =>
  ['i586', 'armv7'].includes(target) ? ['build', target] : ['build']

const USAGE = {
  call: 'npm run build --',
  about: 'Builds the libraries, our C, the bundle and the programs.',
  options: {
    target: targetOption,
    flavour: {
      takes: 'NAME',
      about: `${FLAVOURS.join(', ')} (${FLAVOURS[0]}): test is the host alone, asan has sanitizers`,
      reads: oneOf(FLAVOURS),
    },
    quiet: { about: 'does not say what was made' },
  },
  needs: buildNeeds,
}

await runCommand(import.meta.url, USAGE, async ({ target, flavour, quiet }) => {
  const made = await build({ target, flavour })
  if (quiet) return
  for (const path of Object.values(made)) {
    process.stdout.write(`${path}  ${statSync(path).size} bytes\n`)
  }
})
