/**
 * rsync's wildcards (wildmatch.c): `*`, `?` and classes stay within a name, `**` crosses slashes, a backslash
 * takes the next character as it is. A pattern is a stranger's: all its ways are gone together, character by
 * character, so that none costs more than its length times that of the name, and the work is counted.
 */
import { FILTER_WORK_MAX } from '../limits.ts'
import { RsyncRefusal } from './refusal.ts'

type Piece =
  | { kind: 'star' | 'stars' | 'any' }
  | { kind: 'one'; matches(code: number): boolean }
  | { kind: 'character'; code: number }

const SLASH = 47

export function hasWildcards(pattern: string): boolean {
  return /[*?[]/.test(pattern)
}

/** What all patterns of a session may cost together, in steps. */
export class MatchingWork {
  #done = 0

  add(steps: number): void {
    this.#done += steps
    if (this.#done > FILTER_WORK_MAX) throw new RsyncRefusal('the patterns take too much work', 4)
  }
}

export class Wildcards {
  readonly #pieces: readonly Piece[]
  /** States of the moment and of the next: a piece that may come, each once. */
  #states: number[] = []
  #next: number[] = []
  readonly #seen: Int32Array
  #stamp = 0

  constructor(
    pattern: string,
    readonly work: MatchingWork,
  ) {
    this.#pieces = parse(pattern)
    this.#seen = new Int32Array(this.#pieces.length + 1)
  }

  /** Whether it matches the text from `start` to its end. */
  matches(text: string, start = 0): boolean {
    this.#states.length = 0
    this.#begin()
    this.#add(this.#states, 0)
    for (let i = start; i < text.length && this.#states.length > 0; i++) {
      this.work.add(this.#states.length)
      this.#step(text.charCodeAt(i))
    }
    return this.#states.includes(this.#pieces.length)
  }

  #begin(): void {
    this.#stamp++
  }

  #step(code: number): void {
    this.#next.length = 0
    this.#begin()
    for (const state of this.#states) {
      const piece = this.#pieces[state]
      if (!piece) continue
      if (piece.kind === 'stars' || (piece.kind === 'star' && code !== SLASH)) {
        this.#add(this.#next, state)
      } else if (takes(piece, code)) {
        this.#add(this.#next, state + 1)
      }
    }
    const states = this.#states
    this.#states = this.#next
    this.#next = states
  }

  /** A star may stand for nothing: what follows it may come, too. */
  #add(states: number[], first: number): void {
    for (let state = first; this.#seen[state] !== this.#stamp; state++) {
      this.#seen[state] = this.#stamp
      states.push(state)
      const kind = this.#pieces[state]?.kind
      if (kind !== 'star' && kind !== 'stars') return
    }
  }
}

function takes(piece: Piece, code: number): boolean {
  switch (piece.kind) {
    case 'any':
      return code !== SLASH
    case 'character':
      return code === piece.code
    case 'one':
      return code !== SLASH && piece.matches(code)
    default:
      return false
  }
}

function parse(pattern: string): Piece[] {
  const pieces: Piece[] = []
  for (let i = 0; i < pattern.length; ) {
    const character = pattern.charAt(i)
    if (character === '*') {
      const stars = /^\*+/.exec(pattern.slice(i))?.[0].length ?? 1
      pieces.push({ kind: stars > 1 ? 'stars' : 'star' })
      i += stars
    } else if (character === '?') {
      pieces.push({ kind: 'any' })
      i++
    } else if (character === '[') {
      const { piece, next } = parseClass(pattern, i)
      pieces.push(piece)
      i = next
    } else {
      if (character === '\\' && i + 1 < pattern.length) i++
      pieces.push({ kind: 'character', code: pattern.charCodeAt(i) })
      i++
    }
  }
  return pieces
}

/** Names of POSIX, for the letters of ASCII. */
const CLASSES = new Map(
  Object.entries({
    alnum: /[A-Za-z0-9]/,
    alpha: /[A-Za-z]/,
    blank: /[ \t]/,
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what the class is.
    cntrl: /[\x00-\x1f\x7f]/,
    digit: /[0-9]/,
    graph: /[!-~]/,
    lower: /[a-z]/,
    print: /[ -~]/,
    punct: /[!-/:-@[-`{-~]/,
    space: /[\t-\r ]/,
    upper: /[A-Z]/,
    xdigit: /[0-9A-Fa-f]/,
  }),
)

/** `at` is where the bracket stands. A class without an end matches nothing, as in wildmatch.c. */
function parseClass(pattern: string, at: number): { piece: Piece; next: number } {
  let i = at + 1
  const negated = pattern.charAt(i) === '!' || pattern.charAt(i) === '^'
  if (negated) i++
  const tests: ((code: number) => boolean)[] = []
  let previous: number | undefined
  for (let first = true; first || pattern.charAt(i) !== ']'; first = false) {
    if (i >= pattern.length) return { piece: { kind: 'one', matches: () => false }, next: i }
    const named = /^\[:([a-z]+):\]/.exec(pattern.slice(i, i + 12))
    if (named) {
      const expression = CLASSES.get(named[1] as string)
      tests.push((code) => expression?.test(String.fromCharCode(code)) ?? false)
      previous = undefined
      i += named[0].length
      continue
    }
    const next = pattern.charAt(i + 1)
    if (pattern.charAt(i) === '-' && previous !== undefined && next !== '' && next !== ']') {
      const low = previous
      i += next === '\\' && i + 2 < pattern.length ? 2 : 1
      const high = pattern.charCodeAt(i)
      tests.push((code) => code >= low && code <= high)
      previous = undefined
    } else {
      if (pattern.charAt(i) === '\\' && i + 1 < pattern.length) i++
      const only = pattern.charCodeAt(i)
      tests.push((code) => code === only)
      previous = only
    }
    i++
  }
  const matches = (code: number) => tests.some((test) => test(code)) !== negated
  return { piece: { kind: 'one', matches }, next: i + 1 }
}
