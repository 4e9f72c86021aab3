/**
 * The Node side of native:processes, for the tests and the debugger, over node:child_process. Node passes
 * only text, so words that are not UTF-8 go through a shell that makes their bytes. It must never leave a
 * shell between us and the program: every path ends in exec, and the pid is the program's own.
 */

import type { Process } from 'native:processes'
import { type ChildProcess, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { constants } from 'node:os'
import type { Path, Processes } from '../../src/host.ts'
import { bytesOfText, textOfBytes } from '../../src/text.ts'
import { NodeSocket } from '../sockets/socket.node.ts'
import { systemErrorOf } from '../system-error.node.ts'

/** Decodes each word, then starts the program with nothing but the given variables. */
const DECODE = `count=$#
for word do
  plain=$(printf '%b.' "$word")
  set -- "$@" "\${plain%.}"
done
shift "$count"
exec /usr/bin/env -i "$@"`

const children = new WeakMap<Process, ChildProcess>()

/** The file that execvp would start, so that its absence is known before anything is started. */
function findProgram(name: Path): Path {
  if (name.includes('/')) {
    checkProgram(name, name)
    return name
  }
  let failure = systemErrorOf('spawn', name, 'ENOENT')
  for (const folder of (variable('PATH') ?? '/usr/bin:/bin').split(':')) {
    const path = `${folder || '.'}/${name}`
    try {
      checkProgram(path, name)
      return path
    } catch (error) {
      if ((error as { code: string }).code === 'EACCES') failure = error as typeof failure
    }
  }
  throw failure
}

function checkProgram(path: Path, name: Path): void {
  const file = Buffer.from(path, 'latin1')
  const found = fs.statSync(file, { throwIfNoEntry: false })
  if (!found) throw systemErrorOf('spawn', name, 'ENOENT')
  if (!found.isFile() || !(found.mode & 0o111)) throw systemErrorOf('spawn', name, 'EACCES')
}

function start(options: Parameters<Processes['start']>[0]): Process {
  const { command, environment, pipe, stderr } = options
  const [name] = command
  if (name === undefined) throw new TypeError('start: the command is empty')
  const program = findProgram(name)
  const stdio = pipe ? 'pipe' : 'inherit'
  const child = spawnBytes(program, command, environment, [stdio, stdio, stderr ?? 'inherit'])
  // The error is also an event, and without a listener it would end the process.
  child.on('error', () => {})
  if (child.pid === undefined) throw systemErrorOf('spawn', name, 'EACCES')
  const { stdin, stdout } = child
  const process: Process = {
    pid: child.pid,
    stream: stdin && stdout ? new NodeSocket(stdout, stdin) : undefined,
    ended: new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
      })
    }),
  }
  children.set(process, child)
  return process
}

function spawnBytes(
  program: Path,
  command: Path[],
  environment: Path[],
  stdio: ('pipe' | 'inherit' | number)[],
): ChildProcess {
  const detached = typeof stdio[2] === 'number'
  const texts = [program, ...command, ...environment].map(textOfBytes)
  if (texts.includes(undefined)) {
    const words = [...environment, program, ...command.slice(1)].map(octal)
    return spawn('/bin/sh', ['-c', DECODE, 'sh', ...words], { stdio, env: {}, detached })
  }
  const env: Record<string, string> = {}
  for (const line of environment.map((bytes) => textOfBytes(bytes) ?? '')) {
    const sign = line.indexOf('=')
    env[line.slice(0, sign)] = line.slice(sign + 1)
  }
  const [file = '', argv0 = '', ...rest] = texts.map((text) => text ?? '')
  return spawn(file, rest.slice(0, command.length - 1), { argv0, env, stdio, detached })
}

/** A word as printf's %b takes it. */
function octal(bytes: Path): string {
  const words = Array.from(bytes, (unit) => unit.charCodeAt(0).toString(8).padStart(3, '0'))
  return words.map((digits) => `\\0${digits}`).join('')
}

function signal(process: Process, number: number): void {
  const child = children.get(process)
  if (child && child.exitCode === null && child.signalCode === null) child.kill(number)
}

/** As bytes, which process.argv has lost; without the words for Node itself before the script. */
function commandLine(): Path[] {
  const words = fs.readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1)
  return words.slice(words.length - Math.max(1, process.argv.length - 1))
}

function variable(name: string): Path | undefined {
  const value = process.env[name]
  return value === undefined ? undefined : bytesOfText(value)
}

/** Node can't be split in two. */
function standApart(): never {
  throw systemErrorOf('fork', undefined, 'ENOSYS')
}

function startAnew(): never {
  throw systemErrorOf('execve', undefined, 'ENOSYS')
}

export const processes: Processes = {
  start,
  signal,
  standApart,
  startAnew,
  argv: commandLine(),
  variable,
  userId: () => process.geteuid?.() ?? 0,
  exit: (status) => process.exit(status),
}
