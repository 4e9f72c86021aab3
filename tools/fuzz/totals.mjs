/** What runs came to, as a table, and what all of them on this machine came to, in `.cache/fuzz/totals.json`. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../workplace.mjs'

export const fuzzFolder = join(cacheFolder, 'fuzz')
const file = join(fuzzFolder, 'totals.json')

/** By target: `executions`, `seconds`, `coverage` of the newest run, `finds` of all. */
export function readTotals() {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

export function addTotals(name, { executions, seconds, coverage, finds }) {
  const totals = readTotals()
  const before = totals[name] ?? { executions: 0, seconds: 0, finds: [] }
  totals[name] = {
    executions: before.executions + executions,
    seconds: before.seconds + seconds,
    coverage,
    finds: [...before.finds, ...finds.map((find) => ({ file: find.file }))],
  }
  mkdirSync(fuzzFolder, { recursive: true })
  writeFileSync(`${file}.partial`, `${JSON.stringify(totals, null, 2)}\n`)
  renameSync(`${file}.partial`, file)
}

export const forgetTotals = () => rmSync(file, { force: true })

const HEAD = ['target', 'executions', 'per second', 'coverage', 'CPU hours', 'finds']

/** A row for each target, and their sum. One that never ran has only its name. */
export function table(rows) {
  const whole = (number) => Math.round(number).toLocaleString('en')
  const cells = rows.map(({ name, executions = 0, seconds = 0, coverage = '', finds = [] }) => [
    name,
    whole(executions),
    whole(seconds > 0 ? executions / seconds : 0),
    coverage,
    (seconds / 3600).toFixed(2),
    `${finds.length}`,
  ])
  const sum = (of) => rows.reduce((total, row) => total + of(row), 0)
  cells.push([
    'all',
    whole(sum(({ executions = 0 }) => executions)),
    '',
    '',
    (sum(({ seconds = 0 }) => seconds) / 3600).toFixed(2),
    `${sum(({ finds = [] }) => finds.length)}`,
  ])
  const widths = HEAD.map((_, at) => Math.max(...[HEAD, ...cells].map((row) => row[at].length)))
  const line = (row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
      .join('  ')
  return [HEAD, ...cells].map(line).join('\n')
}
