/** `xo-upgrade serve` as it ships, on a free port, and what it takes of memory and processor. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { accepts } from './accepts.ts'
import { PROGRAM } from './program.ts'
import { freePort } from './rsync-daemon.ts'
import { until } from './until.ts'

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface ServingProgram {
  port: number
  pid: number
  /** What it wrote. */
  text(): string
  /** Whether it still runs. */
  runs(): boolean
  /** Peak memory of it and of the processes below it, each by itself (KiB). */
  peakKiB(): number
  stop(): Promise<void>
}

export async function startProgram(words: string[]): Promise<ServingProgram> {
  // It may begin again, at the same port, when something was mounted on the machine and nobody is there.
  const port = await freePort()
  const all = ['serve', '--listen', `127.0.0.1:${port}`, '--json', ...words]
  const child = spawn(PROGRAM, all, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('latin1').on('data', (more) => {
      text += more
    })
  }
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  ended.then(() => running.delete(child))
  await until(() => {
    if (child.exitCode !== null) throw new Error(`it has ended: ${text}`)
    return accepts(port)
  }, 'xo-upgrade serve')
  const { pid = 0 } = child
  return {
    port,
    pid,
    text: () => text,
    runs: () => child.exitCode === null && child.signalCode === null,
    peakKiB: () => Math.max(...[pid, ...childrenOf(pid)].map(peakOf)),
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    const text = readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  })
}

function peakOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0)
}
