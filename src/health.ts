/**
 * The hooks that say whether the running system is healthy, in the order of their names. One that ends
 * with another status than 0, or not in time, is a veto. Which files are hooks, `hooks.ts` says.
 */
import { isSystemError } from './errors.ts'
import { hooksOf, whyNotStarted } from './hooks.ts'
import type { Host, Path } from './host.ts'
import type { Progress } from './progress.ts'
import { show } from './text.ts'

interface Veto {
  hook: Path
  why: string
}

interface Examination {
  host: Host
  folder: Path
  /** Told to the hooks as XO_UPGRADE_VERSION and XO_UPGRADE_TRIAL. */
  version: number
  trial: boolean
  /** Told as XO_UPGRADE_HEARD and XO_UPGRADE_STALE. */
  fresh: { since: string | undefined; stale: boolean }
  /** How long one hook may take. */
  timeoutMs: number
  progress: Progress
}

/** How much of a hook's output is passed on (bytes). */
const OUTPUT_MAX = 16 * 1024
/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 2000
const SIGTERM = 15
const SIGKILL = 9
const PATH_DEFAULT = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** All hooks are asked, even after a veto, so that everything wrong is told at once. */
export async function examine(examination: Examination): Promise<Veto[]> {
  const vetoes: Veto[] = []
  const { host, folder, progress } = examination
  for (const hook of hooksOf(host, folder, (text) => progress.note(text))) {
    const why = await ask(examination, hook)
    if (why !== undefined) vetoes.push({ hook, why })
  }
  return vetoes
}

/** Undefined if the hook is content; else why not. */
async function ask(examination: Examination, hook: Path): Promise<string | undefined> {
  const { host, folder, version, trial, fresh, timeoutMs } = examination
  const { clock, processes } = host
  const environment = [
    `PATH=${processes.variable('PATH') ?? PATH_DEFAULT}`,
    `XO_UPGRADE_VERSION=${version}`,
    `XO_UPGRADE_TRIAL=${trial ? 'yes' : 'no'}`,
    `XO_UPGRADE_HEARD=${fresh.since ?? ''}`,
    `XO_UPGRADE_STALE=${fresh.stale ? 'yes' : 'no'}`,
  ]
  try {
    const command = [`${folder}/${hook}`]
    const process = processes.start({ command, environment, pipe: true })
    if (process.stream) host.sockets.shutdown(process.stream)
    const told = tell(examination, hook, process.stream, timeoutMs)
    const late = clock.sleep(timeoutMs).then(() => undefined)
    const status = await Promise.race([process.ended, late])
    if (status === undefined) {
      processes.signal(process, SIGTERM)
      if ((await Promise.race([process.ended, clock.sleep(GRACE_MS)])) === undefined) {
        processes.signal(process, SIGKILL)
      }
    } else {
      // What it started may hold its output open for as long as it likes.
      await Promise.race([told, clock.sleep(GRACE_MS)])
    }
    if (process.stream) host.sockets.close(process.stream)
    if (status === undefined) return `did not end within ${timeoutMs / 1000} s`
    return status === 0 ? undefined : `ended with status ${status}`
  } catch (error) {
    if (!isSystemError(error)) throw error
    return whyNotStarted(host.files, `${folder}/${hook}`, error)
  }
}

/** Passes on what the hook writes, line by line. */
async function tell(
  { host, progress }: Examination,
  hook: Path,
  stream: object | undefined,
  timeoutMs: number,
): Promise<void> {
  if (!stream) return
  const buffer = new Uint8Array(OUTPUT_MAX)
  let length = 0
  try {
    while (length < OUTPUT_MAX) {
      const space = OUTPUT_MAX - length
      const count = await host.sockets.read(stream, buffer, length, space, timeoutMs)
      if (count === 0) break
      length += count
    }
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
  const text = String.fromCharCode(...buffer.subarray(0, length))
  for (const line of text.split('\n')) {
    if (line.trim() !== '') progress.note(`${show(hook)}: ${show(line)}`)
  }
}
