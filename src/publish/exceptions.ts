/** What `publish` refuses because nobody can mean it, unless the publisher says that it is meant. */
import { ConfigError } from '../errors.ts'

/** By the names that `--allow` takes: what passes then. */
export const EXCEPTIONS = {
  mounts: 'something is mounted in the image',
  disk: 'the image has entries that common disks do not hold',
  'revoked-key': 'the key was revoked',
  'readable-key': 'others can read the secret key',
} as const

export type Exception = keyof typeof EXCEPTIONS

export function exceptionOf(name: string): Exception {
  if (Object.hasOwn(EXCEPTIONS, name)) return name as Exception
  throw new ConfigError(
    `--allow is "${name}", allowed: ${Object.keys(EXCEPTIONS).join(', ')}`,
    'xo-upgrade publish --help says what each of them lets pass',
  )
}

/** Throws what is found, with its cure, unless it is allowed. */
export function refuseUnless(
  allowed: readonly Exception[],
  name: Exception,
  found: string,
  cure: string,
): void {
  if (allowed.includes(name)) return
  throw new ConfigError(found, `${cure}; if it is meant, --allow ${name} lets it pass`)
}
