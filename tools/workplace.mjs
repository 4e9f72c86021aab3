/**
 * Where things are in the checkout, and the few things that every tool does: digests, running a program,
 * and failing with words. Never holds anything about one archive, package or target.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)))
/** Downloads and built libraries; git-ignored, may be thrown away at any time. */
export const cacheFolder = join(projectFolder, '.cache')
export const buildFolder = join(projectFolder, 'build')

/** Something that a person has to put right; shown without a stack. */
export class SetupError extends Error {
  constructor(message, cure) {
    super(message)
    this.name = 'SetupError'
    this.cure = cure
  }
}

/** Runs a tool's main function; a SetupError ends it in words and status 1. */
export async function runTool(main) {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`error: ${error.message}\n`)
    if (error.cure) process.stderr.write(`  -> ${error.cure}\n`)
    // A compiler that stopped at an error may leave watchers open, which would keep Node alive forever.
    process.exit(1)
  }
}

export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}

export function sha256OfFile(path) {
  return sha256(readFileSync(path))
}

/** The digest of what something is made from: the same wherever the checkout is. */
export function identityOf(ingredients) {
  const isPlace = (after) => after === '' || after.startsWith('/') || after.startsWith('=')
  const withoutPlace = (_key, value) => {
    if (typeof value !== 'string') return value
    const [first, ...rest] = value.split(projectFolder)
    return first + rest.map((after) => (isPlace(after) ? '.' : projectFolder) + after).join('')
  }
  return sha256(JSON.stringify(ingredients, withoutPlace))
}

/** What makes the compiler write paths below `folder`, by either name of it, as paths below `name`. */
export function pathMapFlags(folder, name) {
  return [...new Set([folder, realpathSync(folder)])].map(
    (path) => `-ffile-prefix-map=${path}=${name}`,
  )
}

/** Runs a program to its end: its output, or a SetupError that shows the last lines of it. */
export function run(command, { folder = projectFolder, environment = {}, log } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), {
      cwd: folder,
      env: { ...process.env, LC_ALL: 'C', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const take = (chunk) => {
      output += chunk
      log?.(chunk)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', (error) => {
      const cure = error.code === 'ENOENT' ? 'npm run setup' : undefined
      reject(new SetupError(`${command[0]}: ${error.message}`, cure))
    })
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(output)
      const shown = output.trim().split('\n').slice(-60).join('\n')
      const what = `${command.join(' ').slice(0, 400)}\n${shown}\n(${signal ?? `status ${status}`})`
      reject(new SetupError(what))
    })
  })
}
