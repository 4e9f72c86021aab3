/**
 * Where the bits come from: a school server, upstream, a stick. All look the same: a module with
 * `latest`, `N/release`, `N/manifest` and `N/root`. A source is never trusted: whoever asks it for
 * something checks what came.
 */
import { ConfigError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import type { Progress } from '../progress.ts'
import { FolderSource } from './folder-source.ts'
import { RsyncSource } from './rsync-source.ts'

/** What became of one file: its size and SHA-256, or why it did not come. */
export type Outcome =
  | { size: number; digest: string }
  /**
   * `absent`: the source has no such file. `too-large`: it has one of more than `sizeMax` bytes.
   * `damaged`: what came twice was not what the source meant to send.
   */
  | { failed: 'absent' | 'too-large' | 'damaged' }

/** One file to be fetched, as the source is asked for it. */
export interface Wanted {
  /** Below the place that is asked: `42/manifest`, or a path below `42/root`. */
  name: Path
  /** A longer file is not fetched. */
  sizeMax: number
  /** A local file that may share content with it. */
  basis?: { fd: Fd; size: number } | undefined
  /** Gives an empty file to write to; called again when a second try is needed. */
  target(): Fd
  done(outcome: Outcome): void
  /** Called instead of `done` where the source failed first: what came so far is in the target. */
  abandoned?(): void
}

export interface Source {
  /** For people: the URL without a password. */
  readonly name: string
  /**
   * The newest release statement, or that of a version. PeerError `absent` where the source works
   * but has none.
   */
  statement(version: number | undefined): Promise<Uint8Array>
  /** Fetches `N/manifest`. To be called after `statement`, whose connection it may share. */
  manifest(version: number, wanted: Omit<Wanted, 'name'>): Promise<void>
  /**
   * Fetches files of `N/root`. `names` gives the same names in the same order as `wanted`, and may be
   * walked at the same time. `whole`: nearly every file of the image is wanted.
   */
  content(
    version: number,
    files: { names(): Iterable<Path>; wanted(): Iterable<Wanted>; whole: boolean },
  ): Promise<void>
  close(): void
}

export interface SourceOptions {
  compression: 'auto' | 'zstd' | 'zlibx' | 'none'
  compressLevel: number | undefined
  connectTimeoutMs: number
  timeoutMs: number
  /** Below this rate for `rateWindowMs` a source is given up. 0: never. */
  rateMinBytesPerSecond: number
  rateWindowMs: number
  password: string | undefined
  /** A new empty file that has no name any more. */
  scratch(): Fd
  progress: Progress
}

/** Opens nothing yet: a source connects when it is first asked. */
export function openSource(host: Host, url: string, options: SourceOptions): Source {
  const folder = /^file:\/\/(\/.*)$/s.exec(url)
  if (folder) return new FolderSource(host, unescapeUrl(folder[1] ?? ''), url)
  const rsync = /^rsync:\/\/(?:([^@/]*)@)?(\[[^\]]+\]|[^:/]+)(?::([0-9]{1,5}))?\/([^/]+)\/?$/.exec(
    url,
  )
  const port = Number(rsync?.[3] ?? 873)
  if (rsync && port >= 1 && port <= 65_535) {
    const [, user, host_, , module] = rsync
    if (user?.includes(':')) {
      throw new ConfigError(
        `the source rsync://…@${host_}/${module} has a password in its URL, where others see it`,
        'write the user only, and give the password with --password-file or RSYNC_PASSWORD',
      )
    }
    const address = {
      host: (host_ ?? '').replace(/^\[|\]$/g, ''),
      port,
      module: unescapeUrl(module ?? ''),
      ...(user ? { user: unescapeUrl(user) } : {}),
      ...(options.password === undefined ? {} : { password: options.password }),
    }
    return new RsyncSource(host, address, url, options)
  }
  throw new ConfigError(
    `"${url}" is no source`,
    'write rsync://HOST[:PORT]/MODULE or file:///FOLDER',
  )
}

function unescapeUrl(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
