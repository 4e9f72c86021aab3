/**
 * Targets in C: `test/fuzz/NAME.c` over our C and our libraries, built by clang with libFuzzer and the
 * sanitizers. Our C is a library here, so a target that includes one of our files takes its place.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { openBuilder, sourcesOfC } from '../build.mjs'
import { filesBelow } from '../bundle.mjs'
import { load } from '../tests/transpile.mjs'
import { identityOf, projectFolder, SetupError, sha256, sha256OfFile } from '../workplace.mjs'
import { fuzzFolder } from './totals.mjs'

const sourceFolder = join(projectFolder, 'test', 'fuzz')
const BUILD_TARGET = 'x86_64-fuzz'
/** One input takes microseconds; one that takes so long (seconds) is a find. */
const INPUT_SECONDS_MAX = 20
/** The budgets allow 32 MiB; nothing else whose size a stranger chooses may be allocated at once (MiB). */
const ALLOCATION_MAX_MIB = 64
const MEMORY_MAX_MIB = 1024
const ENVIRONMENT = {
  // addr2line is there wherever something is compiled, and enough for names and lines.
  ASAN_OPTIONS: 'allow_addr2line=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
}

let ours

const headersIdentity = () =>
  filesBelow(sourceFolder, (file) => file.endsWith('.h')).map((file) => sha256OfFile(file))

/** Our C, as a library; once in a process. */
async function openOurs() {
  const builder = await openBuilder(BUILD_TARGET)
  const support = filesBelow(join(sourceFolder, 'support'), (file) => file.endsWith('.c'))
  const ingredients = headersIdentity()
  const shared = support.map((file) => builder.compile(file, [], ingredients))
  const objects = [
    ...(await Promise.all(shared)),
    ...(await builder.compileAll(sourcesOfC().common)),
  ]
  return { builder, objects, library: await builder.archive('ours', objects) }
}

/**
 * Builds a target, and returns its program.
 * @param {{ instead?: Record<string, string>, as?: string }} [wish] what takes the place of some of our C
 *   files, by their paths, and the program's name then
 */
export async function buildTarget(name, { instead = {}, as = name } = {}) {
  ours ??= openOurs()
  const { builder, objects, library } = await ours
  // A target may include any of our C, not only headers.
  const ingredients = identityOf([objects, headersIdentity()])
  const own = [await builder.compile(join(sourceFolder, `${name}.c`), [], ingredients)]
  for (const [original, source] of Object.entries(instead)) {
    const folder = join(projectFolder, dirname(original))
    own.push(await builder.compile(source, ['-iquote', folder], ingredients))
  }
  return builder.link(`fuzz-${as}`, [...own, library], { strip: false })
}

/** Runs the program with these words: what it said, and its status. */
function runProgram(program, folder, words) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      cwd: projectFolder,
      // Where a target may make trees.
      env: { ...process.env, ...ENVIRONMENT, XO_FUZZ_FOLDER: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += chunk
    })
    child.once('error', reject)
    child.once('close', (status, signal) => resolve({ status: signal ?? status, said }))
  })
}

let seeds

/** What a target begins with, by `test/fuzz/seeds.ts`; written under the digest of its content. */
async function writeSeeds(name, folder) {
  seeds ??= load('test/fuzz/seeds.ts').then(({ makeSeeds }) => makeSeeds())
  mkdirSync(folder, { recursive: true })
  for (const input of (await seeds)[name] ?? []) {
    const path = join(folder, sha256(input).slice(0, 16))
    if (!existsSync(path)) writeFileSync(path, input)
  }
}

const newest = (text, pattern) => [...text.matchAll(pattern)].at(-1)?.[1]

export class CTarget {
  constructor({ name, about, lengthMax = 4096, words = [] }) {
    Object.assign(this, { name, about, lengthMax, words })
    this.folder = join(fuzzFolder, name)
    // Inputs that once broke something.
    this.kept = join(sourceFolder, 'finds', name)
  }

  /** What mutations put in now and then; libFuzzer takes no empty one. */
  #dictionary(folder) {
    if (this.words.length === 0) return []
    const spelled = (word) =>
      [...Buffer.from(word, 'latin1')].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`)
    const path = join(folder, 'dictionary')
    writeFileSync(path, this.words.map((word) => `"${spelled(word).join('')}"\n`).join(''))
    return [`-dict=${path}`]
  }

  /**
   * `folder`: where its corpus and its finds are, if not where all runs keep them.
   * @param {{ seconds: number, folder?: string, instead?: Record<string, string>, as?: string, words?: string[] }} wish
   */
  async run({ seconds, folder = this.folder, words = [], ...build }) {
    const program = await buildTarget(this.name, build)
    const began = Date.now()
    const [corpus, finds, begin] = ['corpus', 'finds', 'seeds'].map((name) => join(folder, name))
    for (const each of [corpus, finds]) mkdirSync(each, { recursive: true })
    await writeSeeds(this.name, begin)
    const given = [corpus, begin, ...(existsSync(this.kept) ? [this.kept] : [])]
    const { status, said } = await runProgram(program, folder, [
      `-max_total_time=${seconds}`,
      `-max_len=${this.lengthMax}`,
      `-timeout=${INPUT_SECONDS_MAX}`,
      `-malloc_limit_mb=${ALLOCATION_MAX_MIB}`,
      `-rss_limit_mb=${MEMORY_MAX_MIB}`,
      `-artifact_prefix=${finds}/`,
      '-print_final_stats=1',
      ...this.#dictionary(folder),
      ...words,
      ...given,
    ])
    const executions = Number(newest(said, /number_of_executed_units: (\d+)/g) ?? 0)
    const file = newest(said, /Test unit written to (\S+)/g)
    if (status !== 0 && !file) throw new SetupError(`${program} ended with ${status}:\n${said}`)
    return {
      executions,
      // One that was ended by what it found has not told.
      seconds: Number(newest(said, /cpu_milliseconds: (\d+)/g) ?? Date.now() - began) / 1000,
      coverage: `${newest(said, /\bcov: (\d+)/g) ?? 0} edges`,
      finds: file ? [{ file: relative(projectFolder, file), said: told(said) }] : [],
    }
  }

  async replay(file) {
    mkdirSync(this.folder, { recursive: true })
    const { status, said } = await runProgram(await buildTarget(this.name), this.folder, [
      `-timeout=${INPUT_SECONDS_MAX}`,
      `-malloc_limit_mb=${ALLOCATION_MAX_MIB}`,
      file,
    ])
    return { fine: status === 0, said: status === 0 ? '' : told(said) }
  }
}

/** What was said of a find, without what came before it. */
function told(said) {
  const lines = said.split('\n')
  const first = lines.findIndex((line) =>
    /^==\d+==|runtime error:|it does not hold|libFuzzer: (timeout|out-of-memory|deadly)/.test(line),
  )
  return lines
    .slice(Math.max(first, 0))
    .filter((line) => !line.startsWith('stat::'))
    .join('\n')
}
