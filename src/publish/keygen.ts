/**
 * `keygen`: makes the key pair that signs releases, and reads the secret half again for publishing.
 * It never replaces a key that is there: devices in the field may trust it.
 */
import { ConfigError, TrustError } from '../errors.ts'
import { makeFolder } from '../folder.ts'
import type { Host, Path } from '../host.ts'
import type { KeyRole } from '../release/keys.ts'
import { makeKeyPair, readSecretKey, type SecretKey } from '../release/signify.ts'
import { readSystemFile, writeFile } from '../small-file.ts'
import { arrayOfBytes, bytesOfArray, show, textOfBytes } from '../text.ts'
import type { Exception } from './exceptions.ts'
import { refuseOtherRole, refuseReadableKey } from './signer-check.ts'

/** A comment line and a line of base64 (bytes). */
const KEY_FILE_SIZE_MAX = 4096

interface KeygenOptions {
  /** The folder for the two files; made if it is missing. */
  directory: Path
  /** `NAME.pub` and `NAME.sec` */
  name: Path
}

interface KeygenResult {
  /** Tells keys apart; hex. */
  number: string
  publicFile: Path
  secretFile: Path
}

export function generateKeys(
  host: Pick<Host, 'files' | 'random' | 'signatures' | 'checksums'>,
  options: KeygenOptions,
): KeygenResult {
  const { directory, name } = options
  const text = textOfBytes(name)
  if (text === undefined || !/^[^/\p{Cc}]{1,200}$/u.test(text) || text.startsWith('.')) {
    throw new ConfigError(
      `the name of the key is "${show(name)}"; it may have 1 to 200 characters, no slash, ` +
        'and no dot at its start',
    )
  }
  const { files } = host
  const folder = makeFolder(files, directory)
  try {
    for (const file of [`${name}.pub`, `${name}.sec`]) {
      if (files.stat(folder, file)) {
        throw new ConfigError(
          `${show(directory)}/${show(file)} exists, and a key is never replaced`,
          'choose another name',
        )
      }
    }
    const pair = makeKeyPair(host, text)
    // The secret one first: a public key alone could be handed out, and nothing could ever be signed for it.
    writeFile(files, folder, `${name}.sec`, arrayOfBytes(pair.secretFile), 0o600)
    writeFile(files, folder, `${name}.pub`, arrayOfBytes(pair.publicFile), 0o644)
    files.sync(folder)
    return {
      number: pair.number,
      publicFile: `${directory}/${name}.pub`,
      secretFile: `${directory}/${name}.sec`,
    }
  } finally {
    files.close(folder)
  }
}

/** The secret key of a file, by a path of the system. One that others can read, or of another role, is refused. */
export function loadSecretKey(
  host: Pick<Host, 'files' | 'signatures' | 'checksums'>,
  path: Path,
  { role, allowed = [] }: { role?: KeyRole; allowed?: readonly Exception[] } = {},
): SecretKey {
  try {
    const content = readSystemFile(host.files, path, KEY_FILE_SIZE_MAX)
    const key = readSecretKey(host, bytesOfArray(content), show(path))
    if (role !== undefined) refuseOtherRole(key, role)
    refuseReadableKey(host.files, path, allowed)
    return key
  } catch (error) {
    // Too large for a key file; trust doesn't come into it.
    if (error instanceof TrustError) throw new ConfigError(error.message)
    throw error
  }
}

/** The name of the key file that verifies, as signify writes it into the comment. */
export function publicName(key: SecretKey): string {
  const name = key.name.slice(key.name.lastIndexOf('/') + 1)
  return `${name.replace(/\.sec$/, '')}.pub`
}
