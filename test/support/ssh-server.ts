/**
 * Real ssh servers on loopback, OpenSSH's and dropbear's, each with a host key of its own and a forced
 * command that serves one rsync module. They end with `stop`, or with the test process.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { accepts } from './accepts.ts'
import { freePort } from './rsync-daemon.ts'
import { scratch } from './scratch.ts'
import { until } from './until.ts'

export interface SshServer {
  port: number
  /** Of the server: `ssh-ed25519 AAAA…` */
  hostKey: string
  /** Lets this public key in, with the forced command; undefined: nobody. */
  authorize(publicKey: string | undefined): void
  log(): string
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** As docs/SERVER.md has it. */
export const FORCED = (config: string) =>
  `command="rsync --server --daemon --config=${config} .",restrict`

export function runTool(command: string, words: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${status}\n${stdout}${stderr}`)
  return stdout
}

/** A client's key pair in both formats; the public half as text. */
export function makeClientKey(name = 'client'): {
  openssh: string
  dropbear: string
  public: string
} {
  const openssh = join(scratch(name), 'key')
  runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', openssh])
  const dropbear = `${openssh}.dropbear`
  runTool('dropbearconvert', ['openssh', 'dropbear', openssh, dropbear])
  chmodSync(dropbear, 0o600)
  return { openssh, dropbear, public: readFileSync(`${openssh}.pub`, 'utf8').trim() }
}

export async function startSshServer(
  kind: 'sshd' | 'dropbear',
  module: string,
): Promise<SshServer> {
  const folder = scratch(kind)
  const port = await freePort()
  const config = join(folder, 'rsyncd.conf')
  writeFileSync(
    config,
    `uid = 0\ngid = 0\nuse chroot = no\nread only = yes\n[xo]\npath = ${module}\n`,
  )
  const hostKeyFile = join(folder, 'host-key')
  const home = join(folder, 'home')
  const authorizedFile = join(home, '.ssh/authorized_keys')
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 })
  writeFileSync(authorizedFile, '', { mode: 0o600 })
  runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', hostKeyFile])
  const logFile = join(folder, 'log')
  const [command, words] =
    kind === 'sshd'
      ? sshd(folder, port, hostKeyFile, authorizedFile)
      : dropbear(folder, port, hostKeyFile, home)
  writeFileSync(logFile, '')
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => appendFileSync(logFile, chunk))
  }
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  ended.then(() => running.delete(child))
  await accepting(port, () => readFileSync(logFile, 'utf8'))
  return {
    port,
    hostKey: readFileSync(`${hostKeyFile}.pub`, 'utf8').trim(),
    authorize: (key) =>
      writeFileSync(authorizedFile, key === undefined ? '' : `${FORCED(config)} ${key}\n`, {
        mode: 0o600,
      }),
    log: () => readFileSync(logFile, 'utf8'),
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function sshd(folder: string, port: number, key: string, authorized: string): [string, string[]] {
  if (!existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 })
  const config = join(folder, 'sshd_config')
  writeFileSync(
    config,
    [
      'ListenAddress 127.0.0.1',
      `Port ${port}`,
      `HostKey ${key}`,
      `AuthorizedKeysFile ${authorized}`,
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'Banner none',
      '',
    ].join('\n'),
  )
  return ['/usr/sbin/sshd', ['-D', '-e', '-f', config]]
}

/**
 * It reads only the authorized_keys in the user's home, so it gets another home, in a mount namespace.
 */
function dropbear(folder: string, port: number, key: string, home: string): [string, string[]] {
  const own = join(folder, 'host-key.dropbear')
  runTool('dropbearconvert', ['openssh', 'dropbear', key, own])
  const script = 'mount --bind "$1" "$2" && exec dropbear -F -E -s -r "$3" -P "" -p "$4"'
  const words = [home, userInfo().homedir, own, `127.0.0.1:${port}`]
  return ['unshare', ['--mount', 'sh', '-c', script, 'sh', ...words]]
}

async function accepting(port: number, log: () => string): Promise<void> {
  await until(() => accepts(port)).catch((error) => {
    throw new Error(`the ssh server does not accept connections on port ${port}:\n${log()}`, {
      cause: error,
    })
  })
}
