/**
 * The text lines before the framed protocol, as a server speaks them: greetings, the module or the list of them,
 * the password, the arguments. A client that is refused here is told so in rsync's words. It must never send a
 * password, nor say whether a user exists.
 */
import { PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import {
  CLIENT_ARGUMENT_MAX,
  CLIENT_ARGUMENTS_MAX,
  CLIENT_ARGUMENTS_SIZE_MAX,
  CLIENT_LINE_MAX,
} from '../limits.ts'
import type { WeakDigest } from '../rsync/address.ts'
import {
  base64,
  greetingFields,
  greetingOf,
  PROTOCOL_MAX,
  PROTOCOL_MIN,
  passwordDigests,
  passwordProof,
  readLine,
  readText,
} from '../rsync/greeting.ts'
import type { Wire } from '../rsync/wire.ts'
import { show } from '../text.ts'
import { type Asked, readArguments } from './asked.ts'
import type { OfferedModule, OfferedView, Offering } from './offering.ts'

interface Welcoming {
  modules: Pick<Host, 'checksums' | 'random'>
  offering: Offering
  /** Digests below SHA-256 that may answer for a password. */
  weakDigests: readonly WeakDigest[]
}

interface Welcomed {
  protocol: number
  module: OfferedModule
  view: OfferedView
  asked: Asked
}

/** Bytes of a challenge, before base64. */
const CHALLENGE_LENGTH = 16
/** Where a listing has its comments. */
const NAME_COLUMNS = 15

/** Undefined: the client wanted a listing, and has it. A client that is refused was told why. */
export async function welcome(wire: Wire, welcoming: Welcoming): Promise<Welcomed | undefined> {
  wire.phase = 'waiting for its greeting'
  const digests = passwordDigests(welcoming.weakDigests)
  wire.outgoing.text(greetingOf(PROTOCOL_MAX, digests))
  wire.flush()
  const greeting = await readGreeting(wire)
  wire.phase = 'waiting for the name of a module'
  const line = await readLine(wire, CLIENT_LINE_MAX)
  const modules = welcoming.offering.modules()
  if (line === '' || line === '#list') {
    for (const { name, comment } of modules) {
      wire.outgoing.text(`${name.padEnd(NAME_COLUMNS)}\t${comment}\n`)
    }
    wire.outgoing.text('@RSYNCD: EXIT\n')
    return undefined
  }
  if (line.startsWith('#')) throw turnedAway(wire, `Unknown command '${line}'`)
  const module = modules.find(({ name }) => name === line)
  if (!module) throw turnedAway(wire, `Unknown module '${line}'`)
  if (module.secrets) await askPassword(wire, welcoming, module, greeting.digests)
  const view = openView(wire, module)
  try {
    wire.outgoing.text('@RSYNCD: OK\n')
    wire.flush()
    wire.phase = 'reading its arguments'
    const asked = await readAsked(wire)
    return { protocol: greeting.protocol, module, view, asked }
  } catch (error) {
    view.close()
    throw error
  }
}

/** Tells a client that it gets nothing; the caller throws it and so ends the connection. */
function turnedAway(wire: Wire, words: string): PeerError {
  wire.outgoing.text(`@ERROR: ${words}\n`)
  return new PeerError(`turned away: ${show(words)}`, 'refused')
}

async function readGreeting(wire: Wire): Promise<{ protocol: number; digests: string[] }> {
  const line = await readLine(wire, CLIENT_LINE_MAX)
  const fields = greetingFields(line, PROTOCOL_MAX)
  if (!fields) throw turnedAway(wire, 'protocol startup error')
  const { protocol, digests, hasSubprotocol } = fields
  if (protocol < PROTOCOL_MIN) {
    throw turnedAway(
      wire,
      `protocol ${protocol} is too old: this server needs at least ${PROTOCOL_MIN} (rsync 3.0)`,
    )
  }
  if (!hasSubprotocol) {
    throw turnedAway(wire, `your client omitted the subprotocol value: ${line}`)
  }
  if (protocol >= 32 && digests.length === 0) {
    throw turnedAway(wire, `your client omitted the digest name list: ${line}`)
  }
  return { protocol: Math.min(protocol, PROTOCOL_MAX), digests }
}

/** Users that don't exist, wrong passwords and weak digests are answered alike. */
async function askPassword(
  wire: Wire,
  { modules, weakDigests }: Welcoming,
  { name, secrets }: OfferedModule,
  theirs: string[],
): Promise<void> {
  // A client without a list is older than 3.2.7, and means MD5 from protocol 30 on.
  const offered = theirs.length > 0 ? theirs : ['md5']
  const digest = passwordDigests(weakDigests).find((known) => offered.includes(known))
  const failed = () => turnedAway(wire, `auth failed on module ${name}`)
  if (digest === undefined) {
    failed()
    throw new PeerError(
      `it knows only ${show(offered.join(', '))} to prove a password, which reveals too much of it`,
      'refused',
    )
  }
  const challenge = base64(modules.random.randomBytes(CHALLENGE_LENGTH))
  wire.outgoing.text(`@RSYNCD: AUTHREQD ${challenge}\n`)
  wire.flush()
  wire.phase = 'waiting for the password'
  const line = await readLine(wire, CLIENT_LINE_MAX)
  const space = line.indexOf(' ')
  const user = line.slice(0, Math.max(0, space))
  const password = user.startsWith('#') ? undefined : secrets?.get(user)
  const proof = passwordProof(modules.checksums, digest, password ?? challenge, challenge)
  const isRight = sameText(proof, line.slice(space + 1))
  if (!isRight || password === undefined) throw failed()
}

/** In a time that doesn't say where they differ. */
function sameText(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i)
  return difference === 0
}

function openView(wire: Wire, module: OfferedModule): OfferedView {
  try {
    return module.open()
  } catch (error) {
    turnedAway(wire, 'chdir failed')
    throw error
  }
}

/** One list of arguments, or with `-s` two. */
async function readAsked(wire: Wire): Promise<Asked> {
  const size = { left: CLIENT_ARGUMENTS_SIZE_MAX }
  const asked = readArguments(await readWords(wire, size))
  if (!asked.secluded) return asked
  // The first word of the second list is the name of a program, as of main().
  const [, ...words] = await readWords(wire, size)
  return readArguments(words, asked)
}

async function readWords(wire: Wire, size: { left: number }): Promise<string[]> {
  const words: string[] = []
  for (;;) {
    const word = await readText(wire, 0, CLIENT_ARGUMENT_MAX)
    if (word === '') return words
    size.left -= word.length + 1
    if (size.left < 0 || words.length >= CLIENT_ARGUMENTS_MAX) {
      throw turnedAway(wire, 'too many arguments')
    }
    words.push(word)
  }
}
