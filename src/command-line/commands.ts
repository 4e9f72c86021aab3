/** The table of commands, their help, and the one place where a command line becomes an exit status. */
import { ConfigError, isDamage, isSystemError, UpgradeError } from '../errors.ts'
import type { Host } from '../host.ts'
import { didYouMean } from '../nearest.ts'
import { harmless, jsonLine, show } from '../text.ts'
import type { Command } from './command.ts'
import { Context, write } from './context.ts'
import { daemonCommand } from './daemon-command.ts'
import { EXIT, exitOf } from './exit-status.ts'
import { checkCommand, makeUnlockCommand, runCommand, unlockCommand } from './home-commands.ts'
import { homeCommand } from './home-server-commands.ts'
import { initCommand } from './init-command.ts'
import { keysCommand } from './keys-command.ts'
import { type Option, optionOfPath, parseOptions } from './options.ts'
import { deltaCommand, keygenCommand, publishCommand } from './publisher-commands.ts'
import { pushCommand } from './push-command.ts'
import { serveCommand } from './serve-command.ts'
import { statusCommand, verifyCommand } from './status-commands.ts'
import { confirmCommand, rollBackCommand, swapCommand } from './trial-commands.ts'
import { installCommand, recoverCommand, upgradeCommand } from './upgrade-commands.ts'

export const COMMANDS: readonly Command[] = [
  upgradeCommand,
  swapCommand,
  confirmCommand,
  rollBackCommand,
  statusCommand,
  checkCommand,
  runCommand,
  daemonCommand,
  unlockCommand,
  verifyCommand,
  recoverCommand,
  installCommand,
  publishCommand,
  deltaCommand,
  keygenCommand,
  homeCommand,
  serveCommand,
  initCommand,
  makeUnlockCommand,
  pushCommand,
  keysCommand,
]

const HELPS = ['--help', '-h', 'help']

/** Runs one command line (without the program's name). Only bugs of ours are thrown. */
export async function runCommandLine(
  host: Host,
  words: string[],
  programVersion: string,
): Promise<number> {
  const [name, ...rest] = words
  if (name === undefined || HELPS.includes(name)) {
    const topic = COMMANDS.find((command) => command.name === rest[0])
    write(host, 1, topic ? helpOf(topic) : generalHelp(programVersion))
    return name === undefined ? EXIT.usage : EXIT.done
  }
  if (name === '--version' || name === '-V') {
    write(host, 1, `xo-upgrade ${programVersion}\n`)
    return EXIT.done
  }
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (!command) {
    const guess = didYouMean(
      name,
      COMMANDS.map((one) => one.name),
    )
    write(host, 2, `xo-upgrade: there is no command "${show(name)}"${guess}; --help lists them\n`)
    return EXIT.usage
  }
  return run(host, command, rest)
}

async function run(host: Host, command: Command, words: string[]): Promise<number> {
  let context: Context | undefined
  try {
    const values = parseOptions(words, command.options, command.name)
    if (values['--help']) {
      write(host, 1, helpOf(command))
      return EXIT.done
    }
    context = new Context(host, values)
    if (command.needsRoot && host.processes.userId() !== 0) {
      throw new ConfigError(
        `${command.name} needs root: the store and the trees in it are root's alone`,
        'run it again as root, for instance with sudo',
      )
    }
    const wish = command.confined?.(context.values)
    if (wish) context.confine(wish)
    return await command.run(context)
  } catch (error) {
    context?.progress.end()
    const explained = context ? missingFile(command, context, error) : error
    const known = exitOf(explained)
    if (!known) throw error
    report(host, context?.json ?? words.includes('--json'), explained as Error, known)
    return known.status
  }
}

/** A file of the command line that is not there: by the option that names it. */
function missingFile({ options }: Command, { values }: Context, error: unknown): unknown {
  if (!isSystemError(error, 'ENOENT', 'ENOTDIR', 'EISDIR') || error.path === undefined) return error
  const option = optionOfPath(options, values, error.path)
  if (option === undefined) return error
  const what = error.code === 'EISDIR' ? 'it is a folder' : 'nothing is there'
  return new ConfigError(`${option} ${show(error.path)}: ${what} (${error.code})`)
}

const OF_DISK =
  '`xo-upgrade recover` mends the running system if it is the one that is hit; then check the disk (`fsck`)'

/** What went wrong, and what to do next. */
function report(
  host: Host,
  json: boolean,
  error: Error,
  { status, kind }: { status: number; kind: string },
): void {
  // Messages from C hold names as bytes, ours hold text.
  const message = error instanceof UpgradeError ? error.message : show(error.message)
  const cure = error instanceof UpgradeError ? error.cure : isDamage(error) ? OF_DISK : undefined
  if (json) {
    write(host, 1, jsonLine({ event: 'error', class: kind, message, cure, exit: status }))
  } else {
    const advice = cure === undefined ? '' : `  ${harmless(cure)}\n`
    write(host, 2, `xo-upgrade: ${harmless(message)}\n${advice}`)
  }
}

function generalHelp(programVersion: string): string {
  const width = Math.max(...COMMANDS.map((command) => command.name.length))
  const list = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `xo-upgrade ${programVersion}: replaces a device's whole system, and never bricks it

  xo-upgrade COMMAND [OPTIONS]
  xo-upgrade COMMAND --help
  xo-upgrade --version

${list.join('\n')}

Exit status: 0 done, or nothing to do; 1 verify found damage, or confirm was vetoed; 64 wrong
command line or configuration; 65 a signature or digest is wrong; 69 no source could serve;
70 internal error; 73 no space; 74 the system refused; 75 try again later (time-out, or another
upgrade runs); 141 nobody reads what it prints.
`
}

function helpOf(command: Command): string {
  const left = (option: Option) =>
    option.value === undefined ? option.name : `${option.name} ${option.value}`
  const width = Math.max(...command.options.map((option) => left(option).length))
  const options = command.options.map((option) => `  ${left(option).padEnd(width)}  ${option.help}`)
  const needed = command.options.filter((option) => option.required).map((o) => ` ${left(o)}`)
  return `xo-upgrade ${command.name}${needed.join('')} [OPTIONS]

${command.about}

${options.join('\n')}
`
}
