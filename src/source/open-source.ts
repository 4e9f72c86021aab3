/** From a URL to a source. The only place that knows which kinds there are. */
import { ConfigError } from '../errors.ts'
import type { Host } from '../host.ts'
import { FolderSource } from './folder-source.ts'
import { RsyncSource } from './rsync-source.ts'
import type { Source, SourceOptions } from './source.ts'

export { Pace } from '../rsync/session.ts'

/** Opens nothing yet: a source connects when it is first asked. */
export function openSource(host: Host, url: string, options: SourceOptions): Source {
  const folder = /^file:\/\/(\/.*)$/s.exec(url)
  if (folder) return new FolderSource(host, unescapeUrl(folder[1] ?? ''), url, options.role)
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
