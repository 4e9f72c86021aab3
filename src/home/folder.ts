/**
 * The folder of a home server: its policy, read again when one of its files changes, and the log of
 * calls, which is appended to. A wrong policy never takes the place of a right one.
 */
import { ConfigError, isSystemError } from '../errors.ts'
import type { Fd, Files, Path } from '../host.ts'
import { POLICY_SIZE_MAX } from '../limits.ts'
import { readFile } from '../small-file.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText, show, textOfBytes } from '../text.ts'
import { type DeploymentPolicy, POLICY_FILES, type PolicyTexts, parsePolicy } from './policy.ts'

export const LOG_FILE = 'calls.jsonl'

export class HomeFolder {
  readonly #directory: Fd
  readonly #name: string
  #stamp = ''
  #policy: DeploymentPolicy
  #log: { fd: Fd; identity: string } | undefined

  /** Throws a ConfigError if the folder is missing or its policy is wrong. */
  constructor(
    readonly files: Files,
    path: Path,
  ) {
    this.#name = show(path)
    this.#directory = openFolder(files, path)
    this.#stamp = this.#stampNow()
    this.#policy = this.#read()
  }

  get policy(): DeploymentPolicy {
    return this.#policy
  }

  /** Reads what changed. Throws a ConfigError once for each wrong change; the policy before it still holds. */
  refresh(): void {
    const stamp = this.#stampNow()
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    this.#policy = this.#read()
  }

  #stampNow(): string {
    const stats = POLICY_FILES.map((name) => this.files.stat(this.#directory, name))
    return stats
      .map((stat) => {
        if (!stat) return '-'
        return `${stat.identity} ${stat.size} ${stat.modified.seconds}.${stat.modified.nanoseconds}`
      })
      .join('\n')
  }

  #read(): DeploymentPolicy {
    const texts: PolicyTexts = {}
    for (const name of POLICY_FILES) {
      const content = readFile(this.files, this.#directory, name, POLICY_SIZE_MAX)
      if (content === undefined) continue
      const text = textOfBytes(bytesOfArray(content))
      if (text === undefined) throw new ConfigError(`${this.#name}/${name} is not UTF-8 text`)
      texts[name] = text
    }
    return parsePolicy(texts, this.#name)
  }

  /** Appends a line to the log of calls, even if somebody has renamed it in the meantime. */
  log(record: object): void {
    const line = arrayOfBytes(bytesOfText(`${JSON.stringify(record)}\n`))
    this.files.write(this.#logFile(), line, 0, line.length)
  }

  #logFile(): Fd {
    const { files } = this
    const there = files.stat(this.#directory, LOG_FILE)
    if (this.#log && there?.identity === this.#log.identity) return this.#log.fd
    if (this.#log) files.close(this.#log.fd)
    this.#log = undefined
    const fd = files.openAppend(this.#directory, LOG_FILE, 0o640)
    this.#log = { fd, identity: files.statHandle(fd).identity }
    return fd
  }

  close(): void {
    if (this.#log) this.files.close(this.#log.fd)
    this.files.close(this.#directory)
  }
}

export function openFolder(files: Files, path: Path): Fd {
  try {
    return files.openRoot(path)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
    throw new ConfigError(`${show(path)} is not a folder`, `run: mkdir -p ${show(path)}`)
  }
}
