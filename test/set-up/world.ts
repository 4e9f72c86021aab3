/**
 * The small world in which set-up is tried: an archive on loopback that may answer as it should not, the
 * apt sources and the cache of a machine that know nothing else, and set-up in a process of its own.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deadline } from '../support/deadline.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { Archive, Key } from './archive.ts'

/** How a request may be answered instead of with the file. */
type Mischief = 'missing' | 'error' | 'stand still' | 'cut short'

/** Longer than set-up's own patience in these tests, over all of its ways. */
const RUN_MAX_MS = 120_000

interface Outcome {
  /** What the call returned, or undefined if it failed. */
  value: unknown
  /** All that a person saw. */
  said: string
  failed: boolean
}

export class World {
  readonly key = new Key()
  readonly archive = new Archive(this.key)
  readonly cacheFolder = scratch('cache')
  readonly aptFolder = scratch('apt')
  /** By a part of the path: the first that fits counts. The archive is below /debian/. */
  readonly mischief = new Map<string, Mischief>()
  readonly asked: string[] = []
  /** What all set-ups of this world have said until now. */
  #said = ''
  readonly #waiting = new Set<ServerResponse>()
  readonly #server: Server

  private constructor() {
    this.#server = createServer(({ url = '/' }, answer) => this.#answer(url, answer))
  }

  static async start(): Promise<World> {
    const world = new World()
    await new Promise<void>((done) => world.#server.listen(0, '127.0.0.1', done))
    mkdirSync(join(world.aptFolder, 'sources.list.d'))
    const stanza = [
      'Types: deb',
      `URIs: ${world.url}/debian`,
      'Suites: bookworm',
      'Components: main',
      `Signed-By: ${world.key.keyring}`,
      '',
    ].join('\n')
    writeFileSync(join(world.aptFolder, 'sources.list.d/test.sources'), stanza)
    return world
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** What the tools take the machine to be. */
  here(more: Record<string, unknown> = {}) {
    const { cacheFolder, aptFolder, key, url } = this
    return {
      ...{ cacheFolder, aptFolder, keyring: key.keyring, snapshot: `${url}/snapshot` },
      ...{ patienceSeconds: 1, retries: 0, lockSeconds: 60 },
      aptOptions: ['-o', 'Acquire::http::Proxy=DIRECT'],
      ...more,
    }
  }

  /** Calls a function of a tool in a process of its own; `{here}` among the words is this machine. */
  async run(
    tool: string,
    name: string,
    words: unknown[],
    here: object = this.here(),
  ): Promise<Outcome> {
    const driver = fileURLToPath(new URL('./driver.js', import.meta.url))
    const call = JSON.stringify({ tool, name, words, here })
    const child = spawn(process.execPath, [driver, call], { stdio: ['ignore', 'pipe', 'pipe'] })
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text
        if (stream === 'stderr') this.#said += text
      })
    }
    const ended = new Promise<number | null>((done) => child.on('close', done))
    try {
      const status = await deadline(ended, RUN_MAX_MS)
      const value = status === 0 ? (JSON.parse(output.stdout) as unknown) : undefined
      return { value, said: output.stderr, failed: status !== 0 }
    } finally {
      child.kill('SIGKILL')
    }
  }

  /** Lets everybody go on who was made to wait. */
  release() {
    this.mischief.clear()
    for (const answer of this.#waiting) answer.destroy()
    this.#waiting.clear()
  }

  /** Waits until somebody has asked for it. */
  isAsked(part: string): Promise<void> {
    return until(() => this.asked.some((path) => path.includes(part)))
  }

  /** Waits until a set-up has said it. */
  says(words: string): Promise<void> {
    return until(() => this.#said.includes(words))
  }

  async stop(): Promise<void> {
    this.release()
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
    this.key.end()
  }

  #answer(url: string, answer: ServerResponse) {
    const path = decodeURIComponent(url)
    this.asked.push(path)
    const [, how] = [...this.mischief].find(([part]) => path.includes(part)) ?? []
    const file = join(this.archive.folder, path.replace(/^\/debian\//, '/'))
    const isThere = statSync(file, { throwIfNoEntry: false })?.isFile() ?? false
    if (how === 'stand still') return this.#waiting.add(answer)
    if (how === 'error') return answer.writeHead(500).end()
    if (how === 'missing' || !isThere) return answer.writeHead(404).end()
    const bytes = readFileSync(file)
    answer.writeHead(200, { 'content-length': bytes.length })
    if (how !== 'cut short') return answer.end(bytes)
    return answer.write(bytes.subarray(0, bytes.length >> 1), () => answer.destroy())
  }
}

const until = (isSo: () => boolean) => {
  const looking = async () => {
    while (!isSo()) await new Promise((done) => setTimeout(done, 20))
  }
  return deadline(looking(), RUN_MAX_MS)
}

/** A test in a world of its own. */
export const inWorld = (title: string, run: (world: World) => Promise<void>) =>
  test(title, async () => {
    const world = await World.start()
    try {
      await run(world)
    } finally {
      await world.stop()
    }
  })

/** What a person can read without scrolling. */
export const SCREEN_LINES = 24
