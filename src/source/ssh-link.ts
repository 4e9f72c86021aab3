/**
 * An rsync daemon behind ssh: `ssh` or dropbear's `dbclient` runs `rsync --server --daemon .` on
 * the far side, and the daemon's protocol goes over the program's pipes. The host key is one of those that the
 * configuration pins, or nothing is sent; nobody is ever asked anything.
 */
import {
  assert,
  ConfigError,
  isSystemError,
  PeerError,
  SourceConfigError,
  TrustError,
} from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import type { Link } from '../rsync/link.ts'
import type { Store } from '../store/store.ts'
import { bytesOfArray, show } from '../text.ts'
import { HOST_ALIAS, kindOfKey, pinHostKeys, sshHome } from './ssh-files.ts'

type Process = import('native:processes').Process
type Startable = import('native:processes').Startable

export interface SshSettings {
  /** A private key of OpenSSH's or of dropbear's format; undefined: none is configured. */
  key: Path | undefined
  /** `TYPE BASE64` each. */
  hostKeys: readonly string[]
  /** Undefined: the program that knows the key's format, found in PATH. */
  program: Path | undefined
}

interface SshAddress {
  user: string
  host: string
  port: number
}

/** An address, or what stands for any. */
type Words = Omit<SshAddress, 'port'> & { port: number | string }

/** The server's authorized_keys forces it anyway; if not, this is what has to run there. */
const REMOTE_COMMAND = 'rsync --server --daemon .'
/** What a client says before it gives up; more is a server's banner (bytes). */
const WORDS_SIZE_MAX = 8 * 1024
const WORDS_SHOWN_MAX = 300
/** A client that has lost its connection ends at once. */
const END_MS = 2000
const SIGTERM = 15

/** Throws a ConfigError if a key is missing, so that such a source is never tried. */
export function checkSettings(peer: string, { key, hostKeys }: SshSettings): void {
  if (key === undefined || hostKeys.length === 0) {
    throw new ConfigError(
      `${peer}: the configuration names no ${key === undefined ? 'key' : 'host-key[]'} in [ssh]`,
      key === undefined
        ? 'name the file of our private key: key = /etc/xo-upgrade/ssh-key'
        : "pin the server's: host-key[] = the content of its /etc/ssh/ssh_host_ed25519_key.pub",
    )
  }
}

/** Starts the client; it connects by itself. */
export function openSshLink(given: {
  host: Host
  store: Store
  peer: string
  address: SshAddress
  settings: SshSettings
  connectTimeoutMs: number
  scratch(): Fd
}): Link {
  const { host, store, peer, address, settings } = given
  const { files, processes } = host
  const { key, hostKeys } = settings
  assert(key !== undefined, 'the settings were checked')
  const kind = kindOfKey(files, key)
  const home = pinHostKeys(store, address.host, hostKeys)
  const { command, environment } = clientOf(host, kind, settings, address, home, given)
  const stderr = given.scratch()
  let process: Process
  try {
    process = processes.start({ command, environment, pipe: true, stderr })
  } catch (error) {
    files.close(stderr)
    throw isSystemError(error) ? notStarted(peer, command[0] ?? '', key, kind, error.code) : error
  }
  let ended = false
  const words = process.ended.then(() => {
    ended = true
    const buffer = new Uint8Array(WORDS_SIZE_MAX)
    const count = files.read(stderr, buffer, 0, buffer.length, 0)
    files.close(stderr)
    return bytesOfArray(buffer.subarray(0, count))
  })
  const silence = () => host.clock.sleep(END_MS).then(() => '')
  const { stream } = process
  assert(stream, 'a pipe was asked for')
  return {
    socket: stream,
    close() {
      if (!ended) processes.signal(process, SIGTERM)
    },
    explain: async (error) => explained(peer, error, await Promise.race([words, silence()]), key),
  }
}

/** A word that stands for any plain one. */
const ANY = '*'

/** What `openSshLink` may start, for one that stands outside. */
export function sshPrograms(
  host: Host,
  storePath: Path,
  settings: SshSettings,
  given: { connectTimeoutMs: number },
): Startable[] {
  if (settings.key === undefined) return []
  const home = sshHome(storePath)
  const address = { user: ANY, host: ANY, port: ANY }
  // dbclient adds to known_hosts the key of whoever is vouched for on its stdin, wherever a link leads to.
  return (['openssh', 'dropbear'] as const).map((kind) => ({
    ...clientOf(host, kind, settings, address, home, given),
    reads: home,
  }))
}

