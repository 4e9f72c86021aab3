/**
 * Sends a process on an errand, shows what it says, and waits for its end: all that process 1, which can't
 * be confined, takes in of what strangers wrote are these lines. What came of the errand stands in the store.
 */
import { isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText } from '../text.ts'
import {
  ERRAND_LINE_MAX,
  ERRAND_VARIABLE,
  type Errand,
  KNOWN_LENGTH_MAX,
  sentenceIn,
  showProgressLine,
} from './errand-words.ts'
import { CHILD_ENVIRONMENT } from './machine/child-environment.ts'
import type { Console } from './screen/console.ts'
import { sentenceOf } from './screen/plain-words.ts'

type Process = import('native:processes').Process

/** Read through this, the program is what the kernel runs now, whatever became of its name. */
const OWN_PROGRAM = '/proc/self/exe'
/** What somebody may have given the first process for the whole of its work. */
const INHERITED = ['XO_MEMORY_LIMIT_MB', 'XO_NATIVE_MEMORY_LIMIT_MB', 'RSYNC_PASSWORD']
/** Any wait for a source is over before, and no disk takes so long to write what is to be written (milliseconds). */
const SILENCE_MAX_MS = 30 * 60_000
/** It has nothing left to do once it has closed its pipe (milliseconds). */
const END_MS = 10_000
const LOOK_AGAIN_MS = 20
/** More than this was never tried in one errand. */
const SENTENCES_MAX = 200
const SIGKILL = 9

interface ErrandEnd {
  done: boolean
  /** For the next one. */
  known: string
}

/** Never throws what the other process is to blame for: `say` is told. */
export async function sendOnErrand(
  { host, console }: { host: Host; console: Console },
  errand: Errand,
  say: (text: string) => void,
): Promise<ErrandEnd> {
  const heard = new Heard(console, say)
  let process: Process
  try {
    process = start(host)
  } catch (error) {
    if (!isSystemError(error)) throw error
    say(sentenceOf(error))
    return { done: false, known: errand.known }
  }
  const end = endOf(process)
  try {
    await ask(host, process, errand)
    await listen(host, process, heard)
  } catch (error) {
    if (!isSystemError(error) && !(error instanceof RangeError)) throw error
    say(`The part that reads does not answer (${error.message}).`)
    host.processes.signal(process, SIGKILL)
  } finally {
    console.endProgress()
    if (process.stream) host.sockets.close(process.stream)
  }
  const status = await ended(host, process, end)
  if (status === 0) return { done: heard.done, known: heard.known }
  say(`The part that reads has ended by itself (${status ?? 'it had to be ended'}).`)
  return { done: false, known: '' }
}

/** What it says, as far as that is one of the lines that it may say. */
class Heard {
  done = false
  known = ''
  #said = 0
  readonly #shown

  constructor(
    readonly console: Console,
    readonly say: (text: string) => void,
  ) {
    this.#shown = console.progress()
  }

  line(line: string): void {
    const blank = line.indexOf(' ')
    const word = blank < 0 ? line : line.slice(0, blank)
    const rest = blank < 0 ? '' : line.slice(blank + 1)
    if (word === 'say' && this.#said++ < SENTENCES_MAX) this.say(sentenceIn(rest))
    else if (word === 'note') this.console.line(sentenceIn(rest))
    else if (word === 'debug') this.console.debug(sentenceIn(rest))
    else if (word === 'known' && rest.length <= KNOWN_LENGTH_MAX) this.known = rest
    else if (line === 'done') this.done = true
    else showProgressLine(this.#shown, word, rest)
  }
}

function start({ processes, system, files }: Host): Process {
  const inherited = INHERITED.flatMap((name) => {
    const value = processes.variable(name)
    return value === undefined ? [] : [`${name}=${value}`]
  })
  const environment: Path[] = [...CHILD_ENVIRONMENT, ...inherited, `${ERRAND_VARIABLE}=1`]
  // A terminal would be a way to type commands into this console.
  const nowhere = system.openDevice('/dev/null', 'write')
  try {
    const command = [OWN_PROGRAM, 'errand']
    return processes.start({ command, environment, pipe: true, stderr: nowhere })
  } finally {
    files.close(nowhere)
  }
}

async function ask({ sockets }: Host, { stream }: Process, errand: Errand): Promise<void> {
  if (!stream) return
  const bytes = arrayOfBytes(bytesOfText(JSON.stringify(errand)))
  await sockets.write(stream, bytes, 0, bytes.length, SILENCE_MAX_MS)
  sockets.shutdown(stream)
}

/** Until it says no more. */
async function listen({ sockets }: Host, { stream }: Process, heard: Heard): Promise<void> {
  if (!stream) return
  const buffer = new Uint8Array(4096)
  let rest = ''
  for (;;) {
    const count = await sockets.read(stream, buffer, 0, buffer.length, SILENCE_MAX_MS)
    if (count === 0) return
    const lines = (rest + bytesOfArray(buffer.subarray(0, count))).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) heard.line(line)
    if (rest.length > ERRAND_LINE_MAX) throw new RangeError('a line without end')
  }
}

function endOf({ ended }: Process): { status: number | undefined } {
  const end: { status: number | undefined } = { status: undefined }
  void ended.then((status) => {
    end.status = status
  })
  return end
}

/** Its status; undefined if it had to be ended. */
async function ended(
  { processes, clock }: Host,
  process: Process,
  end: { status: number | undefined },
): Promise<number | undefined> {
  const endMs = clock.monotonicMs() + END_MS
  while (end.status === undefined && clock.monotonicMs() < endMs) await clock.sleep(LOOK_AGAIN_MS)
  if (end.status !== undefined) return end.status
  processes.signal(process, SIGKILL)
  await process.ended
  return undefined
}
