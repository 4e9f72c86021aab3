/**
 * A laptop for a boot test: a copy of the disk on which release 41 is installed, and a school server with a
 * stock rsync daemon whose offer the test chooses. Everything is in folders of its own, so a test may break
 * whatever it likes.
 */
import { closeSync, copyFileSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { stockRsyncs } from '../support/stock-rsync.ts'
import { mustRun } from '../support/stock-tool.ts'
import { Machine, type MachineOptions } from './machine.ts'
import { applyLog, type Loss, readLog } from './power.ts'
import type { Firmware, Releases } from './stage.ts'

/** More than any test writes; the file is sparse. */
const LOG_BYTES = 4 * 2 ** 30

/** A school server: a folder with some of the releases, served by the stock daemon. */
export class SchoolServer {
  readonly folder = join(scratch('school'), 'xo')
  #daemon: Daemon | undefined

  constructor(readonly releases: Releases) {}

  /** Offers one release, of another publisher if wanted; whatever else is there remains. */
  offer(version: number, module = this.releases.module): void {
    const release = join(module, String(version))
    mustRun('mkdir', ['-p', this.folder])
    rmSync(join(this.folder, String(version)), { recursive: true, force: true })
    mustRun('cp', ['-al', release, this.folder])
    copyFileSync(join(release, 'release'), join(this.folder, 'latest'))
  }

  async start(): Promise<number> {
    this.#daemon ??= await this.#serve()
    return this.#daemon.port
  }

  async #serve(): Promise<Daemon> {
    const newest = (await stockRsyncs()).at(-1)
    if (!newest) throw new Error('there is no stock rsync')
    return startDaemon(newest.program, [{ name: 'xo', path: this.folder }])
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop()
    this.#daemon = undefined
  }
}

type BootOptions = Partial<
  Pick<MachineOptions, 'words' | 'stick' | 'devices' | 'endsAtReboot' | 'heard'>
> & {
  /** Without: no network card. */
  server?: SchoolServer
  /** Every write is recorded, so that `cutPower` can lose some. */
  mayLose?: boolean
  firmware?: Firmware
}

interface LaptopOptions {
  /**
   * The disk is memory that keeps what is written to it, in that order, so a power cut loses nothing.
   */
  lasting?: boolean
  /** Words on the kernel's command line, at each boot. */
  words?: string[]
}

export class QemuLaptop {
  readonly disk: string
  readonly #log: string
  readonly #before: string
  #machine: Machine | undefined

  constructor(
    readonly firmware: Firmware,
    disk: string,
    readonly options: LaptopOptions = {},
  ) {
    const folder = scratch('laptop')
    this.disk = join(folder, 'disk')
    this.#before = join(folder, 'before')
    this.#log = join(folder, 'log')
    copySparse(disk, this.disk)
  }

  /** Switches it on. */
  async boot(options: BootOptions = {}): Promise<Machine> {
    if (this.#machine && !this.#machine.hasEnded) throw new Error('it is running')
    const { server, mayLose, firmware = this.firmware, words = [], ...rest } = options
    const isRecorded = mayLose === true && !this.options.lasting
    if (isRecorded) {
      copySparse(this.disk, this.#before)
      closeSync(openSync(this.#log, 'w'))
      truncateSync(this.#log, LOG_BYTES)
    }
    this.#machine = new Machine({
      ...firmware,
      ...rest,
      ...this.#storage(isRecorded),
      words: [...(this.options.words ?? []), ...words],
      ...(server ? { serverPort: await server.start() } : {}),
    })
    return this.#machine
  }

  #storage(isRecorded: boolean): Pick<MachineOptions, 'disks' | 'lastingMemory'> {
    if (this.options.lasting) return { disks: [], lastingMemory: this.disk }
    return { disks: [isRecorded ? { file: this.disk, log: this.#log } : { file: this.disk }] }
  }

  /** The power goes, and the disk loses as much as it is told to of what was not flushed. */
  async cutPower(loss: Loss = 'nothing', random: () => number = Math.random): Promise<void> {
    await this.#machine?.cut()
    if (loss === 'nothing' || this.options.lasting) return
    const log = readLog(this.#log)
    applyLog(this.#before, this.#log, log, loss, random)
    copySparse(this.#before, this.disk)
  }

  /** What debugfs says of the disk, which must be at rest. */
  look(command: string): string {
    return mustRun('/sbin/debugfs', ['-R', command, this.disk])
  }

  /**
   * Turns a file's content into zeros on the disk, as a worn disk does: neither time nor size tells of it.
   */
  zero(path: string): void {
    const blocks = this.look(`blocks ${path}`).trim().split(/\s+/).map(Number)
    const size = Number(/^Block size: +([0-9]+)$/m.exec(this.look('stats -h'))?.[1])
    if (!(size > 0) || blocks.length === 0) throw new Error(`${path} has no blocks`)
    const fd = openSync(this.disk, 'r+')
    for (const block of blocks) writeSync(fd, Buffer.alloc(size), 0, size, block * size)
    closeSync(fd)
  }
}

/** A USB stick by the name that the configuration gives, with what a school server offers. */
export function makeStick(server: SchoolServer): string {
  const stick = join(scratch('stick'), 'stick')
  const kind = ['-q', '-t', 'ext4', '-m', '0', '-L', 'XO-RELEASE']
  mustRun('/sbin/mke2fs', [...kind, '-d', server.folder, stick, '160M'])
  return stick
}

/** A copy of a disk takes only the room of what is on it. */
export function copySparse(from: string, to: string): void {
  mustRun('cp', ['--sparse=always', from, to])
}
