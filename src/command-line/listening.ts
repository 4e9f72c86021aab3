/** Where a command listens, by its words. */
import { type ListenAddress, parseListen } from '../device/listen-address.ts'
import { ConfigError } from '../errors.ts'
import { show } from '../text.ts'

export function listenAddress(text: string): ListenAddress {
  const address = parseListen(text)
  if (address) return address
  throw new ConfigError(
    `"${show(text)}" is not an address to listen on`,
    'write for instance 0.0.0.0:8765, or [::]:8765 for IPv6 and IPv4',
  )
}
