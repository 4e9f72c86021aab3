/**
 * Draws what a benchmark measured, as an SVG: for each case and figure a bar for each contender, relative
 * to the last one (`rsync -az`), so that figures of different units stand side by side. Knows nothing of
 * how a run was made.
 */
import { LINE_METRICS, METRICS } from './figures.mjs'

const WIDTH = 860
const MARGIN = 24
const LABEL_WIDTH = 150
const BAR_HEIGHT = 13
const GROUP_GAP = 12
const CASE_GAP = 34
/** A bar that would be longer is cut, and says its number. */
const RATIO_MAX = 1.6
const COLOURS = ['#1f6feb', '#8c959f', '#d0d7de', '#bf8700', '#8250df']
const SHOWN = ['bytes', 'wall', 'lineWall', 'clientCpu', 'serverCpu', 'clientPeakMiB', 'written']

const escaped = (text) =>
  text.replace(
    /[&<>"]/g,
    (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign],
  )

const text = (x, y, words, { size = 12, anchor = 'start', weight = 400 } = {}) =>
  `<text x="${x}" y="${y}" font-size="${size}" text-anchor="${anchor}" font-weight="${weight}">` +
  `${escaped(words)}</text>`

/** The bars of one figure of one case, from `top`; and where they end. */
function group({ metric, contenders, reference, top }) {
  const parts = [
    text(MARGIN + LABEL_WIDTH - 8, top + BAR_HEIGHT - 2, metric.title, { anchor: 'end' }),
  ]
  const scale = (WIDTH - 2 * MARGIN - LABEL_WIDTH - 110) / RATIO_MAX
  let y = top
  contenders.forEach(({ medians }, index) => {
    const ratio = medians[metric.key] / reference[metric.key]
    const length = Math.max(1, Math.min(ratio, RATIO_MAX) * scale)
    const x = MARGIN + LABEL_WIDTH
    parts.push(
      `<rect x="${x}" y="${y}" width="${length.toFixed(1)}" height="${BAR_HEIGHT - 2}" ` +
        `fill="${COLOURS[index % COLOURS.length]}"/>`,
      text(x + length + 6, y + BAR_HEIGHT - 3, metric.show(medians[metric.key]), { size: 10 }),
    )
    y += BAR_HEIGHT
  })
  return { parts, bottom: y }
}

/** The figures of a case that everybody has, and that are not nothing for the reference. */
function metricsOf(contenders) {
  const reference = contenders.at(-1).medians
  return SHOWN.map((key) =>
    [...METRICS, ...LINE_METRICS].find((metric) => metric.key === key),
  ).filter(
    ({ key }) =>
      reference[key] > 0 && contenders.every(({ medians }) => medians[key] !== undefined),
  )
}

/**
 * @param {{ time: string, cases: { title: string, contenders: object[] }[] }} record what `--json` writes
 * @param {string} caption which trees, and on what machine
 */
export function plot(record, caption) {
  const parts = []
  let y = MARGIN + 14
  parts.push(
    text(MARGIN, y, 'Upgrades, relative to rsync -az (shorter is better)', {
      size: 16,
      weight: 600,
    }),
  )
  y += 20
  parts.push(text(MARGIN, y, `${record.time.slice(0, 10)}: ${caption}`, { size: 11 }))
  const [{ contenders: named }] = record.cases
  y += 14
  named.forEach(({ name }, index) => {
    const x = MARGIN + index * 170
    parts.push(
      `<rect x="${x}" y="${y}" width="11" height="11" fill="${COLOURS[index % COLOURS.length]}"/>`,
      text(x + 16, y + 10, name),
    )
  })
  y += CASE_GAP
  for (const { title, contenders } of record.cases) {
    parts.push(text(MARGIN, y, title, { size: 13, weight: 600 }))
    y += 10
    for (const metric of metricsOf(contenders)) {
      const drawn = group({ metric, contenders, reference: contenders.at(-1).medians, top: y })
      parts.push(...drawn.parts)
      y = drawn.bottom + GROUP_GAP
    }
    y += CASE_GAP - GROUP_GAP
  }
  const height = y
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" fill="#1f2328">\n` +
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>\n${parts.join('\n')}\n</svg>\n`
  )
}
