/**
 * What the operator of a home server wants: the texts of its folder, parsed. Line-based files that a
 * person or a script can write; an error names the line. Reading and watching them is
 * folder.ts's.
 */
import { areSources, isMessage, isSerial, PRIORITIES, type Priority } from '../call-home/reply.ts'
import { ConfigError } from '../errors.ts'
import { VERSION_MAX } from '../limits.ts'
import { isAudience, parseInstant } from '../release/fields.ts'
import { bytesOfText, show } from '../text.ts'

/** A lease that ends at an instant (seconds since 1970), or lasts this long from each answer on. */
type Lease = { end: number } | { seconds: number }

/** One value for all laptops, with other ones for deployments and single laptops. */
export interface PolicyChoice<Value> {
  any: Value | undefined
  deployments: Map<string, Value>
  serials: Map<string, Value>
}

export interface DeploymentPolicy {
  latest: number | undefined
  rollOut: { version: number; percent: number } | undefined
  pins: PolicyChoice<number>
  stolen: Set<string>
  leases: PolicyChoice<Lease>
  intervalSeconds: number
  priority: Priority
  message: string
  sources: string[]
}

/** The files of the folder, all of which may be missing. */
export const POLICY_FILES = ['latest', 'roll-out', 'pins', 'stolen', 'leases', 'answers'] as const
type PolicyFile = (typeof POLICY_FILES)[number]
export type PolicyTexts = Partial<Record<PolicyFile, string>>

const INTERVAL_SECONDS = 6 * 3600
const INTERVAL_MAX_MINUTES = 366 * 24 * 60
const LEASE_MAX_DAYS = 3660
/** Of wrong lines: a list of serial numbers in the wrong file has thousands. */
const SHOWN_MAX = 20

/** One line that says something, with its place. */
class Line {
  readonly words: string[]

  constructor(
    readonly text: string,
    readonly place: string,
  ) {
    this.words = text.split(/[ \t]+/)
  }

  fail(allowed: string): never {
    const found = show(bytesOfText(this.text.slice(0, 100)))
    throw new ConfigError(`${this.place}: "${found}"; allowed: ${allowed}`)
  }

  version(word: string | undefined, allowed: string): number {
    const version = /^[1-9][0-9]{0,8}$/.test(word ?? '') ? Number(word) : 0
    return version >= 1 && version <= VERSION_MAX ? version : this.fail(allowed)
  }
}

/** Goes through all that a person wrote, so that one look at the message is enough to mend it. */
class Faults {
  readonly #messages: string[] = []

  /** For each line that is right, what it says. */
  each<Value>(lines: Line[], read: (line: Line) => Value): Value[] {
    return lines.flatMap((line) => this.#try(() => [read(line)]) ?? [])
  }

  /** Of a file with one line; undefined if it says nothing, or something wrong. */
  only<Value>(lines: Line[], read: (line: Line) => Value): Value | undefined {
    const first = (line: Line) => (line === lines[0] ? read(line) : line.fail('one line only'))
    return this.each(lines, first)[0]
  }

  #try<Value>(act: () => Value): Value | undefined {
    try {
      return act()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#messages.push(error.message)
      return undefined
    }
  }

  throwAll(): void {
    const { length } = this.#messages
    if (length === 0) return
    const more = length > SHOWN_MAX ? `; and ${length - SHOWN_MAX} more` : ''
    throw new ConfigError(`${this.#messages.slice(0, SHOWN_MAX).join('; ')}${more}`)
  }
}

/** Without comments and empty lines. `name` is the folder's, for messages. */
function linesOf(texts: PolicyTexts, file: PolicyFile, name: string): Line[] {
  const lines = (texts[file] ?? '').split('\n').map((text, index) => {
    return new Line(text.trim(), `${name}/${file}, line ${index + 1}`)
  })
  return lines.filter(({ text }) => text !== '' && !text.startsWith('#'))
}

/** Throws a ConfigError that names each wrong line with its file. */
export function parsePolicy(texts: PolicyTexts, name: string): DeploymentPolicy {
  const faults = new Faults()
  const lines = (file: PolicyFile) => linesOf(texts, file, name)
  const leases = 'DAYS, or an instant such as 2027-01-31T00:00:00Z'
  const policy = {
    latest: faults.only(lines('latest'), latestOf),
    rollOut: faults.only(lines('roll-out'), rollOutOf),
    pins: chosen(faults, lines('pins'), 'VERSION', (line, word, allowed) =>
      line.version(word, allowed),
    ),
    stolen: new Set(faults.each(lines('stolen'), serialOf)),
    leases: chosen(faults, lines('leases'), leases, leaseOf),
    ...answersOf(faults, lines('answers')),
  }
  faults.throwAll()
  return policy
}