function clientOf(
  { processes }: Host,
  kind: 'openssh' | 'dropbear',
  { key = '', program }: SshSettings,
  address: Words,
  home: Path,
  { connectTimeoutMs }: { connectTimeoutMs: number },
): Startable {
  const timeoutSeconds = Math.max(1, Math.ceil(connectTimeoutMs / 1000))
  const command =
    kind === 'openssh'
      ? opensshCommand(program ?? 'ssh', key, address, home, timeoutSeconds)
      : dbclientCommand(program ?? 'dbclient', key, address)
  const path = processes.variable('PATH') ?? '/usr/bin:/bin:/usr/sbin:/sbin'
  // An empty password, so that dbclient never looks for one elsewhere.
  const environment = [`PATH=${path}`, `HOME=${home}`, 'LC_ALL=C', 'DROPBEAR_PASSWORD=']
  return { command, environment }
}

function notStarted(
  peer: string,
  program: Path,
  key: Path,
  kind: 'openssh' | 'dropbear',
  code: string,
): SourceConfigError {
  const [name, other] = [show(key), kind === 'openssh' ? 'dropbear' : 'openssh']
  const packageName = kind === 'openssh' ? 'openssh-client' : 'dropbear-bin'
  return new SourceConfigError(
    `${peer}: ${show(program)} can't be started (${code}), and ${name} is a key for it`,
    `install ${packageName}, or convert the key: dropbearconvert ${kind} ${other} ${name} NEW`,
  )
}

/** Uses nothing of the machine's own set-up: no configuration, agent, key, password or known host. */
function opensshCommand(
  program: Path,
  key: Path,
  { user, host, port }: Words,
  home: Path,
  timeoutSeconds: number,
): Path[] {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile="${home.replace(/%/g, '%%')}/.ssh/known_hosts"`,
    'GlobalKnownHostsFile=/dev/null',
    `HostKeyAlias=${HOST_ALIAS}`,
    'CheckHostIP=no',
    'UpdateHostKeys=no',
    'VerifyHostKeyDNS=no',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'PreferredAuthentications=publickey',
    'ClearAllForwardings=yes',
    `ConnectTimeout=${timeoutSeconds}`,
    'LogLevel=ERROR',
  ].flatMap((option) => ['-o', option])
  const place = ['-i', key, '-p', String(port), '-l', user, '--', host, REMOTE_COMMAND]
  return [program, '-F', 'none', '-T', ...options, ...place]
}

/** Its known_hosts is the one of its HOME; without a terminal it refuses what is not there. */
function dbclientCommand(program: Path, key: Path, { user, host, port }: Words): Path[] {
  return [program, '-T', '-q', '-i', key, '-p', String(port), '-l', user, host, REMOTE_COMMAND]
}

/** What both clients say, in all their versions. */
const HOST_KEY_REFUSED = [
  'host key verification failed',
  'host key mismatch',
  'host identification has changed',
  'validate host key',
  'host key is known',
]
const KEY_REFUSED = [
  'permission denied',
  'no auth methods could be used',
  'too many authentication',
]
const NOBODY_THERE = [
  'connection refused',
  'no route to host',
  'network is unreachable',
  'timed out',
  'could not resolve',
  'error resolving',
  'not known',
  'connect failed',
]

/** Turns what the client wrote into an error that says what to do next. */
function explained(peer: string, error: Error, stderr: string, key: Path): Error {
  const words = shownWords(stderr)
  const said = stderr.toLowerCase()
  const says = (phrases: string[]) => phrases.some((phrase) => said.includes(phrase))
  if (says(HOST_KEY_REFUSED)) {
    return new TrustError(
      `wrong host key: ${peer}: its host key is none of those that the configuration pins; nothing was sent (${words})`,
      'find out who answers there; if the server has a new key, put its .pub into host-key[] of [ssh]',
    )
  }
  if (says(KEY_REFUSED)) {
    return new PeerError(
      `${peer}: the server refuses the key ${show(key)} (${words})`,
      'refused',
      "put its public half into that user's authorized_keys on the server (docs/SERVER.md)",
    )
  }
  if (says(NOBODY_THERE)) {
    return new PeerError(`${peer}: no connection (${words})`, 'away')
  }
  if (words === '' || !(error instanceof PeerError)) return error
  return new PeerError(`${error.message}; ssh said: ${words}`, error.kind, error.cure)
}

/** The last lines, in which clients say why they end: a banner comes before them. */
function shownWords(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).filter((line) => line.trim() !== '')
  return show(lines.slice(-2).join('; ').slice(-WORDS_SHOWN_MAX))
}
