/**
 * A client's filter rules, as its `--include` and `--exclude` send them: parsed, and asked of each name that
 * would be listed. The client checks what we list against the same rules, so they are applied exactly as
 * rsync's exclude.c does. Rules that read files of the module (`:` and `.`) and CVS's are refused.
 */
import type { Path } from '../host.ts'
import { FILTER_RULES_MAX } from '../limits.ts'
import { show } from '../text.ts'
import { RsyncRefusal } from './refusal.ts'
import { hasWildcards, MatchingWork, Wildcards } from './wildcards.ts'

interface Rule {
  includes: boolean
  negated: boolean
  foldersOnly: boolean
  /** The first character of the name that is compared; undefined: it can't match. */
  begins(name: Path): number | undefined
  /** After every slash, too. */
  everywhere: boolean
  /** A folder is compared with a slash at its end, for `/***`. */
  slashAfter: boolean
  matches(name: Path, start: number): boolean
}

export class Filters {
  readonly #rules: Rule[] = []
  readonly #work = new MatchingWork()
  #count = 0

  /** One rule as it came. */
  add(text: string): void {
    if (++this.#count > FILTER_RULES_MAX) {
      throw new RsyncRefusal(`more than ${FILTER_RULES_MAX} filter rules`, 4)
    }
    const found = /^([-+!HSPR:.])([^ _]*)(?:[ _]|$)([\s\S]*)$/.exec(text)
    if (!found) throw unusable(text)
    const [, action = '', words = '', pattern = ''] = found
    // The ends of a long form, and what only old clients leave out, come to the same.
    if (action === '!') {
      this.#rules.length = 0
      return
    }
    if (!/^[-+HSPR]$/.test(action) || !/^[/!srpx]*$/.test(words) || pattern === '') {
      throw unusable(text)
    }
    // What concerns the receiving side alone, or extended attributes, which we don't send.
    const receives = words.includes('r') && !words.includes('s')
    if (/[PR]/.test(action) || receives || words.includes('x')) return
    // Paths from the root of the disk, which a client can't know of a module.
    if (words.includes('/')) throw unusable(text)
    this.#rules.push(ruleOf(pattern, /[+S]/.test(action), words.includes('!'), this.#work))
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0
  }

  /** Whether a name of the list is left out. The first rule that matches decides. */
  excludes(name: Path, isFolder: boolean): boolean {
    if (name === '.') return false
    for (const rule of this.#rules) {
      if (applies(rule, name, isFolder) !== rule.negated) return !rule.includes
    }
    return false
  }
}

function unusable(text: string): RsyncRefusal {
  return new RsyncRefusal(`this server can't apply the filter rule "${show(text)}"`, 4)
}

function applies(rule: Rule, name: Path, isFolder: boolean): boolean {
  if (rule.foldersOnly && !isFolder) return false
  const first = rule.begins(name)
  if (first === undefined) return false
  const compared = rule.slashAfter && isFolder ? `${name}/` : name
  if (rule.matches(compared, first)) return true
  if (!rule.everywhere) return false
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
    if (rule.matches(compared, at + 1)) return true
  }
  return false
}

/** exclude.c rule_matches, taken apart by what is known of the pattern. */
function ruleOf(text: string, includes: boolean, negated: boolean, work: MatchingWork): Rule {
  const foldersOnly = text.length > 1 && text.endsWith('/')
  const pattern = foldersOnly ? text.slice(0, -1) : text
  const slashes = pattern.split('/').length - 1
  const crossing = pattern.includes('**')
  const crossingFirst = pattern.startsWith('**')
  const anchored = pattern.startsWith('/')
  const common = { includes, negated, foldersOnly, slashAfter: pattern.endsWith('***') }
  const compared = anchored ? pattern.slice(1) : pattern
  const begins = (name: Path): number | undefined => {
    if (slashes === 0 && !crossing) return name.lastIndexOf('/') + 1
    if (anchored || crossing) return 0
    return lastNames(name, slashes + 1)
  }
  const everywhere = !anchored && crossing && !crossingFirst
  if (!hasWildcards(pattern)) {
    const matches = (name: Path, start: number) => name.slice(start) === compared
    return { ...common, begins, everywhere, matches }
  }
  const wildcards = new Wildcards(compared, work)
  // `**/x` also matches `x`: the name is compared as if a slash stood before it.
  const matches = (name: Path, start: number) =>
    wildcards.matches(crossingFirst ? `/${name}` : name, start)
  return { ...common, begins, everywhere, matches }
}

/** Where the last `count` names of a path begin; undefined if it has fewer. */
function lastNames(path: Path, count: number): number | undefined {
  let at = path.length
  for (let i = 0; i < count; i++) {
    if (at < 0) return undefined
    at = path.lastIndexOf('/', at - 1)
    if (at === -1 && i < count - 1) return undefined
  }
  return at + 1
}
