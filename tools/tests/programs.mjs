/** Whether the programs that test files run were built from the sources that are there. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { digestsOfSources, isBuiltFrom } from '../built-from.mjs'
import { projectFolder } from '../workplace.mjs'
import { outputOf } from './transpile.mjs'

const IMPORT = /(?:from|import) ['"](\.[^'"]+)['"]/g
const PROGRAM = /\bbuild\/[\w-]+\/(?:xo-upgrade|host)(?:-publisher)?\b/g

/** The programs that a compiled file and what it imports name. */
function programsIn(file, seen, found) {
  if (seen.has(file) || !existsSync(file)) return
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  for (const [program] of text.matchAll(PROGRAM)) found.add(program)
  for (const [, path] of text.matchAll(IMPORT))
    programsIn(resolve(dirname(file), path), seen, found)
}

/** What there is to say about the programs that these test files need; nothing if all is well. */
export function adviceFor(tests) {
  const found = new Set()
  const seen = new Set()
  for (const test of tests) programsIn(outputOf(test), seen, found)
  if (found.size === 0) return []
  const digests = digestsOfSources()
  const isOld = (program) => {
    const path = join(projectFolder, program)
    return existsSync(path) && !isBuiltFrom(path, digests)
  }
  return [...found].filter(isOld).map((program) => {
    const [, folder] = program.split('/')
    const [target, flavour] = folder.split('-')
    const words = [target !== 'x86_64' && `--target ${target}`, flavour && `--flavour ${flavour}`]
    const options = words.filter(Boolean).join(' ')
    return `${program} was built from other sources: npm run build${options && ` -- ${options}`}`
  })
}
