/** What the tidy test is made of: reading imports, the table of who may import whom, and lengths. */

import { RegExpParser } from '@eslint-community/regexpp'
import { analyse } from 'scslre'
import typescript from 'typescript'

interface Import {
  from: string
  /** Only types, which are gone when the program runs. */
  isType: boolean
}

const CLAUSE = /(?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)?\s*from\s+/.source
const STATEMENT = new RegExp(
  `^(?:import|export)\\s+(type\\s+)?(?:${CLAUSE})?['"]([^'"]+)['"]`,
  'gm',
)
const EXPRESSION = /(await\s+)?\bimport\(\s*['"]([^'"]+)['"]/g

export function importsOf(text: string): Import[] {
  const statements = [...text.matchAll(STATEMENT)].map(([, type, from]) => {
    return { from: from ?? '', isType: type !== undefined }
  })
  // Elsewhere than after `await`, it names a type.
  const expressions = [...text.matchAll(EXPRESSION)].map(([, awaits, from]) => {
    return { from: from ?? '', isType: awaits === undefined }
  })
  return [...statements, ...expressions]
}

const TAKING = /^(?:import|export)\s+(?:type\s+)?([^'";]*?)\s*from\s+['"](\.[^'"]+)['"]/gm
const WORD = /[\w$]+/g

/** The names that a file takes from others; of one that is taken as a whole, any word may be a name of it. */
export function namesTaken(text: string): { from: string; names: Set<string> }[] {
  const named = [...text.matchAll(TAKING)].map(([, clause = '', from = '']) => {
    return { from, names: new Set((clause.includes('*') ? text : clause).match(WORD)) }
  })
  const whole = [...text.matchAll(EXPRESSION)].map(([, , from = '']) => {
    return { from, names: new Set(text.match(WORD)) }
  })
  return [...named, ...whole]
}

/** Each room with those that it may import. */
export type ImportTable = Map<string, string[]>

const namesIn = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '')

/** The rows below the heading, such as `| folder | may import |`. */
export function parseTable(document: string, heading: string): ImportTable {
  const table: ImportTable = new Map()
  const start = document.indexOf(`\n${heading}\n`) + 1 || (document.startsWith(heading) ? 0 : -1)
  const rows = start < 0 ? [] : document.slice(start).split('\n').slice(2)
  for (const row of rows) {
    if (!row.startsWith('|')) break
    const [, folder = '', allowed = ''] = row.split('|')
    // What doesn't fit in one row goes on in the next.
    for (const name of namesIn(folder)) {
      table.set(name, [...(table.get(name) ?? []), ...namesIn(allowed)])
    }
  }
  return table
}

/** Whether a file of the tests may import another file: its own folder's, support, and what its row says. */
export function mayTestImport(table: ImportTable, path: string, target: string): boolean {
  const [home, room] = [path, target].map((file) => file.split('/').slice(0, 2).join('/'))
  if (home === undefined || room === undefined || !room.startsWith('test/')) return true
  if (!path.startsWith('test/')) return false
  if (home === room) return true
  if (home === 'test/support') return false
  return room === 'test/support' || (table.get(home) ?? []).includes(room)
}

export function mayImport(table: ImportTable, path: string, target: string): boolean {
  if (isCommon(table, target)) return true
  const home = roomOf(table, path)
  if (home === undefined) return false
  const room = roomOf(table, target)
  return room !== undefined && (room === home || (table.get(home) ?? []).includes(room))
}

/** What stands in src itself and has no row: everybody may know it, and it knows only its like. */
function isCommon(table: ImportTable, path: string): boolean {
  return /^src\/[^/]+\.ts$/.test(path) && !table.has(path)
}

/** The row of the table that a file belongs to: of a room within a room, the inner one's. */
function roomOf(table: ImportTable, path: string): string | undefined {
  const rooms = [...table.keys()].filter((name) => path === name || path.startsWith(`${name}/`))
  return rooms.sort((a, b) => b.length - a.length)[0]
}

/**
 * The first way that leads from a file back to itself, as a list of files; undefined if none does.
 */
export function circleIn(imports: Map<string, string[]>): string[] | undefined {
  const done = new Set<string>()
  const visit = (path: string, way: string[]): string[] | undefined => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path]
    if (done.has(path)) return undefined
    for (const target of imports.get(path) ?? []) {
      const circle = visit(target, [...way, path])
      if (circle) return circle
    }
    done.add(path)
    return undefined
  }
  for (const path of imports.keys()) {
    const circle = visit(path, [])
    if (circle) return circle
  }
  return undefined
}

