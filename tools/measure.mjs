/**
 * Runs programs under `measure/measure.c`, which counts processor time, peak memory and the bytes of
 * connections without slowing anybody. Shared by the demonstration and the benchmark, so that every program
 * is measured in the same way. It knows what is still running, so nothing is left behind.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildFolder, projectFolder, run } from './workplace.mjs'

const source = join(dirname(fileURLToPath(import.meta.url)), 'measure', 'measure.c')
const program = join(buildFolder, 'tools', 'measure')
/** The programs that were started and have not ended, each with the promise of its end. */
const running = new Map()

/** The path of the compiled program. */
async function measureProgram() {
  if (existsSync(program) && statSync(program).mtimeMs >= statSync(source).mtimeMs) return program
  mkdirSync(dirname(program), { recursive: true })
  const partial = `${program}.partial-${process.pid}`
  await run(['gcc', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-O2', '-o', partial, source])
  renameSync(partial, program)
  return program
}

/** Starts `measure WORDS...`; `ended` resolves with the exit status. */
export async function startMeasure(words, stdio) {
  const child = spawn(await measureProgram(), words, { cwd: projectFolder, stdio })
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve(signal ? 128 : status))
  })
  const forget = () => running.delete(child)
  running.set(child, ended.then(forget, forget))
  return { child, ended }
}

/** Ends whatever is still running, and waits for it. */
export async function stopAll() {
  for (const child of running.keys()) child.kill('SIGTERM')
  await Promise.all(running.values())
}

/** The records that `measure` wrote, one JSON line each. */
export function readRecords(path) {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line))
}

/**
 * Runs a client in the project's folder, to its end: exit status, wall, user and system seconds, peak
 * KiB, and its output. With `terminal` it has our terminal; what it writes to stdout is kept as well.
 * @param {string[]} command
 * @param {{ folder: string, terminal?: boolean }} options where the figures may be put meanwhile
 */
export async function measured(command, { folder, terminal = false }) {
  const result = join(folder, `figures-${process.pid}-${Math.random().toString(36).slice(2)}`)
  const stdio = terminal ? ['inherit', 'pipe', 'inherit'] : ['ignore', 'pipe', 'pipe']
  const { child, ended } = await startMeasure(['run', result, ...command], stdio)
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
    if (terminal) process.stdout.write(chunk)
  })
  child.stderr?.on('data', (chunk) => {
    output += chunk
  })
  const status = await ended
  const [figures] = readRecords(result)
  rmSync(result, { force: true })
  return { ...figures, status, output }
}
