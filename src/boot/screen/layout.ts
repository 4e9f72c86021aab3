/** A screen of text that fits the smallest console there is, 80 columns by 24 rows. Pure. */

/** In the last column some consoles begin a new row by themselves. */
const COLUMNS = 79
/** The cursor is in the last row. */
const ROWS = 23
/** No single sentence takes the room of all the others: the boot's log has the rest. */
const SENTENCE_ROWS_MAX = 3
const BULLET = '  - '

/** If there is not room for everything, `found` gives way: its last sentences are left out. */
export function layOut(first: string[], found: string[], last: string[]): string[] {
  const head = first.flatMap((line) => wrap(line, '', ''))
  const tail = last.flatMap((line) => wrap(line, '', ''))
  const room = ROWS - head.length - tail.length
  const rows = found.map((text) => {
    const all = wrap(text, BULLET, ' '.repeat(BULLET.length))
    if (all.length <= SENTENCE_ROWS_MAX) return all
    const kept = all.slice(0, SENTENCE_ROWS_MAX)
    const cut = kept[SENTENCE_ROWS_MAX - 1] ?? ''
    kept[SENTENCE_ROWS_MAX - 1] = `${cut.slice(0, COLUMNS - 4)} ...`
    return kept
  })
  const body: string[] = []
  for (const [index, one] of rows.entries()) {
    const isLast = index === rows.length - 1
    if (body.length + one.length + (isLast ? 0 : 1) > room) {
      body.push(`${BULLET}and ${rows.length - index} more, in the log.`)
      break
    }
    body.push(...one)
  }
  return [...head, ...body, ...tail]
}

/** Breaks between words, and within a word only if it is longer than a row. */
function wrap(text: string, indent: string, next: string): string[] {
  const rows: string[] = []
  let row = indent
  let isEmpty = true
  for (const word of text.split(' ')) {
    let rest = word
    if (!isEmpty && row.length + 1 + rest.length > COLUMNS) {
      rows.push(row)
      row = next
      isEmpty = true
    }
    while (row.length + rest.length > COLUMNS) {
      const count = COLUMNS - row.length
      rows.push(row + rest.slice(0, count))
      rest = rest.slice(count)
      row = next
    }
    row += isEmpty ? rest : ` ${rest}`
    isEmpty = false
  }
  rows.push(row)
  return rows
}
