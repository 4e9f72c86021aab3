/**
 * One QEMU machine: Debian's kernel, an initramfs and disks, emulated without KVM, with 256 MB as the
 * laptop has. Its first serial port is the console, which is kept as text and waited on with deadlines;
 * on the second one the booted system runs commands for the test. Ended by SIGKILL at any moment, which
 * is the power cut. Never touches the machine's own network: the guest reaches one port, and no other.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { scratch } from '../support/scratch.ts'

/** The first series of laptops has as much. */
const MEMORY = '256M'
/** Where the guest finds the rsync daemon of the test: the one address that it can reach. */
const SERVER_IN_GUEST = '10.0.2.100:873'
/** What an emulated boot takes is some ten seconds; other work on the same processor may multiply it. */
const BOOT_TIMEOUT_MS = 240_000
const COMMAND_TIMEOUT_MS = 240_000
const POLL_MS = 20
/** How much of the console is shown if it did not say what it should. */
const SHOWN_LINES = 60

interface Disk {
  file: string
  /** Where QEMU records every write and flush, in order. */
  log?: string
}

export interface MachineOptions {
  kernel: string
  initramfs: string
  /** Further words of the kernel's command line. */
  words?: string[]
  disks: Disk[]
  /** A file that is memory of the machine, besides its own: what is written there outlives it. */
  lastingMemory?: string
  /** A stick that stands in a USB port. */
  stick?: string
  /** Port of this machine's loopback that the guest's one address leads to; none: no network card. */
  serverPort?: number
  /** Further devices, in QEMU's words. */
  devices?: string[]
  /** A restart ends QEMU instead of booting again. */
  endsAtReboot?: boolean
  /** Hears the console as it comes. */
  heard?(text: string): void
}

interface Ended {
  status: number
  output: string
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class Machine {
  /** Everything that the console has said. */
  console = ''
  readonly #child: ChildProcess
  readonly #agentPath: string
  readonly #ended: Promise<void>
  #hasEnded = false
  #agent: Socket | undefined
  #agentSaid = ''
  /** How far into each we have already waited. */
  #consoleRead = 0
  #agentRead = 0

  constructor(options: MachineOptions) {
    this.#agentPath = join(scratch('machine'), 'agent')
    const words = wordsOf(options, this.#agentPath)
    this.#child = spawn('qemu-system-x86_64', words, { stdio: ['pipe', 'pipe', 'pipe'] })
    running.add(this.#child)
    const take = (text: string) => {
      this.console += text
      options.heard?.(text)
    }
    this.#child.stdout?.setEncoding('utf8').on('data', take)
    this.#child.stderr?.setEncoding('utf8').on('data', take)
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#hasEnded = true
        running.delete(this.#child)
        resolve()
      }
      this.#child.once('close', end)
      this.#child.once('error', (error) => {
        this.console += `\nqemu-system-x86_64: ${error.message}\n`
        end()
      })
    })
  }

  /** Waits until the console says this, after what was waited for before; returns what matched. */
  async says(pattern: RegExp | string): Promise<string> {
    const found = await this.#wait(
      () => matchFrom(this.console, this.#consoleRead, pattern),
      `the console to say ${pattern}`,
      BOOT_TIMEOUT_MS,
    )
    this.#consoleRead = found.end
    return found.text
  }

  /** Waits until the booted system takes commands; returns the number of its release. */
  async isUp(): Promise<number> {
    const found = await this.#wait(
      () => {
        this.#connectAgent()
        return matchFrom(this.#agentSaid, this.#agentRead, /agent: ready, release ([0-9]+)\r?\n/)
      },
      'the system to be up',
      BOOT_TIMEOUT_MS,
    )
    this.#agentRead = found.end
    return Number(/release ([0-9]+)/.exec(found.text)?.[1])
  }

  /** Presses keys at the console. */
  types(keys: string): void {
    this.#child.stdin?.write(keys)
  }

  /** Runs a line of shell in the booted system. */
  async run(line: string, timeoutMs = COMMAND_TIMEOUT_MS): Promise<Ended> {
    this.send(line)
    return this.finishes(line, timeoutMs)
  }

  /** Runs what must succeed; returns what it wrote. */
  async succeeds(line: string): Promise<string> {
    const { status, output } = await this.run(line)
    if (status !== 0) throw new Error(`${line}: status ${status}\n${output}\n${this.#lastLines()}`)
    return output
  }

  /** Starts a line of shell without waiting for its end. */
  send(line: string): void {
    if (!this.#agent) throw new Error('nothing takes commands yet')
    this.#agent.write(`${line}\n`)
  }

  /** Waits for the end of what was sent. */
  async finishes(line: string, timeoutMs = COMMAND_TIMEOUT_MS): Promise<Ended> {
    const start = this.#agentRead
    const found = await this.#wait(
      () => matchFrom(this.#agentSaid, this.#agentRead, /agent: status ([0-9]+)\r?\n/),
      `the end of: ${line}`,
      timeoutMs,
    )
    this.#agentRead = found.end
    const output = this.#agentSaid.slice(start, found.end - found.text.length)
    return {
      status: Number(/status ([0-9]+)/.exec(found.text)?.[1]),
      output: output.replace(/\r/g, ''),
    }
  }

  /** Waits until the command that was sent has written this. */
  async writes(pattern: RegExp | string): Promise<void> {
    const look = () => matchFrom(this.#agentSaid, this.#agentRead, pattern)
    await this.#wait(look, `the system to write ${pattern}`, COMMAND_TIMEOUT_MS)
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Waits for the machine to end by itself, that is, to be switched off. */
  async ends(timeoutMs = BOOT_TIMEOUT_MS): Promise<void> {
    await this.#wait(() => (this.#hasEnded ? true : undefined), 'the machine to end', timeoutMs, {
      mayEnd: true,
    })
  }

  /** The power goes. Returns when nothing of the machine is left. */
  async cut(): Promise<void> {
    this.#child.kill('SIGKILL')
    this.#agent?.destroy()
    await this.#ended
  }

  /** QEMU keeps one connection to the port; what came before it is waiting there. */
  #connectAgent(): void {
    if (this.#agent) return
    const socket = connect(this.#agentPath)
    this.#agent = socket
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#agentSaid += text
    })
    socket.on('error', () => {
      this.#agent = undefined
    })
  }

  async #wait<T>(
    look: () => T | undefined,
    what: string,
    timeoutMs: number,
    { mayEnd = false } = {},
  ): Promise<T> {
    const late = performance.now() + timeoutMs
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      const why = this.#hasEnded && !mayEnd ? 'the machine ended' : undefined
      if (why ?? performance.now() > late) {
        const reason = why ?? `nothing for ${timeoutMs / 1000} s`
        throw new Error(`waited for ${what}: ${reason}\n${this.#lastLines()}`)
      }
      await sleep(POLL_MS)
    }
  }

  #lastLines(): string {
    return this.console.split('\n').slice(-SHOWN_LINES).join('\n')
  }
}

