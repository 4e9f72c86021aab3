/**
 * signify(1): key files and files with an embedded signature, over the host's Ed25519. All trust of
 * an upgrade begins here. Bytes from outside end in a TrustError or ConfigError that says what is
 * wrong, and never in a crash; nothing of a message is looked at before its signature holds.
 */
import { ConfigError, TrustError } from '../errors.ts'
import type { Host } from '../host.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText, show } from '../text.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'

/** What keys are read with; a key keeps the signatures that it is for. */
export type KeyModules = Pick<Host, 'signatures' | 'checksums'>

export interface PublicKey {
  /** Of the key file, for messages. */
  name: string
  /** 8 bytes that tell keys apart, as hex. They prove nothing. */
  number: string
  key: Uint8Array
  signatures: Host['signatures']
}

export interface SecretKey {
  name: string
  number: string
  /** Seed and public key, as signify has it: 64 bytes. */
  key: Uint8Array
  signatures: Host['signatures']
}

const COMMENT = 'untrusted comment: '
/** signify itself reads at most 1024 bytes of comment. */
const COMMENT_SIZE_MAX = 1024
const NUMBER_LENGTH = 8
/** "Ed", number, key. */
const PUBLIC_LENGTH = 2 + NUMBER_LENGTH + 32
/** "Ed", number, signature. */
const SIGNATURE_LENGTH = 2 + NUMBER_LENGTH + 64
/** "Ed", "BK", rounds (4), salt (16), start of the key's SHA-512 (8), number, key. */
const SECRET_LENGTH = 2 + 2 + 4 + 16 + 8 + NUMBER_LENGTH + 64

interface Parsed {
  bytes: Uint8Array
  /** Where the text continues. */
  end: number
}

/** The two lines that every file of signify begins with; a text says what is wrong. */
function parseLines(text: string, length: number): Parsed | string {
  const commentEnd = text.indexOf('\n')
  if (!text.startsWith(COMMENT) || commentEnd < 0 || commentEnd > COMMENT_SIZE_MAX) {
    return `does not begin with a line "${COMMENT}…"`
  }
  const end = text.indexOf('\n', commentEnd + 1)
  if (end < 0) return 'ends before its second line does'
  const bytes = decodeBase64(text.slice(commentEnd + 1, end))
  if (bytes === undefined) return 'has a second line that is not base64'
  if (bytes.length !== length) return `holds ${bytes.length} bytes; ${length} were expected`
  if (bytes[0] !== 0x45 || bytes[1] !== 0x64) return 'is for another algorithm than Ed25519 ("Ed")'
  return { bytes, end: end + 1 }
}

function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

function bytesOfHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(i * 2, i * 2 + 2), 16),
  )
}

/** A public key file. `name` is for messages. Throws a ConfigError. */
export function readPublicKey(
  { signatures }: Pick<Host, 'signatures'>,
  text: string,
  name = 'the public key',
): PublicKey {
  const parsed = parseKeyFile(text, PUBLIC_LENGTH, name, 'public')
  return {
    name,
    number: hex(parsed.bytes.subarray(2, 10)),
    key: parsed.bytes.slice(10),
    signatures,
  }
}

/** A secret key file without passphrase. Throws a ConfigError. */
export function readSecretKey(
  { signatures, checksums }: KeyModules,
  text: string,
  name = 'the secret key',
): SecretKey {
  const { bytes } = parseKeyFile(text, SECRET_LENGTH, name, 'secret')
  if (bytes[2] !== 0x42 || bytes[3] !== 0x4b) {
    throw new ConfigError(`${name} protects its key in a way that signify does not know`)
  }
  if (bytes[4] || bytes[5] || bytes[6] || bytes[7]) {
    throw new ConfigError(
      `${name} is protected by a passphrase, which is not supported`,
      'keep the key on an encrypted disk, and make it without a passphrase: ' +
        '"xo-upgrade keygen", or "signify-openbsd -G -n"',
    )
  }
  const key = bytes.slice(40)
  if (hex(checksums.hash('sha512', key).subarray(0, 8)) !== hex(bytes.subarray(24, 32))) {
    throw new ConfigError(`${name} is damaged: its checksum does not hold`)
  }
  return { name, number: hex(bytes.subarray(32, 40)), key, signatures }
}

function parseKeyFile(file: string, length: number, name: string, kind: string): Parsed {
  const text = tidied(file)
  const parsed = parseLines(text, length)
  if (typeof parsed === 'string') {
    throw new ConfigError(
      `${name} is not a ${kind} key file of signify: it ${parsed}`,
      `give a ${kind} key file as "xo-upgrade keygen" and signify write it`,
    )
  }
  if (parsed.end !== text.length) {
    throw new ConfigError(
      `${name} is not a ${kind} key file of signify: it has more than two lines`,
    )
  }
  return parsed
}

