/**
 * The program under the sanitizers on a small store, given what is wrong, and what must hold after that: it
 * ended by itself and in time, as the documents say, without a fault of memory or an error of its own;
 * what runs is as it was, nothing outside of the store has changed, and a good source still brings the
 * newest release.
 */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Device, type Run } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { CHECKED_PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { skip } from '../support/suite.ts'
import {
  copyTree,
  digestOfTree,
  file,
  folder,
  hardLink,
  linesOfTree,
  link,
  noise,
  type Tree,
} from '../support/tree.ts'
import { same } from './property.ts'

/** Of one command, which is told to be patient for a second: three sessions, on a machine that is busy. */
const ENDS_WITHIN_MS = 60_000
/** Of [transfer] and [home]: nobody here is slow on purpose for longer. */
const PATIENCE_SECONDS = '2'
export const SANITIZERS = {
  ASAN_OPTIONS: 'exitcode=99:detect_leaks=0',
  UBSAN_OPTIONS: 'halt_on_error=1:exitcode=99:print_stacktrace=1',
}

const host = nodeHost()

/** With a file that changes in one place, one that moves, and names that break things. */
function image(version: number): Tree {
  const big = noise(30_000, 7)
  big[15_000] = version
  return new Map([
    ['.', folder()],
    ['etc', folder()],
    ['etc/version', file(`${version}\n`)],
    ['etc/with space', file('x'.repeat(3000))],
    ['etc/\xff=\\', link('version')],
    [`etc/new-${version}`, file(`text ${version} `.repeat(200))],
    ['lib', folder()],
    ['lib/big', file(big, { mode: 0o755 })],
    ['lib/big.again', hardLink('lib/big')],
  ])
}

export class Laptop {
  readonly publisher = new Publisher()
  /** The folder of those that it trusts. */
  readonly keys = scratch('trusted')
  readonly device: Device
  readonly #installed = newStorePath()
  readonly #outside: string
  #published: string[] = []
  #before = ''

  private constructor() {
    const store = join(scratch('fuzzed'), 'store')
    this.#outside = join(dirname(store), 'outside')
    writeFileSync(this.#outside, 'outside')
    copyFileSync(this.publisher.keys.publicFile, join(this.keys, 'release.pub'))
    this.device = new Device({ sources: [], keys: this.keys, store })
  }

  /** Version 1 runs, and 2 is published. */
  static async set(): Promise<Laptop> {
    if (!existsSync(CHECKED_PROGRAM)) {
      skip('the program under the sanitizers is missing: npm run build -- --flavour asan')
    }
    const laptop = new Laptop()
    const { publisher } = laptop
    publisher.publish(1, image(1))
    await bring('install', laptop.#installed, publisher)
    publisher.publish(2, image(2))
    laptop.#published = linesOfTree(host, join(publisher.module, '2/root'), { inodes: false })
    return laptop
  }

  /** As it was installed, with these sources and lines of its configuration. */
  begin(urls: string[], configuration: Record<string, Record<string, string>> = {}): void {
    const { device } = this
    rmSync(device.store, { recursive: true, force: true })
    copyTree(this.#installed, device.store)
    this.#before = digestOfTree(host, device.root())
    device.options.sources.splice(0, device.options.sources.length, ...urls)
    device.configure({
      ...configuration,
      transfer: {
        'timeout-seconds': PATIENCE_SECONDS,
        'connect-timeout-seconds': PATIENCE_SECONDS,
        ...configuration.transfer,
      },
    })
  }

  /** Runs a command that must end with one of these. */
  async ends(statuses: readonly number[], command: string, words: string[] = []): Promise<Run> {
    const run = await this.device.run(command, words, {
      program: CHECKED_PROGRAM,
      environment: SANITIZERS,
      timeoutMs: ENDS_WITHIN_MS,
    })
    const { status, signal, stdout, stderr } = run
    const isFault = /Sanitizer|runtime error:/.test(stderr)
    if (signal !== null || isFault || !statuses.includes(status ?? -1)) {
      throw new Error(`${command} ended with ${signal ?? `status ${status}`}:\n${stdout}${stderr}`)
    }
    return run
  }

  /** What runs is untouched, and so is what is not ours. */
  isAsBefore(): void {
    same(digestOfTree(host, this.device.root()), this.#before)
    same(readFileSync(this.#outside, 'latin1'), 'outside')
  }

  /**
   * A good source brings what was published, unless a recovery has brought it already; where a record may
   * say anything of versions, somebody asks for it by its number.
   */
  async recovers(how: 'by itself' | 'by hand' = 'by itself'): Promise<void> {
    const { store } = this.device
    const change = how === 'by hand' ? { version: 2, allowDowngrade: true } : {}
    await bring('upgrade', store, this.publisher, { change })
    const waits = await withStore(store, (opened) => opened.version('upgraded-root') !== undefined)
    const tree = waits ? 'upgraded-root' : 'fakeroot'
    same(linesOfTree(host, this.device.root(tree), { inodes: false }), this.#published)
  }
}
