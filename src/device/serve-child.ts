/**
 * The server as a part of the daemon: a process of its own, since what reads strangers' bytes must not have the
 * daemon's rights. What comes from it is three numbers at a time. Both ends are here: the daemon's, and the
 * server's, which ends when the daemon has gone.
 */
import { isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { arrayOfBytes, bytesOfArray } from '../text.ts'
import type { Device } from './device.ts'

type Process = import('native:processes').Process
type Startable = import('native:processes').Startable

/** Read through this, the program is what the kernel runs now, whatever became of its name. */
const OWN_PROGRAM = '/proc/self/exe'
const VARIABLE = 'XO_SERVES_DAEMON'
/** What somebody may have given the daemon for the whole of its work. */
const INHERITED = ['TZ', 'XO_MEMORY_LIMIT_MB', 'XO_NATIVE_MEMORY_LIMIT_MB']
const SIGTERM = 15
const STDOUT = 1
/** A server that ended by itself is started again, and not at once (milliseconds). */
const AGAIN_MS = 60_000
/** The exit status of a configuration that has to be changed first. */
const USAGE = 64
/** A server says that it is there more often than this (milliseconds). */
const SILENCE_MAX_MS = 60_000
/** How many more it would serve now, how many at once at most, and its port. */
const LINE = /^([0-9]{1,4}) ([1-9][0-9]{0,3}) ([0-9]{1,5})$/

/** How the daemon starts it; `words` are those of its own that it hands on. */
export function serverPrograms(
  { processes }: Pick<Host, 'processes'>,
  { serve }: Pick<Device['configuration'], 'serve'>,
  words: readonly Path[],
): Startable[] {
  if (!serve.enabled) return []
  const inherited = INHERITED.flatMap((name) => {
    const value = processes.variable(name)
    return value === undefined ? [] : [`${name}=${value}`]
  })
  const environment = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...inherited, `${VARIABLE}=1`]
  return [{ command: [OWN_PROGRAM, 'serve', ...words], environment }]
}

/** The server that a daemon has, if its configuration wants one. */
export class ServeChild {
  /** How many more it would serve now. */
  freePlaces = 0
  /** How many it serves at once at most. */
  places = 1
  /** Undefined until it listens. */
  port: number | undefined
  #process: Process | undefined
  #stopped = false

  constructor(
    readonly device: Device,
    readonly words: readonly Path[],
  ) {
    const { host, configuration } = device
    const [program] = serverPrograms(host, configuration, words)
    if (program) void this.#keep(program)
  }

  stop(): void {
    this.#stopped = true
    if (this.#process) this.device.host.processes.signal(this.#process, SIGTERM)
  }

  async #keep(program: Startable): Promise<void> {
    const { host, progress } = this.device
    while (!this.#stopped) {
      const status = await this.#run(program)
      this.freePlaces = 0
      this.port = undefined
      if (this.#stopped) return
      progress.note(`the server has ended: ${status}`)
      if (status === USAGE) return
      await host.clock.sleep(AGAIN_MS)
    }
  }

  /** Its exit status, or why it was not started. */
  async #run(program: Startable): Promise<number | string> {
    const { host } = this.device
    try {
      this.#process = host.processes.start({ ...program, pipe: true })
    } catch (error) {
      if (!isSystemError(error)) throw error
      return error.message
    }
    const { ended } = this.#process
    await this.#listen(this.#process)
    const status = await ended
    this.#process = undefined
    return status
  }

  #take(line: string): void {
    const [, free, places, port] = LINE.exec(line) ?? []
    if (free === undefined) return
    this.freePlaces = Number(free)
    this.places = Number(places)
    this.port = Number(port)
  }

  /** Until it says no more, or what it never says. */
  async #listen(process: Process): Promise<void> {
    const { sockets, processes } = this.device.host
    const { stream } = process
    if (!stream) return
    const buffer = new Uint8Array(64)
    try {
      for (let rest = ''; ; ) {
        const count = await sockets.read(stream, buffer, 0, buffer.length, SILENCE_MAX_MS)
        if (count === 0) return
        const lines = (rest + bytesOfArray(buffer.subarray(0, count))).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) this.#take(line)
        if (rest.length > buffer.length) rest = ''
      }
    } catch (error) {
      if (!isSystemError(error)) throw error
      processes.signal(process, SIGTERM)
    } finally {
      sockets.close(stream)
    }
  }
}

/** The daemon as its server sees it. */
interface ParentOfServer {
  /** It was started by hand. */
  isNone: boolean
  /** Tells it what is served now; false if it has gone. Nobody is told where there is none. */
  tell(served: { freePlaces: number; places: number; port: number }): boolean
}

export function parentOfServer({ processes, files }: Host): ParentOfServer {
  if (processes.variable(VARIABLE) === undefined) return { isNone: true, tell: () => true }
  return {
    isNone: false,
    tell({ freePlaces, places, port }) {
      try {
        const line = arrayOfBytes(`${freePlaces} ${places} ${port}\n`)
        files.write(STDOUT, line, 0, line.length)
        return true
      } catch (error) {
        if (!isSystemError(error)) throw error
        return false
      }
    },
  }
}
