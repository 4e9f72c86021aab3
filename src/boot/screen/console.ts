/**
 * What a person sees and presses while the laptop starts: every console that the kernel has, with the
 * same lines on each, and the kernel's log. A console that fails is dropped; the boot goes on
 * without it.
 */
import { isSystemError } from '../../errors.ts'
import type { Fd, Host, Path } from '../../host.ts'
import type { ShownProgress } from '../../progress.ts'
import { terminalProgress } from '../../progress-bar.ts'
import { arrayOfBytes, bytesOfText, harmless, show } from '../../text.ts'
import { readFact } from '../machine/small-facts.ts'

/** The kernel keeps a log line of at most this (bytes). */
const LOG_LINE_MAX = 900
/** Lines that are kept for the running system to read. */
const KEPT_MAX = 500
/** For a console that does not say how many it has. */
const COLUMNS = 80
const CONSOLE = '/dev/console'
/** The kernel's list of its consoles, the one that is /dev/console last. */
const ACTIVE = '/sys/class/tty/console/active'

interface Terminal {
  path: Path
  input: Fd
  output: Fd
}

/** What this process was started with; in a container it is all there is, since /dev/console is another's. */
const STANDARD: Terminal = { path: '', input: 0, output: 2 }
const isStandard = ({ input }: Terminal) => input === STANDARD.input

/** What was pressed, and where: that is where a shell belongs. */
interface Pressed {
  keys: string
  terminal: Path
}

export class Console {
  debugging = false
  /** All lines so far, with the seconds since power-on. */
  readonly kept: string[] = []
  #terminals: Terminal[] = [STANDARD]
  /** Consoles that have no keyboard any more. */
  readonly #silent = new Set<Terminal>()
  #log: Fd | undefined
  #opened = false
  #bar: (() => void) | undefined

  constructor(readonly host: Host) {}

  /** To be called once /dev and /sys are there: finds the consoles of the machine. */
  open(): void {
    const { system } = this.host
    this.#opened = true
    const main = this.#openTerminal(CONSOLE)
    if (main) {
      system.useAsStandard(main.input)
      this.host.files.close(main.input)
      this.#terminals = this.#terminals.map((one) =>
        isStandard(one) ? { ...one, path: CONSOLE } : one,
      )
    }
    for (const name of readFact(this.host, ACTIVE).split(/\s+/).filter(Boolean)) {
      const path = `/dev/${name}`
      if (this.#terminals.some((terminal) => terminal.path === path)) continue
      const terminal = this.#openTerminal(path)
      if (terminal) this.#terminals.push(terminal)
    }
    // A console that is there needs no stand-in.
    if (this.#terminals.length > 1) {
      this.#terminals = this.#terminals.filter((terminal) => !isStandard(terminal))
    }
    this.#log ??= this.#openLog()
  }

  /** After a close that came too early: as it was before. */
  reopen(): void {
    if (this.#opened) this.open()
  }

  /** One line for people, as text. */
  line(text: string): void {
    this.#bar?.()
    this.#keep(text)
    this.#show(`${harmless(text)}\n`)
  }

  /** One line for people who asked for more (`xo.debug`). It is in the kernel's log either way. */
  debug(text: string): void {
    this.#keep(text)
    if (!this.debugging) return
    this.#bar?.()
    this.#show(`    ${harmless(text)}\n`)
  }

  /** A cleared screen with these lines on it. */
  screen(lines: string[]): void {
    this.#bar?.()
    for (const line of lines) if (line !== '') this.#keep(line)
    this.#show(`\x1b[0m\x1b[2J\x1b[H${lines.map(harmless).join('\n')}\n`)
  }

  /** Progress as a bar on all consoles; a line ends what is drawn. */
  progress(): ShownProgress {
    const { clock } = this.host
    const shown = terminalProgress(
      clock,
      (text) => this.#show(text),
      () => COLUMNS,
    )
    this.#bar = () => {
      // `end` may write a line of its own, which must not come back here.
      const bar = this.#bar
      this.#bar = undefined
      shown.end()
      this.#bar = bar
    }
    return { ...shown, note: (text) => this.line(text) }
  }

  /** Ends whatever is drawn. */
  endProgress(): void {
    this.#bar?.()
    this.#bar = undefined
  }

  /** Waits for a key on any console; undefined if none came in time. */
  async key(timeoutMs: number): Promise<Pressed | undefined> {
    const { system, clock } = this.host
    for (const { input } of this.#terminals) this.#setRaw(input, true)
    // A wait that loses the race would swallow the next key: so each is short, one after the other.
    const endMs = clock.monotonicMs() + timeoutMs
    for (;;) {
      const heard = this.#terminals.filter((terminal) => !this.#silent.has(terminal))
      for (const terminal of heard) {
        const leftMs = Math.max(0, endMs - clock.monotonicMs())
        const lookMs = heard.length === 1 ? leftMs : Math.min(leftMs, LOOK_MS)
        const keys = await system.readKeys(terminal.input, lookMs)
        if (keys === '') this.#silent.add(terminal)
        else if (keys !== undefined) return { keys, terminal: terminal.path }
      }
      if (heard.length === 0) await clock.sleep(Math.max(0, endMs - clock.monotonicMs()))
      if (clock.monotonicMs() >= endMs) return undefined
    }
  }

  /** Lines and echo again, as a program expects to find it. */
  cooked(): void {
    for (const { input } of this.#terminals) this.#setRaw(input, false)
  }

  /** Closes all but the standard ones. */
  close(): void {
    this.endProgress()
    this.cooked()
    for (const { input } of this.#terminals.filter((one) => !isStandard(one))) {
      this.host.files.close(input)
    }
    this.#terminals = [STANDARD]
    if (this.#log !== undefined) this.host.files.close(this.#log)
    this.#log = undefined
  }

  #openTerminal(path: Path): Terminal | undefined {
    try {
      const fd = this.host.system.openDevice(path, 'read-write')
      return { path, input: fd, output: fd }
    } catch (error) {
      if (isSystemError(error)) return undefined
      throw error
    }
  }

  #openLog(): Fd | undefined {
    try {
      return this.host.system.openDevice('/dev/kmsg', 'write')
    } catch (error) {
      if (isSystemError(error)) return undefined
      throw error
    }
  }

  #setRaw(fd: Fd, raw: boolean): void {
    try {
      this.host.system.setRawTerminal(fd, raw)
    } catch (error) {
      // A console that is not a terminal (a pipe, in a test) gives its keys as they come.
      if (!isSystemError(error)) throw error
    }
  }

  #keep(text: string): void {
    const seconds = (this.host.clock.monotonicMs() / 1000).toFixed(1)
    this.kept.push(`${seconds.padStart(6)} ${text}`)
    if (this.kept.length > KEPT_MAX) this.kept.shift()
    if (this.#log === undefined) return
    // At the lowest level, so that the kernel does not repeat on its console what is there already.
    const line = arrayOfBytes(bytesOfText(`<7>xo-upgrade: ${show(bytesOfText(text))}\n`))
    this.#write(this.#log, line.subarray(0, LOG_LINE_MAX))
  }

  #show(text: string): void {
    const bytes = arrayOfBytes(bytesOfText(text))
    for (const { output } of this.#terminals) this.#write(output, bytes)
  }

  #write(fd: Fd, bytes: Uint8Array): void {
    try {
      this.host.files.write(fd, bytes, 0, bytes.length)
    } catch (error) {
      if (!isSystemError(error)) throw error
    }
  }
}

/** How long one of several consoles is looked at before the next (milliseconds). */
const LOOK_MS = 100
