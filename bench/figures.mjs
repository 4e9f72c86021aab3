/**
 * From the figures of single runs to what is shown: medians, ratios, and tables of text. Knows
 * nothing of how a run was made.
 */

/** What is compared, in the order of the columns. All smaller is better. */
export const METRICS = [
  { key: 'wall', title: 'wall s', show: (value) => value.toFixed(2) },
  { key: 'wallSynced', title: '+sync s', show: (value) => value.toFixed(2) },
  { key: 'clientCpu', title: 'client CPU s', show: (value) => value.toFixed(2) },
  { key: 'serverCpu', title: 'server CPU s', show: (value) => value.toFixed(2) },
  { key: 'clientPeakMiB', title: 'client MiB', show: (value) => value.toFixed(1) },
  { key: 'written', title: 'written B', show: grouped },
  { key: 'received', title: 'received B', show: grouped },
  { key: 'sent', title: 'sent B', show: grouped },
  { key: 'bytes', title: 'both ways B', show: grouped },
  { key: 'connections', title: 'connections', show: grouped },
]

/** What a slow line shows, where it was asked for: measured once. */
export const LINE_METRICS = [
  { key: 'roundTrips', title: 'round trips', show: grouped },
  { key: 'lineWall', title: 'slow line s', show: (value) => value.toFixed(1) },
]

export function grouped(value) {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The medians of every metric over one contender's runs of one case. */
export function mediansOf(runs) {
  const medians = {}
  for (const { key } of METRICS) medians[key] = median(runs.map((run) => run[key]))
  return medians
}

export function ratiosOf(medians, reference) {
  const ratios = {}
  for (const key of Object.keys(medians)) {
    ratios[key] = reference[key] > 0 ? medians[key] / reference[key] : undefined
  }
  return ratios
}

const showRatio = (ratio) => {
  if (ratio === undefined) return '-'
  return ratio < 0.095 ? ratio.toFixed(4) : ratio.toFixed(2)
}

/** Rows of words as text: the first column to the left, the others to the right. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n')
}

/**
 * One case as a table: a row a contender, then the ratios of the others to the last.
 * @param {{ title: string, contenders: { name: string, medians: object }[] }} result
 */
export function caseTable({ contenders }) {
  const reference = contenders.at(-1)
  const metrics = [...METRICS, ...LINE_METRICS].filter(({ key }) => key in reference.medians)
  const rows = [['', ...metrics.map(({ title }) => title)]]
  for (const { name, medians } of contenders) {
    rows.push([name, ...metrics.map(({ key, show }) => show(medians[key]))])
  }
  for (const { name, medians } of contenders.slice(0, -1)) {
    const ratios = ratiosOf(medians, reference.medians)
    rows.push([
      `  ${name} to ${reference.name}`,
      ...metrics.map(({ key }) => showRatio(ratios[key])),
    ])
  }
  return table(rows)
}

/** What other programs fetch, as a table. @param {{ name: string, upgrade: Fetched, fresh?: Fetched }[]} results */
export function othersTable(results) {
  const shown = (fetched) => [
    fetched === undefined ? '-' : grouped(fetched.bytes),
    fetched?.wall === undefined ? '-' : fetched.wall.toFixed(2),
  ]
  return table([
    ['', 'upgrade B', 'wall s', 'fresh B', 'wall s'],
    ...results.map(({ name, upgrade, fresh }) => [name, ...shown(upgrade), ...shown(fresh)]),
  ])
}
