/** Addresses to listen on, as a command line or the configuration writes them. */
export interface ListenAddress {
  /** A literal; `::` hears IPv4, too. */
  host: string
  port: number
}

/** `HOST:PORT`, `[V6]:PORT`; undefined if it is neither. */
export function parseListen(text: string): ListenAddress | undefined {
  const parts = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text)
  const port = Number(parts?.[3])
  if (!parts || port > 65_535) return undefined
  return { host: parts[1] ?? parts[2] ?? '', port }
}
