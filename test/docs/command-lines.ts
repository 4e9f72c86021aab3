/**
 * The command lines that a document shows, in its blocks and in its text, and what is wrong with one: a
 * command, an option or a script that is not there. Options of `xo-upgrade` are those of its own help.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocksIn, proseOf } from '../support/page.ts'
import { PROGRAM } from '../support/program.ts'

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>
}

/** All command lines of a document, each as its words. */
export function commandLines(document: string, page: string): string[][] {
  const inline = [...proseOf(document).matchAll(/`([^`]+)`/g)].map(([, text = '']) =>
    text.replaceAll('\\|', '|'),
  )
  const shown = blocksIn(document, page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'))
  return [...inline, ...shown].flatMap((line) =>
    line
      .replace(/(^|\s)#.*/, '')
      .split(/;|&&|\|\|| \| /)
      .map((part) => part.trim().split(/\s+/))
      .filter(([program = '']) => /^(npm|node|xo-upgrade)$/.test(program))
      .filter(({ length }) => length > 1),
  )
}

const PLACEHOLDER = /^(…|[A-Z][A-Z-]*)$/

/** What can't be typed like that; undefined: nothing was found. */
export function complaintAbout(words: string[]): string | undefined {
  const [program, name = '', ...rest] = words
  if (program === 'node') return complaintAboutNode([name, ...rest])
  if (program === 'npm') return complaintAboutNpm(name, rest)
  if (PLACEHOLDER.test(name) || name === '--version' || name === '--help') return undefined
  const known = optionsOf(name)
  if (known === undefined) return `xo-upgrade has no command "${name}"`
  const options = optionsIn(rest)
  const unknown = options.find((option) => !known.has(option))
  if (unknown !== undefined) return `xo-upgrade ${name} has no option ${unknown}`
  const bare = options.find((option) => {
    const value = rest[rest.indexOf(option) + 1]
    return known.get(option) && (value === undefined || value.startsWith('--'))
  })
  return bare === undefined ? undefined : `${bare} of xo-upgrade ${name} takes a value`
}

const optionsIn = (words: string[]) =>
  words.flatMap((word) => /^\[?(--[a-z][a-z0-9-]*)/.exec(word)?.[1] ?? [])

const seen = new Map<string, Map<string, boolean> | undefined>()

/** The options of a command, each with whether it takes a value; undefined: there is no such command. */
function optionsOf(command: string): Map<string, boolean> | undefined {
  if (!seen.has(command)) {
    const { status, stdout } = spawnSync(PROGRAM, [command, '--help'], { encoding: 'utf8' })
    const lines = [...stdout.matchAll(/^ {2}(--[a-z-]+)( [A-Z|a-z]+)? {2}/gm)]
    const options = lines.map(([, name = '', value]) => [name, value !== undefined] as const)
    seen.set(command, status === 0 ? new Map(options) : undefined)
  }
  return seen.get(command)
}

function complaintAboutNpm(verb: string, words: string[]): string | undefined {
  if (/^(ci|install|version)$/.test(verb) || PLACEHOLDER.test(words[0] ?? '')) return undefined
  const script = verb === 'run' ? words[0] : verb
  if (script === undefined) return undefined
  const line = scripts[script]
  if (line === undefined) return `package.json has no script "${script}"`
  if (!words.includes('--')) return undefined
  const options = optionsIn(words.slice(words.indexOf('--') + 1))
  const unknown = options.find((option) => !isOptionOf(line, option))
  return unknown === undefined ? undefined : `npm run ${script} has no option ${unknown}`
}

/** Says it in its help; the emulator, whose words are mostly the laptop's, reads it somewhere in a source. */
function isOptionOf(line: string, option: string): boolean {
  const [, file = '', way = ''] = /node (\S+)( --as \S+)?/.exec(line) ?? []
  if (hasTable(file)) return new RegExp(`^ +${option}\\b`, 'm').test(helpOf(file + way))
  const texts = ['runtime/emulator', 'src']
    .flatMap(filesBelow)
    .map((path) => readFileSync(path, 'utf8'))
  const read = new RegExp(`${option}\\b|\\b'?${option.slice(2)}'?: \\{|'${option.slice(2)}'`)
  return texts.some((text) => read.test(text))
}

const hasTable = (file: string) =>
  file.endsWith('.mjs') && readFileSync(file, 'utf8').includes('command-line.mjs')
/** Options of a tool, and of the way in which a command calls it. */
const helpOf = (call: string) =>
  spawnSync(process.execPath, [...call.split(' '), '--help'], { encoding: 'utf8' }).stdout

const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .map((name) => join(folder, name))

function complaintAboutNode(words: string[]): string | undefined {
  const file = words.find((word) => /\.(mjs|js|ts)$/.test(word) && !word.startsWith('build/'))
  return file === undefined || existsSync(file) ? undefined : `${file} is not there`
}
