/**
 * A module with things around it that no client may see, served by our own server in this process; and attacks
 * on it, after each of which it has to be well.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { fetchAll, host, optionsFor } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { moduleOf, startServing } from '../support/serving.ts'
import { digestOfTree, noise } from '../support/tree.ts'
import { type Answer, asking, RawClient } from './raw-client.ts'

/** What must never be seen by a client. */
export const SENTINEL = 'the-owner-wrote-this'
const LATEST = 'kind=release\n'
const BIG = noise(3_000_000, 5)
/** The list of one file, which is number 0, and all that comes before it. */
export const LISTED = asking(['.', 'xo/latest'])

export class ServedModule {
  readonly around = scratch('around')
  readonly folder = join(this.around, 'module')
  readonly outside = join(this.around, 'outside')
  #serving: ReturnType<typeof startServing> | undefined
  #before = ''

  constructor() {
    const { around, folder, outside } = this
    for (const path of [folder, join(folder, '42/root'), join(folder, 'hidden'), outside]) {
      mkdirSync(path, { recursive: true })
    }
    writeFileSync(join(outside, 'secret'), SENTINEL)
    writeFileSync(join(around, 'secret'), SENTINEL)
    writeFileSync(join(folder, 'latest'), LATEST)
    writeFileSync(join(folder, '42/root/big'), BIG)
    writeFileSync(join(folder, '42/root/zeros'), Buffer.alloc(200_000))
    writeFileSync(join(folder, 'hidden/withheld'), SENTINEL)
    symlinkSync('../outside', join(folder, 'away'))
    symlinkSync('../../outside/secret', join(folder, '42/link'))
    symlinkSync(outside, join(folder, '42/absolute'))
    symlinkSync('.', join(folder, '42/round'))
    execFileSync('mkfifo', [join(folder, '42/pipe')])
  }

  start(): void {
    this.changed()
    const withheld = (path: string) => path === 'hidden'
    const secrets = new Map([['xo', SENTINEL]])
    const modules = [
      moduleOf(this.folder, { withheld }),
      moduleOf(this.folder, { name: 'locked', secrets }),
    ]
    this.#serving = startServing(modules, { timeoutMs: 2000 })
  }

  async stop(): Promise<void> {
    await this.#serving?.stop()
  }

  get port(): number {
    return this.#serving?.port ?? 0
  }

  /** The test itself has changed something. */
  changed(): void {
    this.#before = digestOfTree(host, this.around)
  }

  /** The next client is served as if nothing had been, and nothing is changed. */
  async isWell(): Promise<void> {
    const options = optionsFor(this.port, { kind: 'paths', paths: ['latest'] })
    const { files } = await deadline(fetchAll(options, ['latest']))
    assert.is(files[0]?.content().toString(), LATEST)
    assert.is(digestOfTree(host, this.around), this.#before, 'something was changed')
  }

  /** Says it all at once, and waits for the server to end the connection. */
  async attack(what: string, ...pieces: (Buffer | string)[]): Promise<Answer> {
    const client = await RawClient.open(this.port)
    client.say(...pieces)
    try {
      const answer = await deadline(client.end())
      assert.not.match(answer.raw, SENTINEL, what)
      return answer
    } catch (error) {
      throw new Error(`${what}: ${(error as Error).message}`, { cause: error })
    } finally {
      client.leave()
    }
  }
}
