/**
 * One test file as a process of its own: what it may ask for in its first lines, its run with a deadline,
 * and the end of everything it started.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { projectFolder } from '../workplace.mjs'
import { commandOf, endAll, kill, MARK, startedBy } from './processes.mjs'
import { outputOf } from './transpile.mjs'

/** For all tests of a file, on a machine that may be busy with other things. */
const DEADLINE_MINUTES = 10
/** How long a file past its deadline may take to remove what it made. */
const GRACE_MS = 5000
/** How long what a test left behind may take to end by itself, on a machine that may be busy. */
const SETTLING_MS = 5000
const POLL_MS = 20

/**
 * What a file says about itself above its first comment: `// alone` and `// deadline: 20 minutes`.
 */
export function demandsOf(file) {
  const lines = readFileSync(join(projectFolder, file), 'utf8').split('\n', 2)
  const minutes = lines.map((line) => /^\/\/ deadline: ([\d.]+) minutes$/.exec(line)?.[1])
  return {
    alone: lines.includes('// alone'),
    deadlineMinutes: Number(minutes.find(Boolean) ?? DEADLINE_MINUTES),
  }
}

/** The files that are running now. */
const running = new Set()

/** Ends them, and what they started. */
export const stopAll = () => Promise.all([...running].map((file) => file.stop()))

export class TestFile {
  results = []
  /** What is wrong with the file as a whole. */
  complaints = []
  /** Command lines of what it left running, which is ended. */
  left = []
  output = ''
  seconds = 0
  #current = ''
  #isLate = false
  #isDone = false
  #family

  /**
   * @param names of its tests, those run whose name holds one of these; without any, all
   * @param settings what it finds in test/support/settings.ts
   * @param deadlineMinutes instead of its own
   * @param heard is told each result; @param said what it prints, as it does
   */
  constructor(path, { names = [], settings = {}, deadlineMinutes, heard, said } = {}) {
    Object.assign(this, { path, names, settings, heard, said })
    this.deadlineMinutes = deadlineMinutes ?? demandsOf(path).deadlineMinutes
  }

  /** Returns when nothing of it is running any more. */
  async run() {
    const started = performance.now()
    const timer = setTimeout(() => {
      this.#isLate = true
      void this.stop()
    }, this.deadlineMinutes * 60_000)
    const told = this.#start()
    running.add(this)
    const [status, signal] = await this.ended
    clearTimeout(timer)
    running.delete(this)
    await told
    this.left = await this.#leftBehind()
    await endAll(this.#family)
    this.#judge(status, signal)
    this.seconds = (performance.now() - started) / 1000
  }

  /**
   * First in a way that lets it remove what it made, though one that is caught in a loop doesn't hear it.
   */
  async stop() {
    kill(this.child.pid, 'SIGTERM')
    await Promise.race([this.ended, wait(GRACE_MS, undefined, { ref: false })])
    await endAll(this.#family)
    kill(this.child.pid)
  }

  #start() {
    const runner = outputOf('test/support/main.ts')
    const mark = `${this.path} ${process.pid}`
    const words = ['--enable-source-maps', runner, outputOf(this.path), ...this.names]
    this.child = spawn(process.execPath, words, {
      cwd: projectFolder,
      // A session of its own, by which what it starts is found.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        XO_TEST_REPORT: '3',
        XO_TEST_SETTINGS: JSON.stringify(this.settings),
        [MARK]: mark,
      },
    })
    this.#family = { leader: this.child.pid, mark, children: [] }
    this.ended = new Promise((resolve) => this.child.once('exit', (...how) => resolve(how)))
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text
        this.said?.(text)
      })
    }
    return this.#listen()
  }

  async #listen() {
    for await (const line of createInterface({ input: this.child.stdio[3] })) {
      const { event, ...rest } = JSON.parse(line)
      if (event === 'start') this.#current = rest.name
      if (event === 'end') this.#isDone = true
      if (event === 'children') this.#family.children = rest.pids
      if (event !== 'result') continue
      this.results.push(rest)
      this.heard?.(rest)
    }
  }

  async #leftBehind() {
    const find = () => startedBy(this.#family)
    for (const end = Date.now() + SETTLING_MS; Date.now() < end; await wait(POLL_MS)) {
      if (find().length === 0) return []
    }
    return find().map(commandOf).filter(Boolean)
  }

  #judge(status, signal) {
    const where = this.#current && !this.#isDone ? ` in "${this.#current}"` : ''
    const failed = this.results.some(({ error }) => error !== undefined)
    const say = (complaint) => this.complaints.push(complaint)
    if (this.#isLate) say(`ran longer than ${this.deadlineMinutes} minutes, and was ended${where}`)
    else if (signal) say(`was ended by ${signal}${where}`)
    else if (!this.#isDone && !failed) say(`ended with status ${status}${where}`)
    else if (this.results.length === 0 && this.names.length === 0) say('ran no test')
    // A file that was ended had no time to end what it had started.
    if (this.left.length > 0 && !this.#isLate && !signal) say('left processes running')
  }
}
