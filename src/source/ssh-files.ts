/**
 * What a ssh client reads: our private key, in the format that the program knows, and the host keys
 * that the configuration pins, as a known_hosts file of our own in the store. It must never show a key.
 */
import { isSystemError, SourceConfigError } from '../errors.ts'
import type { Fd, Files, Path } from '../host.ts'
import { readAndClose, replaceFile } from '../small-file.ts'
import type { Store } from '../store/store.ts'
import { arrayOfBytes, bytesOfArray, show } from '../text.ts'

/** An RSA key of 16384 bits is some 13 KB of text (bytes). */
const KEY_SIZE_MAX = 32 * 1024
/** Below the store; also the HOME of the client, which then finds nothing else. */
const FOLDER = 'ssh'
/** The name under which OpenSSH finds the pinned keys, whatever the host is called. */
export const HOST_ALIAS = 'xo-upgrade-pinned'

const PUBLIC_KIND = /^(ssh-|ecdsa-)/

/** Which program a private key file is for; SourceConfigError, with the way to a usable one, if it can't be used. */
export function kindOfKey(files: Files, path: Path): 'openssh' | 'dropbear' {
  const fd = openKey(files, path)
  const open = (files.statHandle(fd).mode & 0o077) !== 0
  const content = bytesOfArray(readAndClose(files, fd, path, KEY_SIZE_MAX))
  const name = show(path)
  if (open) {
    throw new SourceConfigError(
      `${name} holds a key and is open to others`,
      `run: chmod 600 ${name}`,
    )
  }
  // The length of the kind's name in four bytes, then the name.
  if (content.startsWith('\0\0\0') && PUBLIC_KIND.test(content.slice(4))) return 'dropbear'
  if (PUBLIC_KIND.test(content)) {
    throw new SourceConfigError(
      `${name} is a public key`,
      'name the private key that it belongs to',
    )
  }
  const kind = /^-----BEGIN ([A-Z ]*)PRIVATE KEY-----\r?\n/.exec(content)
  if (!kind) {
    throw new SourceConfigError(
      `${name} is not a private key for ssh`,
      `make one with: ssh-keygen -t ed25519 -N '' -f ${name}`,
    )
  }
  // The name of the cipher is at a fixed place: "none" is bm9uZQ in base64.
  const plain = kind[1] === 'OPENSSH ' && /^b3BlbnNzaC1rZXktdjEAAAAABG5vbmU/m.test(content)
  if (kind[1]?.includes('ENCRYPTED') || content.includes('Proc-Type: 4,ENCRYPTED')) locked(name)
  if (kind[1] === 'OPENSSH ' && !plain) locked(name)
  return 'openssh'
}

function openKey(files: Files, path: Path): Fd {
  try {
    return files.openFile(path)
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw new SourceConfigError(
      `the key ${show(path)} can't be read (${error.code})`,
      'name the file of our private key in the section [ssh] of the configuration',
    )
  }
}

function locked(name: string): never {
  throw new SourceConfigError(
    `${name} has a passphrase, which nobody is there to type`,
    `take it off a copy with: ssh-keygen -p -N '' -f ${name}`,
  )
}

/** `TYPE BASE64` of each pinned host key, as in the server's .pub file. */
export function parseHostKey(text: string): string | undefined {
  const match = /^((?:ssh|ecdsa)-[a-z0-9@.-]{1,40}) ([A-Za-z0-9+/]{40,4000}={0,2})(?: .*)?$/.exec(
    text,
  )
  return match ? `${match[1]} ${match[2]}` : undefined
}

/** The HOME of a client, which holds `.ssh`. */
export const sshHome = (storePath: Path): Path => `${storePath}/${FOLDER}`

/** Writes known_hosts if it is not there already; returns the folder that holds `.ssh`. */
export function pinHostKeys(store: Store, host: string, keys: readonly string[]): Path {
  const { files } = store.host
  for (const folder of [FOLDER, `${FOLDER}/.ssh`]) {
    if (!files.stat(store.directory, folder)) files.makeDirectory(store.directory, folder, 0o700)
  }
  // OpenSSH looks for the alias, and dbclient for the host's name.
  const lines = keys.flatMap((key) => [`${HOST_ALIAS} ${key}\n`, `${host} ${key}\n`])
  const directory = files.openDirectory(store.directory, `${FOLDER}/.ssh`)
  try {
    replaceFile(files, directory, 'known_hosts', arrayOfBytes(lines.join('')))
  } finally {
    files.close(directory)
  }
  return sshHome(store.path)
}
