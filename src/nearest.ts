/** "Did you mean": the known word that a mistyped one is nearest to. */

/** A word of three letters with two wrong ones is another word. */
const MISTAKES_MAX_RATIO = 0.4

/** The nearest, if it is near enough that somebody may have meant it. */
function nearestOf(word: string, known: readonly string[]): string | undefined {
  const length = Math.max(word.length, 1)
  const ranked = known
    .filter((one) => Math.abs(one.length - length) <= length)
    .map((one) => ({ one, mistakes: mistakesBetween(word, one) }))
    .sort((a, b) => a.mistakes - b.mistakes)
  const [first] = ranked
  return first && first.mistakes <= length * MISTAKES_MAX_RATIO ? first.one : undefined
}

/** As a question, to be put behind a message; nothing if no known word is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const one = nearestOf(word, known)
  return one === undefined ? '' : `; did you mean ${one}?`
}

/** Letters to add, drop or change (Levenshtein), with two swapped neighbours as one mistake. */
function mistakesBetween(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, at) => at)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const above = rows[i - 1] as number[]
      const changed = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const least = Math.min(changed, (above[j] as number) + 1, (row[j - 1] as number) + 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(swapped ? Math.min(least, ((rows[i - 2] as number[])[j - 2] as number) + 1) : least)
    }
    rows.push(row)
  }
  return (rows[a.length] as number[])[b.length] as number
}
