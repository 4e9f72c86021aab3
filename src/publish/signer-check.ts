/**
 * Whether a secret key is one to sign with: nobody else can read it, and devices that follow the module's own
 * chain of keys still trust it.
 */
import { ConfigError, TrustError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { KEY_CHAIN_SIZE_MAX } from '../limits.ts'
import { formatInstant } from '../release/fields.ts'
import { type KeyRole, ROLES, revokedBy } from '../release/keys.ts'
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

/** Key files are named by their role on devices, and mostly here as well: one of another role signs for nobody. */
export function refuseOtherRole({ name }: SecretKey, role: KeyRole): void {
  const file = name.slice(name.lastIndexOf('/') + 1)
  const other = ROLES.find((one) => file.startsWith(`${one}-`) || file.startsWith(`${one}.`))
  if (other === undefined || other === role) return
  throw new ConfigError(
    `${show(name)} is a key of the role ${other} by its name, and a ${role} key is needed: ` +
      'devices believe no other',
    `name a ${role} key; if this is one, call it ${role}.sec; \`xo-upgrade keygen --name ${role}\` makes one`,
  )
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
