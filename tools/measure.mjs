/**
 * Runs clients and the stock rsync daemon under `measure/measure.c`, which counts processor time, peak
 * memory and the bytes of every connection without slowing either side. Shared by the demonstration
 * and the benchmark, so that both programs are always counted in the same way.
 */
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildFolder, run, SetupError } from './workplace.mjs'

const source = join(dirname(fileURLToPath(import.meta.url)), 'measure', 'measure.c')
const program = join(buildFolder, 'tools', 'measure')
/** A server's side is over once its process was reaped; that takes milliseconds after the client's end. */
const SERVER_END_TIMEOUT_MS = 10_000
const START_TIMEOUT_MS = 10_000

const pause = (timeMs) => new Promise((resolve) => setTimeout(resolve, timeMs))

/** The path of the compiled program. */
export async function measureProgram() {
  if (existsSync(program) && statSync(program).mtimeMs >= statSync(source).mtimeMs) return program
  mkdirSync(dirname(program), { recursive: true })
  const partial = `${program}.partial-${process.pid}`
  await run(['gcc', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-O2', '-o', partial, source])
  renameSync(partial, program)
  return program
}

const readLines = (path) =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
    : []

/** What all connections since the last question cost: bytes seen from the client, seconds, KiB. */
function sumOf(connections) {
  const sum = {
    connections: connections.length,
    received: 0,
    sent: 0,
    user: 0,
    system: 0,
    peakKiB: 0,
  }
  for (const connection of connections) {
    sum.received += connection.sent
    sum.sent += connection.received
    sum.user += connection.user
    sum.system += connection.system
    sum.peakKiB = Math.max(sum.peakKiB, connection.peakKiB)
  }
  return sum
}

/** The text of rsyncd.conf(5): stock settings, but that root's files may be read. */
function configuration(modules) {
  const lines = ['uid = root', 'gid = root', 'read only = yes', 'use chroot = yes', 'timeout = 300']
  for (const [name, path] of Object.entries(modules)) lines.push(`[${name}]`, `  path = ${path}`)
  return `${lines.join('\n')}\n`
}

/**
 * Serves folders as modules by the stock `rsync --daemon` on a free port of 127.0.0.1, one process a
 * connection as inetd starts it.
 * @param {{ rsync: { command: string[] }, modules: Record<string, string>, folder: string }} options
 */
export async function startDaemon({ rsync, modules, folder }) {
  const configurationFile = join(folder, 'rsyncd.conf')
  const log = join(folder, 'connections')
  writeFileSync(configurationFile, configuration(modules))
  rmSync(log, { force: true })
  const command = [...rsync.command, '--daemon', `--config=${configurationFile}`]
  const words = ['serve', '0', log, ...command]
  const child = spawn(await measureProgram(), words, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.on('close', resolve))
  const port = await firstLine(child, command.join(' '))
  let counted = 0

  return {
    port,
    command,
    url: (module) => `rsync://127.0.0.1:${port}/${module}`,
    /** Waits until no connection is open; the sum of all since the last call. */
    async takeCounts() {
      const deadline = Date.now() + SERVER_END_TIMEOUT_MS
      for (;;) {
        const lines = readLines(log)
        const closed = lines.filter((line) => line.closed !== undefined)
        if (closed.length * 2 === lines.length) {
          const fresh = closed.slice(counted)
          counted = closed.length
          return sumOf(fresh)
        }
        if (Date.now() > deadline) throw new Error('a connection of the rsync daemon does not end')
        await pause(2)
      }
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function firstLine(child, command) {
  return new Promise((resolve, reject) => {
    const failed = (why) =>
      reject(new SetupError(`the rsync daemon did not start (${command}): ${why}`))
    const timer = setTimeout(() => failed('nothing heard of it'), START_TIMEOUT_MS)
    child.on('error', (error) => failed(error.message))
    child.on('exit', (status) => failed(`status ${status}`))
    child.stdout.once('data', (text) => {
      clearTimeout(timer)
      resolve(Number(String(text)))
    })
  })
}

/**
 * Runs a client to its end: its figures, exit status and, unless it has the terminal, its output.
 * @param {string[]} command
 * @param {{ folder: string, terminal?: boolean }} options
 */
export async function measured(command, { folder, terminal = false }) {
  const result = join(folder, `figures-${process.pid}-${Math.random().toString(36).slice(2)}`)
  const child = spawn(await measureProgram(), ['run', result, ...command], {
    stdio: terminal ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk) => {
    output += chunk
  })
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(signal ? 128 : code))
  })
  const figures = readLines(result)[0]
  rmSync(result, { force: true })
  return { status, output, ...figures }
}
