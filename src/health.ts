/**
 * The hooks that say whether the running system is healthy: every executable of a folder, in the
 * order of their names. One that ends with another status than 0, or not in time, is a veto. They
 * run as root, so the folder must be root's.
 */
import { ConfigError, isSystemError } from './errors.ts'
import type { Fd, Host, Path } from './host.ts'
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
  /** How long one hook may take. */
  timeoutMs: number
  progress: Progress
}

/** Of what a hook writes, more is not told (bytes). */
const OUTPUT_MAX = 16 * 1024
/** Between the polite signal and the other one. */
const GRACE_MS = 2000
const SIGTERM = 15
const SIGKILL = 9
const PATH_DEFAULT = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** All hooks are asked, also after a veto, so that all that is wrong is told at once. */
export async function examine(examination: Examination): Promise<Veto[]> {
  const vetoes: Veto[] = []
  for (const hook of hooksOf(examination)) {
    const why = await ask(examination, hook)
    if (why !== undefined) vetoes.push({ hook, why })
  }
  return vetoes
}

function hooksOf({ host, folder }: Examination): Path[] {
  const { files } = host
  let fd: Fd
  try {
    fd = files.openRoot(folder)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return []
    throw error
  }
  try {
    const names = files.readDirectory(fd, '.').filter((name) => /^[^.].*[^~]$|^[^.~]$/s.test(name))
    return names.filter((name) => {
      const stat = files.stat(fd, name)
      if (stat?.type === 'link') return true
      if (stat?.type !== 'file' || (stat.mode & 0o111) === 0) return false
      if ((stat.mode & 0o002) === 0) return true
      const path = show(`${folder}/${name}`)
      throw new ConfigError(`${path} runs as root, and anybody may write it`, `chmod o-w ${path}`)
    })
  } finally {
    files.close(fd)
  }
}

/** Undefined where the hook is content; else why not. */
async function ask(examination: Examination, hook: Path): Promise<string | undefined> {
  const { host, folder, version, trial, timeoutMs } = examination
  const { clock, processes } = host
  const environment = [
    `PATH=${processes.variable('PATH') ?? PATH_DEFAULT}`,
    `XO_UPGRADE_VERSION=${version}`,
    `XO_UPGRADE_TRIAL=${trial ? 'yes' : 'no'}`,
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
    return `can't be run (${error.code})`
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