function latestOf(line: Line): number {
  return line.version(line.text, `a version, 1 to ${VERSION_MAX}`)
}

function rollOutOf(line: Line): DeploymentPolicy['rollOut'] {
  const allowed = '"VERSION PERCENT", for instance "43 25"'
  const [version, percent, ...more] = line.words
  if (more.length > 0 || !/^(100|[1-9]?[0-9])(\.[0-9]{1,2})?$/.test(percent ?? '')) {
    line.fail(allowed)
  }
  const part = Number(percent)
  if (part > 100) line.fail(allowed)
  return { version: line.version(version, allowed), percent: part }
}

function serialOf(line: Line): string {
  return isSerial(line.text) ? line.text : line.fail('one serial number')
}

/** Lines of `any VALUE`, `deployment NAME VALUE` and `serial NUMBER VALUE`. */
function chosen<Value>(
  faults: Faults,
  lines: Line[],
  what: string,
  read: (line: Line, word: string, allowed: string) => Value,
): PolicyChoice<Value> {
  const result: PolicyChoice<Value> = { any: undefined, deployments: new Map(), serials: new Map() }
  const allowed = `"any VALUE", "deployment NAME VALUE" or "serial NUMBER VALUE", VALUE being ${what}`
  faults.each(lines, (line) => {
    const { kind, name, word } = choiceOf(line) ?? line.fail(allowed)
    const value = read(line, word, allowed)
    const map = kind === 'deployment' ? result.deployments : result.serials
    if (kind === 'any') {
      if (name !== undefined || result.any !== undefined) line.fail(`${allowed}; "any" once`)
      result.any = value
      return
    }
    const isName = kind === 'deployment' ? isAudience(name ?? '') : isSerial(name ?? '')
    if (name === undefined || !isName || map.has(name)) line.fail(`${allowed}; each name once`)
    else map.set(name, value)
  })
  return result
}

/** `KIND VALUE` or `KIND NAME VALUE`: a name may have blanks in it. */
function choiceOf({ text, words }: Line) {
  const [kind = '', word = ''] = [words[0], words.at(-1)]
  if (!['any', 'deployment', 'serial'].includes(kind) || words.length < 2) return undefined
  const name = text.slice(kind.length, text.length - word.length).trim()
  return { kind, name: name === '' ? undefined : name, word }
}

function leaseOf(line: Line, word: string, allowed: string): Lease {
  const end = parseInstant(word)
  if (end !== undefined) return { end }
  const days = /^[1-9][0-9]{0,3}$/.test(word) ? Number(word) : 0
  if (days < 1 || days > LEASE_MAX_DAYS) line.fail(allowed)
  return { seconds: days * 86_400 }
}

const ANSWERS = '"interval-minutes", "priority", "message" or "source", "=", and its value'

function answersOf(
  faults: Faults,
  lines: Line[],
): Pick<DeploymentPolicy, 'intervalSeconds' | 'priority' | 'message' | 'sources'> {
  const answers = {
    intervalSeconds: INTERVAL_SECONDS,
    priority: 'normal' as Priority,
    message: '',
    sources: [] as string[],
  }
  faults.each(lines, (line) => {
    const equals = line.text.indexOf('=')
    const key = line.text.slice(0, Math.max(equals, 0)).trim()
    const value = line.text.slice(equals + 1).trim()
    if (key === 'interval-minutes') {
      const minutes = /^[1-9][0-9]{0,6}$/.test(value) ? Number(value) : 0
      if (minutes < 1 || minutes > INTERVAL_MAX_MINUTES) {
        line.fail(`1 to ${INTERVAL_MAX_MINUTES} minutes`)
      }
      answers.intervalSeconds = minutes * 60
    } else if (key === 'priority') {
      answers.priority =
        PRIORITIES.find((priority) => priority === value) ?? line.fail(PRIORITIES.join(', '))
    } else if (key === 'message') {
      if (!isMessage(value)) line.fail('a line of at most 500 characters')
      answers.message = value
    } else if (key === 'source') {
      answers.sources.push(value)
      if (!areSources(answers.sources)) line.fail('at most 8 URLs, without blanks')
    } else line.fail(ANSWERS)
  })
  return answers
}