/** A person's editor may have left a mark of the encoding, line ends of Windows, and blank lines behind. */
function tidied(file: string): string {
  const lines = file.replace(/^\xef\xbb\xbf/, '').split(/\r?\n/)
  while (lines.length > 0 && lines[lines.length - 1]?.trim() === '') lines.pop()
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

/** The public half of a secret key. */
export function publicKeyOf(secret: SecretKey): PublicKey {
  const { name, number, key, signatures } = secret
  return { name, number, key: key.slice(32), signatures }
}

/** The bytes of a file with an embedded signature. The comment tells people which key file checks it. */
export function sign(message: Uint8Array, key: SecretKey, comment: string): Uint8Array {
  const signature = key.signatures.sign(key.key, message)
  const bytes = new Uint8Array(SIGNATURE_LENGTH)
  bytes.set([0x45, 0x64])
  bytes.set(bytesOfHex(key.number), 2)
  bytes.set(signature, 2 + NUMBER_LENGTH)
  const head = arrayOfBytes(`${commentLine(comment)}${encodeBase64(bytes)}\n`)
  const signed = new Uint8Array(head.length + message.length)
  signed.set(head)
  signed.set(message, head.length)
  return signed
}

/** The message, unverified: for what this machine has verified before and keeps on its own disk. */
export function messageOf(signed: Uint8Array, name: string): Uint8Array {
  return split(signed, name).message
}

/**
 * The message of a file with an embedded signature that one of the keys made. `name` is for
 * messages. The caller limits the size. Throws a TrustError.
 */
export function verifySignature(
  signed: Uint8Array,
  keys: readonly PublicKey[],
  name: string,
): Uint8Array {
  const { bytes, message } = split(signed, name)
  const number = hex(bytes.subarray(2, 10))
  const named = keys.filter((key) => key.number === number)
  if (named.length === 0) {
    const known = keys.map((key) => key.number).join(', ')
    throw new TrustError(
      `unknown key: ${name} is signed by key ${number}; trusted are ${known || 'none'}`,
    )
  }
  // Numbers are random, and prove nothing: two keys may share one.
  for (const key of named) {
    if (key.signatures.verify(key.key, message, bytes.subarray(10))) return message
  }
  throw new TrustError(`forged: the signature of ${name} does not hold for key ${number}`)
}

/** Whether one of the keys has the number of the key that signed it; this proves nothing. */
export function knowsSigner(signed: Uint8Array, keys: readonly PublicKey[]): boolean {
  const number = hex(split(signed, 'the statement').bytes.subarray(2, 10))
  return keys.some((key) => key.number === number)
}

function split(signed: Uint8Array, name: string) {
  // The head is text; the message may be any bytes, and is not looked at here.
  const head = bytesOfArray(signed.subarray(0, COMMENT_SIZE_MAX + SIGNATURE_LENGTH * 2))
  const parsed = parseLines(head, SIGNATURE_LENGTH)
  if (typeof parsed === 'string') {
    throw new TrustError(`${name} is not a signed statement: it ${parsed}`)
  }
  return { bytes: parsed.bytes, message: signed.subarray(parsed.end) }
}

interface KeyPair {
  number: string
  /** The texts of the two files, as byte strings. */
  publicFile: string
  secretFile: string
}

/** A new key as signify writes it, without passphrase. */
export function makeKeyPair(
  { signatures, checksums, random }: KeyModules & Pick<Host, 'random'>,
  comment: string,
): KeyPair {
  const seed = random.randomBytes(32)
  const publicKey = signatures.publicKey(seed)
  const secretKey = new Uint8Array([...seed, ...publicKey])
  const number = random.randomBytes(NUMBER_LENGTH)
  const publicBytes = new Uint8Array(PUBLIC_LENGTH)
  publicBytes.set([0x45, 0x64])
  publicBytes.set(number, 2)
  publicBytes.set(publicKey, 10)
  const secretBytes = new Uint8Array(SECRET_LENGTH)
  // Zero rounds: no passphrase. Nothing uses the salt; it is random, as in signify's own files.
  secretBytes.set([0x45, 0x64, 0x42, 0x4b, 0, 0, 0, 0])
  secretBytes.set(random.randomBytes(16), 8)
  secretBytes.set(checksums.hash('sha512', secretKey).subarray(0, 8), 24)
  secretBytes.set(number, 32)
  secretBytes.set(secretKey, 40)
  return {
    number: hex(number),
    publicFile: `${commentLine(`${comment} public key`)}${encodeBase64(publicBytes)}\n`,
    secretFile: `${commentLine(`${comment} secret key`)}${encodeBase64(secretBytes)}\n`,
  }
}

function commentLine(comment: string): string {
  const bytes = show(bytesOfText(comment)) === comment ? bytesOfText(comment) : 'unnamed'
  if (COMMENT.length + bytes.length > COMMENT_SIZE_MAX) {
    throw new ConfigError(`a comment of ${bytes.length} bytes is too long for a signify file`)
  }
  return `${COMMENT}${bytes}\n`
}
