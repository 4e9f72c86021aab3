/**
 * How every tool reads its command line, and how it ends. What a tool takes is one table, from which
 * `--help` is made; a wrong option, a missing value or a missing file ends in a sentence and that text,
 * before any work is done. Needs no npm package, since the tools that bring those use it, too.
 */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runTool } from './workplace.mjs'

/** What sysexits(3) calls EX_USAGE. */
const EXIT_USAGE = 64
const COLUMN = 24

/** A command line that makes no sense. */
export class UsageError extends Error {}

/**
 * @typedef {object} Option
 * @property {string} about what it is for, in one line
 * @property {string} [takes] what stands for its value in the help; a flag has none
 * @property {(value: string) => unknown} [reads] checks a value and makes of it what the tool works with
 * @property {boolean} [many] whether it may be repeated; its value is then a list
 *
 * @typedef {object} Usage
 * @property {string} call how a person starts it
 * @property {string} about what it does, in a sentence
 * @property {Record<string, Option>} [options]
 * @property {{ takes: string, about: string, reads?: (value: string) => unknown }} [words] what may stand
 *   beside options; a tool without it takes none
 * @property {string[] | ((values: Record<string, any>, words: any[]) => string[])} [needs] groups of `setup.mjs`,
 *   set up before the work; without it nothing is looked at
 * @property {Record<string, Usage>} [ways] other tables, of which `--as NAME` in front of all else chooses one
 * @property {(values: Record<string, any>, words: any[]) => void} [check] what holds between several of
 *   them; throws a UsageError
 */

/** A value that is one of these words. */
export const oneOf = (names) => (value) => {
  if (names.includes(value)) return value
  throw new UsageError(`"${value}" is not one of: ${names.join(', ')}`)
}

export const wholeNumber = (least) => (value) => {
  const number = Number(value)
  if (/^[0-9]+$/.test(value) && Number.isSafeInteger(number) && number >= least) return number
  throw new UsageError(`"${value}" is not a whole number of at least ${least}`)
}

const existing = (kind, is) => (value) => {
  const path = resolve(value)
  if (!existsSync(path)) throw new UsageError(`there is no ${kind} ${path}`)
  if (!is(statSync(path))) throw new UsageError(`${path} is not a ${kind}`)
  return path
}

export const existingFile = existing('file', (stat) => !stat.isDirectory())
export const existingFolder = existing('folder', (stat) => stat.isDirectory())

const named = (name, { takes }) => `--${name}${takes ? ` ${takes}` : ''}`

/** What `--help` prints. */
export function usageText({ call, about, options = {}, words }) {
  const rows = Object.entries(options).map(([name, option]) => [
    `${named(name, option)}${option.many ? ' …' : ''}`,
    option.about,
  ])
  if (words) rows.unshift([words.takes, words.about])
  rows.push(['--help', 'prints this'])
  const line = ([left, right]) =>
    left.length < COLUMN
      ? `  ${left.padEnd(COLUMN)}${right}\n`
      : `  ${left}\n  ${' '.repeat(COLUMN)}${right}\n`
  const parts = [call, '[OPTIONS]', ...(words ? [words.takes] : [])]
  return `${about}\n\nusage: ${parts.join(' ')}\n\n${rows.map(line).join('')}`
}

/**
 * What Node finds wrong with a command line, in our words: its own go on with advice that doesn't fit.
 */
function complaint({ message }, options) {
  const [, name] = /'(?:-\w, )?--([\w-]+)/.exec(message) ?? []
  if (/missing|ambiguous/.test(message)) return `--${name} needs a value: ${options[name]?.takes}`
  return message.split(/\.\s|\n/)[0]
}

function readValue(what, reads, value) {
  try {
    return reads ? reads(value) : value
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${what}: ${error.message}`) : error
  }
}

/** The words of a command line by their meaning: `options` by name, and `words`. */
export function readCommandLine({ options = {}, words }, given) {
  const shapes = Object.entries(options).map(([name, { takes, many }]) => [
    name,
    { type: takes ? 'string' : 'boolean', multiple: many ?? false },
  ])
  const help = { help: { type: 'boolean', short: 'h' } }
  let found
  try {
    const shape = { ...Object.fromEntries(shapes), ...help }
    found = parseArgs({ args: given, options: shape, allowPositionals: words !== undefined })
  } catch (error) {
    if (!error.code?.startsWith('ERR_PARSE_ARGS_')) throw error
    throw new UsageError(complaint(error, options))
  }
  if (found.values.help) return { help: true }
  const values = {}
  for (const [name, value] of Object.entries(found.values)) {
    const { takes, reads } = options[name]
    const read = (one) => {
      if (one === '') throw new UsageError(`--${name} needs a value: ${takes}`)
      return readValue(`--${name}`, reads, one)
    }
    values[name] = Array.isArray(value) ? value.map(read) : read(value)
  }
  const read = (word) => readValue(words.takes, words.reads, word)
  return { help: false, options: values, words: found.positionals.map(read) }
}

/**
 * The table that the words choose, and the words after that; the tool's own table if they choose none.
 */
function chooseWay(usage, given) {
  if (!usage.ways || given[0] !== '--as') return { way: usage, rest: given }
  const name = readValue('--as', oneOf(Object.keys(usage.ways)), given[1] ?? '')
  return { way: usage.ways[name], rest: given.slice(2) }
}

/**
 * Whether the module at this URL is what Node was started with, whatever name of the folder was used.
 */
export function isMain(url) {
  const started = process.argv[1]
  return started !== undefined && realpathSync(started) === fileURLToPath(url)
}

/**
 * Runs a tool if the module is the one that Node was started with.
 * @param {string} url the module's `import.meta.url`
 * @param {Usage} usage
 * @param {(options: Record<string, any>, words: any[], way: Usage) => Promise<void> | void} main
 */
export async function runCommand(url, usage, main) {
  if (!isMain(url)) return
  let way = usage
  let read
  try {
    const chosen = chooseWay(usage, process.argv.slice(2))
    way = chosen.way
    read = readCommandLine(way, chosen.rest)
    if (way.check && !read.help) way.check(read.options, read.words)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`error: ${error.message}\n\n${usageText(way)}`)
    process.exitCode = EXIT_USAGE
    return
  }
  if (read.help) return void process.stdout.write(usageText(way))
  await runTool(async () => {
    const { needs } = way
    const groups = typeof needs === 'function' ? needs(read.options, read.words) : needs
    if (groups) {
      // Loaded only here, since the set-up is a tool, too.
      const { setUp } = await import('./setup.mjs')
      setUp(...groups)
    }
    await main(read.options, read.words, way)
  })
}
