/**
 * Whether a secret key is one to sign with: nobody else can read it, and devices that follow the module's own
 * chain of keys still trust it.
 */
import { TrustError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { KEY_CHAIN_SIZE_MAX } from '../limits.ts'
import { formatInstant } from '../release/fields.ts'
import { type KeyRole, revokedBy } from '../release/keys.ts'
import { type PublicKey, publicKeyOf, type SecretKey } from '../release/signify.ts'
import { readFile } from '../small-file.ts'
import { show } from '../text.ts'
import { type Exception, refuseUnless } from './exceptions.ts'

export function refuseReadableKey(
  files: Host['files'],
  path: Path,
  allowed: readonly Exception[],
): void {
  const fd = files.openFile(path)
  try {
    const { mode, type } = files.statHandle(fd)
    if (type !== 'file' || (mode & 0o077) === 0) return
    const octal = (mode & 0o7777).toString(8).padStart(4, '0')
    refuseUnless(
      allowed,
      'readable-key',
      `${show(path)}: others may read this secret key (its mode is ${octal})`,
      `chmod 600 ${show(path)}`,
    )
  } finally {
    files.close(fd)
  }
}

export function refuseRevokedKey(
  files: Host['files'],
  at: { module: Fd; moduleName: string; key: SecretKey },
  role: KeyRole,
  allowed: readonly Exception[],
): void {
  const revoked = revokedAt(files, at.module, role, publicKeyOf(at.key))
  if (revoked === undefined) return
  refuseUnless(
    allowed,
    'revoked-key',
    `${show(at.key.name)}: this is a revoked key, number ${at.key.number}: ${at.moduleName}/keys ` +
      `revoked it at ${formatInstant(revoked)}, and devices that read that refuse what it signs`,
    'sign with a key that is trusted',
  )
}

function revokedAt(
  files: Host['files'],
  module: Fd,
  role: KeyRole,
  key: PublicKey,
): number | undefined {
  try {
    const chain = readFile(files, module, 'keys', KEY_CHAIN_SIZE_MAX)
    return chain && revokedBy(chain, role, key)
  } catch (error) {
    // What is no chain of keys revokes none, for devices either.
    if (error instanceof TrustError) return undefined
    throw error
  }
}
