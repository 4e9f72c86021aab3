/**
 * A stock rsync as daemon on a free loopback port, with the modules that a test asks for. Ends with
 * `stop`, or with the test process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { accepts } from './accepts.ts'
import { scratch } from './scratch.ts'
import { until } from './until.ts'

export interface DaemonModule {
  name: string
  path: string
  /** Further lines of rsyncd.conf: `auth users`, `secrets file`, `read only` … */
  settings?: Record<string, string>
}

export interface Daemon {
  port: number
  pid: number
  /** What the daemon writes for its operator. */
  logFile: string
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts `binary` and waits until it accepts. */
export async function startDaemon(binary: string, modules: DaemonModule[]): Promise<Daemon> {
  return startConfigured(binary, configuration(modules))
}

/** The same, by a configuration that somebody else wrote. */
export async function startConfigured(binary: string, text: string): Promise<Daemon> {
  const folder = scratch('rsyncd')
  const port = await freePort()
  const logFile = join(folder, 'log')
  const configFile = join(folder, 'rsyncd.conf')
  writeFileSync(configFile, `log file = ${logFile}\n${text}`)
  const place = ['--address=127.0.0.1', `--port=${port}`, `--config=${configFile}`]
  const child = spawn(binary, ['--daemon', '--no-detach', ...place], { stdio: 'ignore' })
  running.add(child)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  ended.then(() => running.delete(child))
  await accepting(port, child)
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  return { port, pid: child.pid ?? 0, logFile, stop }
}

function configuration(modules: DaemonModule[]): string {
  const root = process.geteuid?.() === 0
  const lines = ['use chroot = no', 'reverse lookup = no']
  if (root) lines.push('uid = 0', 'gid = 0')
  for (const module of modules) {
    lines.push(`[${module.name}]`, `path = ${module.path}`)
    for (const [key, value] of Object.entries(module.settings ?? {})) {
      lines.push(`${key} = ${value}`)
    }
  }
  return `${lines.join('\n')}\n`
}

async function accepting(port: number, child: ChildProcess): Promise<void> {
  const what = `the rsync daemon on port ${port}`
  await until(() => {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`${what} has ended`)
    return accepts(port)
  }, what)
}

/** A port on which nobody is listening right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
