/**
 * Where a stock rsync daemon is reached, and how it is named in messages. The password is part of an
 * address, but never of its name.
 */
import { show } from '../text.ts'

export const WEAK_DIGESTS = ['sha1', 'md5'] as const
export type WeakDigest = (typeof WEAK_DIGESTS)[number]

export interface Address {
  host: string
  port: number
  /** The module's name, a byte string. */
  module: string
  /** Byte strings; a daemon that asks for none never sees them. */
  user?: string
  password?: string
  /** Digests below SHA-256 that the operator allows for the password's answer. */
  weakDigests?: readonly WeakDigest[]
}

/** `rsync://host:port/module`, safe to show. */
export function nameOfAddress({ host, port, module }: Address): string {
  const shown = host.includes(':') ? `[${host}]` : host
  return `rsync://${show(shown)}:${port}/${show(module)}`
}
