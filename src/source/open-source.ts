/** From a URL to a source. The only place that knows which kinds there are. */
import { ConfigError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { isByteString } from '../text.ts'
import { FolderSource } from './folder-source.ts'
import { RsyncSource } from './rsync-source.ts'
import type { Source, SourceOptions } from './source.ts'
import { checkSettings, openSshLink } from './ssh-link.ts'

export { Pace, rateWindowMs, WEAK_DIGESTS, type WeakDigest } from '../rsync/session.ts'
export { sshPrograms } from './ssh-link.ts'

/** Whether the source is told a user's name, and with it a password. */
export function namesUser(url: string): boolean {
  return /^rsync:\/\/[^@/]+@/.test(url)
}

/** The folder of a source that is one. */
export function folderOf(url: string): Path | undefined {
  const folder = /^file:\/\/(\/.*)$/s.exec(url)
  return folder ? unescapeUrl(folder[1] ?? '') : undefined
}

/** Opens nothing yet: a source connects when it is first asked. */
export function openSource(host: Host, url: string, options: SourceOptions): Source {
  if (!isByteString(unescapeUrl(url))) throw noSource(url)
  const folder = folderOf(url)
  if (folder !== undefined) return new FolderSource(host, folder, url, options.role)
  const ssh = sshSource(host, url, options)
  if (ssh) return ssh
  const rsync = /^rsync:\/\/(?:([^@/]*)@)?(\[[^\]]+\]|[^:/]+)(?::([0-9]{1,5}))?\/([^/]+)\/?$/.exec(
    url,
  )
  const port = Number(rsync?.[3] ?? 873)
  if (rsync) refuseDetours(host, url)
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
      ...(options.password === undefined
        ? {}
        : { password: options.password, weakDigests: options.weakPasswordDigests ?? [] }),
    }
    return new RsyncSource(host, address, url, options)
  }
  if (/^(rsync|ssh):\/\/[^/]+\/[^/]+\/./.test(url)) {
    throw new ConfigError(
      `the source ${url} names a folder below a module`,
      'give the folder a module of its own on the server, and name that',
    )
  }
  throw noSource(url)
}

/** A neighbour at an address, which serves what a school server does, and needs no user. */
export function openNeighbour(
  host: Host,
  { host: address, port, name }: { host: string; port: number; name: string },
  options: Omit<SourceOptions, 'role' | 'password' | 'ssh'>,
): Source {
  const own = { ...options, role: 'neighbour' as const, password: undefined }
  return new RsyncSource(host, { host: address, port, module: 'xo' }, name, own)
}

function noSource(url: string): ConfigError {
  return new ConfigError(
    `"${url}" is not a source`,
    'write rsync://HOST[:PORT]/MODULE, ssh://USER@HOST[:PORT]/MODULE or file:///FOLDER',
  )
}

/** What stock rsync would take another way by; to go the direct one without a word would be a surprise. */
function refuseDetours({ processes }: Host, url: string): void {
  for (const name of ['RSYNC_PROXY', 'RSYNC_CONNECT_PROG']) {
    if (!processes.variable(name)) continue
    throw new ConfigError(
      `${name} is set, and ${url} is only reached directly, by no proxy or program between`,
      `unset ${name}, or name a source with ssh:// or file://`,
    )
  }
}

/** Names and addresses that no program takes for an option. */
const SSH_USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/
const SSH_HOST = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252})$/

function sshSource(host: Host, url: string, options: SourceOptions): Source | undefined {
  const parts = /^ssh:\/\/([^@/]+)@(\[[^\]]+\]|[^:/]+)(?::([0-9]{1,5}))?\/([^/]+)\/?$/.exec(url)
  const [, user = '', name = '', digits = '22', module = ''] = parts ?? []
  const port = Number(digits)
  if (!SSH_USER.test(user) || !SSH_HOST.test(name) || port < 1 || port > 65_535) return undefined
  const { ssh, connectTimeoutMs, scratch } = options
  if (!ssh) throw new ConfigError(`"${url}": there is no way to ssh here`, 'name another source')
  checkSettings(url, ssh.settings)
  const address = { user, host: name.replace(/^\[|\]$/g, ''), port }
  const link = () => openSshLink({ host, ...ssh, peer: url, address, connectTimeoutMs, scratch })
  return new RsyncSource(
    host,
    { host: address.host, port, module: unescapeUrl(module) },
    url,
    options,
    link,
  )
}

function unescapeUrl(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
