/**
 * The command line's words: `arg` parses them by the table of the command. Numbers and choices are
 * checked here, so that a command sees only what it can use.
 */
import arg from 'arg'
import { ConfigError } from '../errors.ts'
import { VERSION_MAX } from '../limits.ts'
import { didYouMean } from '../nearest.ts'
import { bytesOfText } from '../text.ts'

export interface Option {
  /** With its dashes: `--store`. */
  name: string
  /** The name of its value in the help; undefined: it has none. */
  value?: string
  repeated?: boolean
  required?: boolean
  help: string
}

export type Values = Record<string, string | string[] | boolean | undefined>

export function parseOptions(words: string[], options: Option[], command: string): Values {
  const specification: arg.Spec = {}
  for (const { name, value, repeated } of options) {
    specification[name] = value === undefined ? Boolean : repeated ? [String] : String
    if (name === '--help') specification['-h'] = name
  }
  const cure = `xo-upgrade ${command} --help lists what it takes`
  let values: Values & { _: string[] }
  try {
    values = arg(specification, { argv: words }) as Values & { _: string[] }
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ArgError') throw error
    const names = options.map(({ name }) => name)
    const unknown = words.find((word) => /^--[^=]/.test(word) && !names.includes(nameIn(word)))
    const guess = unknown === undefined ? '' : didYouMean(nameIn(unknown), names)
    throw new ConfigError(`${bytesOfText(error.message)}${guess}`, cure)
  }
  const [stray] = values._
  if (stray !== undefined) throw new ConfigError(`"${stray}" is not expected here`, cure)
  if (values['--help']) return values
  const missing = options.find((option) => option.required && values[option.name] === undefined)
  if (missing) throw new ConfigError(`${missing.name} ${missing.value} is missing`, cure)
  return values
}

const nameIn = (word: string) => word.split('=', 1)[0] as string

/** The option whose value is a path that the kernel refused, with that value; undefined if there is none. */
export function optionOfPath(
  options: readonly Option[],
  values: Values,
  path: string,
): string | undefined {
  return options.find(({ name }) => [values[name]].flat().includes(path))?.name
}

export function textOf(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** For an option that may be repeated; undefined if it was not given. */
export function textsOf(values: Values, name: string): string[] | undefined {
  const value = values[name]
  return Array.isArray(value) ? value : undefined
}

export function versionOf(values: Values, name: string): number | undefined {
  const value = textOf(values, name)
  if (value === undefined) return undefined
  const version = Number(value)
  if (!/^[0-9]{1,9}$/.test(value) || version < 1 || version > VERSION_MAX) {
    throw new ConfigError(`${name} is "${value}", allowed: a number from 1 to ${VERSION_MAX}`)
  }
  return version
}

export function numberOf(values: Values, name: string, max: number): number | undefined {
  const value = textOf(values, name)
  if (value === undefined) return undefined
  if (!/^[0-9]{1,12}$/.test(value) || Number(value) > max) {
    throw new ConfigError(`${name} is "${value}", allowed: a number from 0 to ${max}`)
  }
  return Number(value)
}