function matchFrom(
  text: string,
  start: number,
  pattern: RegExp | string,
): { text: string; end: number } | undefined {
  const rest = text.slice(start)
  const match =
    typeof pattern === 'string' ? { 0: pattern, index: rest.indexOf(pattern) } : pattern.exec(rest)
  if (!match || match.index < 0) return undefined
  return { text: match[0], end: start + match.index + match[0].length }
}

function wordsOf(options: MachineOptions, agentPath: string): string[] {
  const { kernel, initramfs, words = [], disks, stick, serverPort, devices = [] } = options
  const { lastingMemory } = options
  const append = ['console=ttyS0', 'quiet', 'panic=-1', 'nokaslr', ...words].join(' ')
  const all = [
    ...['-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-accel', 'tcg', '-smp', '1'],
    ...(lastingMemory ? lastingMemoryWords(lastingMemory) : ['-machine', 'q35', '-m', MEMORY]),
    ...['-serial', 'stdio'],
    ...['-chardev', `socket,id=agent,path=${agentPath},server=on,wait=off`],
    ...['-serial', 'chardev:agent'],
    ...['-kernel', kernel, '-initrd', initramfs, '-append', append],
  ]
  if (options.endsAtReboot) all.push('-no-reboot')
  for (const device of devices) all.push('-device', device)
  for (const [index, disk] of disks.entries()) all.push(...diskWords(disk, `disk${index}`))
  if (stick) {
    all.push('-blockdev', `driver=file,filename=${stick},node-name=stick`)
    all.push('-device', 'qemu-xhci', '-device', 'usb-storage,drive=stick')
  }
  if (serverPort !== undefined) {
    const forward = `guestfwd=tcp:${SERVER_IN_GUEST}-cmd:busybox nc 127.0.0.1 ${serverPort}`
    all.push('-netdev', `user,id=net,restrict=on,${forward}`)
    all.push('-device', 'virtio-net-pci,netdev=net,romfile=')
  }
  return all
}

/**
 * The file is a memory module of the machine, at the address where those begin; each store of the guest
 * is one into the file. No driver is loaded that would make a disk of it.
 */
function lastingMemoryWords(file: string): string[] {
  const { size } = statSync(file)
  return [
    ...['-machine', 'q35,nvdimm=on', '-m', `${MEMORY},slots=1,maxmem=1G`],
    ...['-object', `memory-backend-file,id=lasting,mem-path=${file},size=${size},share=on`],
    ...['-device', 'nvdimm,memdev=lasting,addr=0x100000000'],
  ]
}

/** The host's own flushes are left out: what the guest may rely on is read from the log instead. */
function diskWords({ file, log }: Disk, name: string): string[] {
  const plain = (path: string, node: string) => [
    '-blockdev',
    `driver=file,filename=${path},node-name=${node},cache.no-flush=on`,
  ]
  const device = ['-device', `virtio-blk-pci,drive=${name}`]
  if (log === undefined) return [...plain(file, name), ...device]
  return [
    ...plain(file, `${name}-file`),
    ...plain(log, `${name}-log`),
    '-blockdev',
    `driver=blklogwrites,file=${name}-file,log=${name}-log,node-name=${name}`,
    ...device,
  ]
}
