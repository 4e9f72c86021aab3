/**
 * What a command works with: its words, the device that they and the configuration describe, and the
 * voices for progress and results.
 */
import { type Confined, confineDevice, type Wish } from '../device/confinement.ts'
import { Device } from '../device/device.ts'
import type { Configuration } from '../device/settings.ts'
import { isSystemError } from '../errors.ts'
import type { Fd, Host } from '../host.ts'
import type { ShownProgress } from '../progress.ts'
import { terminalProgress } from '../progress-bar.ts'
import { arrayOfBytes, bytesOfText, harmless, jsonLine } from '../text.ts'
import { EXIT } from './exit-status.ts'
import { numberOf, textOf, textsOf, type Values } from './options.ts'
import { jsonProgress, logProgress } from './progress.ts'

const BWLIMIT_MAX = 1e7
const STDOUT: Fd = 1
const STDERR: Fd = 2

export class Context {
  readonly json: boolean
  readonly progress: ShownProgress
  /** Its configuration is read only when first asked for: publishers have none. */
  readonly device: Device
  #confined: Confined | undefined

  constructor(
    readonly host: Host,
    readonly values: Values,
  ) {
    this.json = values['--json'] === true
    this.progress = this.#openProgress()
    this.device = this.newDevice()
  }

  /** The same device, with its configuration read again. */
  newDevice(): Device {
    const { host, values, progress } = this
    return new Device(host, progress, {
      configuration: textOf(values, '--config'),
      store: textOf(values, '--store'),
      keys: textOf(values, '--keys'),
      passwordFile: textOf(values, '--password-file'),
      withoutPacks: values['--no-packs'] === true,
      kibPerSecond: numberOf(values, '--bwlimit', BWLIMIT_MAX),
      sources: textsOf(values, '--source'),
    })
  }

  get configuration(): Configuration {
    return this.device.configuration
  }

  /** Gives up, for good, what a command won't need that reads what others wrote, and says so. */
  confine(wish: Wish): void {
    this.#confined = confineDevice(this.device, wish)
    if (this.#confined) this.progress.note(this.#confined.sentence)
  }

  /** Whether what was given up is still what the configuration says, and no other files stand there. */
  isConfinedRight(): boolean {
    return this.#confined?.fits(this.newDevice()) ?? true
  }

  /** For a program that lasts: starts it again, after what is to be `ended` before, if that is not so. */
  stayConfined(ended: () => void = () => {}): void {
    if (this.isConfinedRight()) return
    this.progress.note(
      'the configuration, a file that it names or a mount has changed: starting again',
    )
    ended()
    this.host.processes.startAnew()
  }

  /** The result of a command: lines for people, or one JSON line. */
  result(record: Record<string, unknown>, lines: string[]): void {
    this.progress.end()
    const text = this.json ? jsonLine({ event: 'result', ...record }) : joined(lines)
    write(this.host, STDOUT, text)
  }

  #openProgress(): ShownProgress {
    const { clock, files } = this.host
    if (this.json) return jsonProgress(clock, (text) => write(this.host, STDOUT, text))
    const toStderr = (text: string) => write(this.host, STDERR, text)
    if (!files.isTerminal(STDERR)) return logProgress(clock, toStderr)
    return terminalProgress(clock, toStderr, () => files.terminalWidth(STDERR))
  }
}

/**
 * To stdout or stderr. A reader of stdout that has gone has read enough: the program ends in silence, as after any
 * power cut. A stderr that takes nothing must not stop what it would tell of.
 */
export function write(host: Host, fd: Fd, text: string): void {
  const bytes = arrayOfBytes(bytesOfText(text))
  try {
    host.files.write(fd, bytes, 0, bytes.length)
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (fd === STDOUT && error.code === 'EPIPE') host.processes.exit(EXIT.unread)
    if (fd === STDOUT) throw error
  }
}

function joined(lines: string[]): string {
  return lines.map((line) => `${harmless(line)}\n`).join('')
}
