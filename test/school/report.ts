/** What a school's ways cost, as a table for people and as a picture: each beside one stock rsync a laptop. */
import type { Figures } from './scenario.ts'

const COLUMNS: [string, (figures: Figures, first: Figures) => string][] = [
  ['air, s', ({ airSeconds }) => airSeconds.toFixed(0)],
  ['of stock', ({ airSeconds }, first) => (airSeconds / first.airSeconds).toFixed(3)],
  ['busiest place, s', ({ busiestSeconds }) => busiestSeconds.toFixed(0)],
  ['MB at the server', ({ serverBytes }) => (serverBytes / 1e6).toFixed(1)],
  ['from neighbours', ({ fromNeighbours }) => `${fromNeighbours}`],
  ['50 %, min', ({ halfSeconds }) => minutes(halfSeconds)],
  ['90 %, min', ({ mostSeconds }) => minutes(mostSeconds)],
  ['100 %, min', ({ allSeconds }) => minutes(allSeconds)],
  ['of ideal', ({ allSeconds, busiestSeconds }) => (allSeconds / busiestSeconds).toFixed(2)],
]

function minutes(seconds: number): string {
  return (seconds / 60).toFixed(1)
}

export function tableOf(all: readonly Figures[]): string {
  const [first] = all
  if (!first) return ''
  const heads = ['', ...COLUMNS.map(([head]) => head)]
  const rows = all.map((one) => [one.name, ...COLUMNS.map(([, show]) => show(one, first))])
  const widths = heads.map((head, column) =>
    Math.max(...[head, ...rows.map((row) => row[column] ?? '')].map(({ length }) => length)),
  )
  const lines = [heads, ...rows].map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  )
  return lines.join('\n')
}

const WIDTH = 860
const MARGIN = 24
const LABEL_WIDTH = 230
const BAR_HEIGHT = 16
const ROOM_FOR_NUMBERS = 150
const GROUPS: [string, (figures: Figures) => number, (value: number) => string][] = [
  [
    'Air time of the whole school',
    ({ airSeconds }) => airSeconds,
    (value) => `${minutes(value)} min`,
  ],
  [
    'Air time of the busiest place',
    ({ busiestSeconds }) => busiestSeconds,
    (value) => `${minutes(value)} min`,
  ],
  [
    'Bytes at the server',
    ({ serverBytes }) => serverBytes,
    (value) => `${(value / 1e6).toFixed(1)} MB`,
  ],
  [
    'Until half of them have it',
    ({ halfSeconds }) => halfSeconds,
    (value) => `${minutes(value)} min`,
  ],
  [
    'Until nine of ten have it',
    ({ mostSeconds }) => mostSeconds,
    (value) => `${minutes(value)} min`,
  ],
  ['Until the last has it', ({ allSeconds }) => allSeconds, (value) => `${minutes(value)} min`],
]

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')

function words(x: number, y: number, text: string, look = ''): string {
  return `<text x="${x}" y="${y}" font-size="12" ${look}>${escaped(text)}</text>`
}

/** Bars, one group for each figure; each as long as its share of the first way's. */
export function pictureOf(all: readonly Figures[], caption: string): string {
  const parts = [words(MARGIN, MARGIN + 14, caption, 'font-weight="600"')]
  let y = MARGIN + 44
  const scale = WIDTH - 2 * MARGIN - LABEL_WIDTH - ROOM_FOR_NUMBERS
  for (const [title, of, show] of GROUPS) {
    parts.push(words(MARGIN, y, title, 'font-weight="600"'))
    const most = Math.max(...all.map(of))
    for (const one of all) {
      const x = MARGIN + LABEL_WIDTH
      const length = Math.max(1, (of(one) / most) * scale)
      y += BAR_HEIGHT
      parts.push(
        words(x - 8, y + 10, one.name, 'text-anchor="end"'),
        `<rect x="${x}" y="${y}" width="${length.toFixed(1)}" height="${BAR_HEIGHT - 4}" fill="#1f6feb"/>`,
        words(x + length + 6, y + 10, show(of(one))),
      )
    }
    y += 2 * BAR_HEIGHT + 8
  }
  const size = `width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}"`
  const look = 'font-family="sans-serif" fill="#1f2328"'
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${look}>\n` +
    `<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>\n${parts.join('\n')}\n</svg>\n`
  )
}
