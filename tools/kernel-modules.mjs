/**
 * Finds kernel modules by name in a `/lib/modules/VERSION` folder, with everything they need, in the order
 * in which they must be loaded, and reads them uncompressed. What each needs is read from the module
 * itself, so a folder from a package will do, even if depmod never ran on it. What is built into the kernel
 * needs no file. Never loads anything.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { SetupError } from './workplace.mjs'

const MODULE = /\.ko(\.(xz|zst|gz))?$/
const MODULE_SIZE_MAX = 256 * 1024 * 1024

/** In names the kernel takes `-` and `_` for the same. */
const nameOf = (path) => basename(path).replace(MODULE, '').replaceAll('-', '_')

function linesOf(folder, name) {
  const path = join(folder, name)
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
}

function readTables(folder) {
  const paths = existsSync(folder) ? readdirSync(folder, { recursive: true }) : []
  // In this order what is in `updates/` replaces what came with the kernel.
  const modules = paths.filter((path) => MODULE.test(path)).sort()
  if (modules.length === 0) {
    throw new SetupError(
      `${folder} holds no kernel modules (*.ko)`,
      'name the /lib/modules/VERSION folder of the kernel that will boot',
    )
  }
  const aliases = new Map()
  for (const line of linesOf(folder, 'modules.alias')) {
    const [word, alias, name] = line.split(' ')
    if (word === 'alias') aliases.set(alias, [...(aliases.get(alias) ?? []), nameOf(name)])
  }
  return {
    modules: new Map(modules.map((path) => [nameOf(path), join(folder, path)])),
    aliases,
    builtIn: new Set(linesOf(folder, 'modules.builtin').map(nameOf)),
  }
}

/**
 * The module that a name means: the one so called, or of those with this alias one that runs on every
 * processor.
 */
function resolveName({ modules, aliases, builtIn }, asked) {
  const name = nameOf(asked)
  const plain = nameOf(asked.replace(/^crypto-/, ''))
  const candidates = [name, `${plain}_generic`, ...(aliases.get(asked) ?? []), plain]
  return candidates.find((candidate) => modules.has(candidate) || builtIn.has(candidate))
}

function readModule(path) {
  const unpackers = { '.xz': 'xz', '.zst': 'zstd', '.gz': 'gzip' }
  const unpacker = unpackers[/\.\w+$/.exec(path)?.[0] ?? '']
  if (!unpacker) return readFileSync(path)
  return execFileSync(unpacker, ['-dc', path], { maxBuffer: MODULE_SIZE_MAX })
}

/**
 * What a module says must be loaded before it: it can't do without `needed`, and can without `softly`.
 */
function needsOf(content) {
  const text = content.toString('latin1')
  const values = (key) =>
    [...text.matchAll(new RegExp(`\\0${key}=([^\\0]*)\\0`, 'g'))].map(([, value]) => value)
  const pre = values('softdep').map((value) => /\bpre: *([^:]*)(?= post:|$)/.exec(value)?.[1] ?? '')
  const words = (list, separator) => list.flatMap((value) => value.split(separator)).filter(Boolean)
  return { needed: words(values('depends'), ','), softly: words(pre, /\s+/) }
}

/**
 * The modules of these names and everything they need, in the order of loading.
 * @returns {{ name: string, content: Buffer }[]}
 */
export function findModules(folder, names) {
  const tables = readTables(folder)
  const found = new Map()
  const order = []
  const find = (asked) => {
    const name = resolveName(tables, asked)
    if (name !== undefined) return name
    throw new SetupError(
      `${folder} has no kernel module "${asked}"`,
      `look for its file: find ${folder} -name '*.ko*'`,
    )
  }
  const visit = (name) => {
    if (found.has(name) || !tables.modules.has(name)) return
    const content = readModule(tables.modules.get(name))
    found.set(name, content)
    const { needed, softly } = needsOf(content)
    for (const asked of softly) {
      const soft = resolveName(tables, asked)
      if (soft !== undefined) visit(soft)
    }
    for (const asked of needed) visit(find(asked))
    order.push({ name, content })
  }
  for (const asked of names) visit(find(asked))
  return order
}