/** The text without the strings that a rule's own test needs. */
export function withoutExceptions(text: string): string {
  return text.replace(/\/\\btest[^\n]*/g, '')
}

/**
 * Functions and methods of more lines than allowed. The formatter puts the closing brace at the
 * column of the line that opens the body.
 */
export function longFunctions(text: string, linesMax: number): string[] {
  const lines = text.split('\n')
  const opening =
    /^(\s*)(?:export |async |private |static |default )*(?:function\b|[\w#]+\(|constructor\()/
  const found: string[] = []
  for (const [index, line] of lines.entries()) {
    const indent = opening.exec(line)?.[1]
    if (indent === undefined || /^\s*(if|for|while|switch|return|throw|catch)\b/.test(line))
      continue
    // Parameters on lines of their own end in a line that begins with the bracket.
    const head = line.endsWith('(')
      ? lines.slice(index + 1).find((each) => each.startsWith(`${indent})`))
      : line
    if (!head?.endsWith('{')) continue
    const end = lines.findIndex((each, at) => at > index && each.startsWith(`${indent}}`))
    const count = end - index + 1
    if (lines[end] === `${indent}}` && count > linesMax) {
      found.push(`line ${index + 1} has ${count} lines`)
    }
  }
  return found
}

/**
 * Expressions that go back over what they have looked at, so that a stranger's bytes make them take time
 * that grows with the square of their length or worse; and those made of strings, which nobody can check.
 */
export function backtracking(text: string): string[] {
  const source = typescript.createSourceFile('', text, typescript.ScriptTarget.ES2022, true)
  const found: string[] = []
  const visit = (node: typescript.Node): void => {
    if (typescript.isRegularExpressionLiteral(node)) {
      const { reports } = analyse(new RegExpParser().parseLiteral(node.text))
      if (reports.length > 0) found.push(node.text)
    }
    const isMade = typescript.isNewExpression(node) || typescript.isCallExpression(node)
    if (isMade && node.expression.getText() === 'RegExp') found.push(node.getText())
    typescript.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const DECLARATION =
  /^(export )?(?:abstract |async )*(?:const|let|function\*?|class|interface|type) ([\w$]+)/gm

/**
 * The names at the top of a file, and whether it exports them. A type and its value count as one.
 */
export function topNamesOf(text: string): Map<string, { isExported: boolean }> {
  const names = new Map<string, { isExported: boolean }>()
  for (const [, given, name = ''] of text.matchAll(DECLARATION)) {
    names.set(name, { isExported: given !== undefined || (names.get(name)?.isExported ?? false) })
  }
  return names
}

/** Exported names that another file declares as well, each with its files. */
export function namesOfTwoThings(files: { path: string; text: string }[]): string[] {
  const owners = new Map<string, { paths: string[]; isExported: boolean }>()
  for (const { path, text } of files) {
    for (const [name, { isExported }] of topNamesOf(text)) {
      const found = owners.get(name) ?? { paths: [], isExported: false }
      owners.set(name, {
        paths: [...found.paths, path],
        isExported: found.isExported || isExported,
      })
    }
  }
  return [...owners]
    .filter(([, { paths, isExported }]) => isExported && paths.length > 1)
    .map(([name, { paths }]) => `${name} (${paths.join(', ')})`)
}
