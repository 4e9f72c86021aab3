/** A device under test: the real program with a store of its own, its JSON lines parsed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROGRAM } from './program.ts'
import { scratch } from './scratch.ts'
import { copyTree } from './tree.ts'

/** Longer than any single run may take, shorter than anybody wants to wait. */
const RUN_TIMEOUT_MS = 60_000

if (!existsSync(PROGRAM)) {
  throw new Error(`${PROGRAM} is missing: run \`npm run build\` first`)
}

// biome-ignore lint/suspicious/noExplicitAny: JSON lines are whatever the program writes.
export type Event = Record<string, any>

export interface Run {
  status: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** The JSON lines of stdout, if `--json` was given. */
  events: Event[]
  result: Event
  error: Event
}

interface RunOptions {
  environment?: Record<string, string>
  directory?: string
  uid?: number
  program?: string
  timeoutMs?: number
  /** Called with the child once it is running. */
  started?(child: ChildProcess): void
}

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/**
 * Runs the program. Never rejects because of what the program does; a run that hangs is killed and rejects.
 */
export function run(words: string[], options: RunOptions = {}): Promise<Run> {
  const {
    environment = {},
    directory,
    uid,
    program = PROGRAM,
    timeoutMs = RUN_TIMEOUT_MS,
  } = options
  return new Promise((done, failed) => {
    const child = spawn(program, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ...environment },
      ...(directory === undefined ? {} : { cwd: directory }),
      ...(uid === undefined ? {} : { uid, gid: uid }),
    })
    children.add(child)
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      failed(
        new Error(`xo-upgrade ${words.join(' ')} ran for more than ${timeoutMs} ms\n${stderr}`),
      )
    }, timeoutMs)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    child.once('error', failed)
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      children.delete(child)
      try {
        done({ status, signal, stdout, stderr, ...parsed(words, stdout, signal !== null) })
      } catch (error) {
        failed(error as Error)
      }
    })
    options.started?.(child)
  })
}

function parsed(words: string[], stdout: string, killed: boolean) {
  const lines = words.includes('--json') ? stdout.split('\n') : ['']
  // A killed program may have left half a line.
  const last = lines.pop()
  if (last !== '' && !killed) throw new Error(`the last JSON line has no newline: ${last}`)
  const events: Event[] = lines.map((line) => JSON.parse(line))
  const find = (kind: string) => events.find(({ event }) => event === kind) ?? {}
  return { events, result: find('result'), error: find('error') }
}

export interface DeviceOptions {
  sources: string[]
  keys: string
  /** Lines of the configuration, below their sections. */
  configuration?: Record<string, Record<string, string>>
  store?: string
  /** Whether neighbours are asked (default: off). */
  peers?: 'before-school' | 'after-school'
}

export class Device {
  readonly store: string
  readonly configurationFile: string

  constructor(readonly options: DeviceOptions) {
    this.store = options.store ?? join(scratch('device'), 'store')
    this.configurationFile = join(scratch('configuration'), 'xo-upgrade.conf')
    this.configure(options.configuration ?? {})
  }

  configure(sections: Record<string, Record<string, string>>): void {
    const { sources, keys, peers = 'off' } = this.options
    const all: Record<string, Record<string, string>> = {
      store: { path: this.store, 'keep-free-mb': '0' },
      trust: { keys },
    }
    for (const [section, values] of Object.entries(sections)) {
      all[section] = { ...all[section], ...values }
    }
    const lines = Object.entries(all).flatMap(([section, values]) => [
      `[${section}]`,
      ...Object.entries(values).map(([key, value]) => `${key} = ${value}`),
    ])
    // Whoever else is on this machine's network is none of a test's business.
    const urls = sources.map((url) => `url[] = ${url}`)
    lines.push('[sources]', `peers = ${peers}`, ...urls, '')
    writeFileSync(this.configurationFile, lines.join('\n'))
  }

  /** Another device, whose store is a copy of this one's. */
  copy(options: Partial<Omit<DeviceOptions, 'store'>> = {}): Device {
    const store = join(scratch('device'), 'store')
    copyTree(this.store, store)
    return new Device({ ...this.options, ...options, store })
  }

  root(tree: 'fakeroot' | 'upgraded-root' | 'previous-root' | 'staging' = 'fakeroot'): string {
    return join(this.store, tree, 'root')
  }

  /** What each command line begins with, for tests that start the program themselves. */
  get words(): string[] {
    return ['--config', this.configurationFile]
  }

  run(command: string, words: string[] = [], options: RunOptions = {}): Promise<Run> {
    return run([command, '--json', ...this.words, ...words], options)
  }

  /** Runs what must succeed, and returns its result. */
  async succeed(command: string, words: string[] = [], options: RunOptions = {}): Promise<Event> {
    const ended = await this.run(command, words, options)
    if (ended.status !== 0) {
      const { status, signal, stdout, stderr } = ended
      const how = signal ?? `status ${status}`
      throw new Error(`${command} ${words.join(' ')} ended with ${how}:\n${stdout}${stderr}`)
    }
    return ended.result
  }

  /** Runs what must fail with this status and class, and returns its error. */
  async fail(
    command: string,
    status: number,
    kind: string,
    words: string[] = [],
    options: RunOptions = {},
  ): Promise<Event> {
    const ended = await this.run(command, words, options)
    const found = `${ended.status} ${ended.error.class}`
    if (found !== `${status} ${kind}` || ended.error.exit !== status) {
      const { stdout, stderr } = ended
      throw new Error(`ended with ${found}, not with ${status} ${kind}:\n${stdout}${stderr}`)
    }
    return ended.error
  }
}
