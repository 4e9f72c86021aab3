/** What the house test reads of our C: who includes whom, and how long functions are. */
import { dirname, join, normalize } from 'node:path'
import { circleIn, type ImportTable } from './rules.ts'

/** Our own files that a text includes, as it names them. */
export function includesOf(text: string): string[] {
  return [...text.matchAll(/^#include "([^"]+)"/gm)].map(([, name = '']) => name)
}

/** Where the compiler looks for a name in quotes, after the folder of the file itself. */
const SEARCHED = ['runtime/host', 'runtime/refusal']

/** Each of our C files with those that it includes; a file that isn't ours is a library's. */
export function includesAmong(files: readonly { path: string; text: string }[]) {
  const known = new Set(files.map(({ path }) => path))
  return new Map(
    files.map(({ path, text }): [string, string[]] => {
      const targets = includesOf(text).map((name) =>
        [dirname(path), ...SEARCHED]
          .map((folder) => normalize(join(folder, name)))
          .find((target) => known.has(target)),
      )
      return [path, targets.filter((target) => target !== undefined)]
    }),
  )
}

/** The first circle of files, where a header and the C file of its name are one. */
export function circleOfIncludes(includes: Map<string, string[]>): string[] | undefined {
  const unitOf = (path: string) => path.replace(/\.[ch]$/, '')
  const units = new Map<string, string[]>()
  for (const [path, targets] of includes) {
    const unit = unitOf(path)
    const others = targets.map(unitOf).filter((target) => target !== unit)
    units.set(unit, [...(units.get(unit) ?? []), ...others])
  }
  return circleIn(units)
}

/** Whether a C file may include another: its own folder's, the host's, and what its row says. */
export function mayInclude(table: ImportTable, path: string, target: string): boolean {
  const home = dirname(path)
  const room = dirname(target)
  if (room === home || (room === 'runtime/host' && home !== 'runtime/host')) return true
  return (table.get(home) ?? []).includes(room)
}

/** Functions of more lines than allowed. The formatter leaves only whole definitions at the margin. */
export function longCFunctions(text: string, linesMax: number): string[] {
  const lines = text.split('\n')
  const found: string[] = []
  for (const [index, line] of lines.entries()) {
    if (!/^(?!struct \w+ \{|enum|union|typedef)[a-zA-Z_].*\(/.test(line)) continue
    const last = lines.findIndex((each, at) => at >= index && /[{;]\s*$|[{;].*}$/.test(each))
    if (!lines[last]?.endsWith('{') || lines[last]?.endsWith('= {')) continue
    const count = lines.findIndex((each, at) => at > last && each.startsWith('}')) - index + 1
    if (count > linesMax) found.push(`line ${index + 1} has ${count} lines`)
  }
  return found
}
