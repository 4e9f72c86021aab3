/** The commands that ask the home server: `check` and `run` once, `unlock` without one. */
import { unlock, unlockName } from '../call-home/lock.ts'
import { encodeUnlock, isSerial } from '../call-home/reply.ts'
import { readSerial } from '../call-home/serial.ts'
import type { Consultation } from '../decision/consult.ts'
import { recordAttack } from '../device/recorded.ts'
import { carryOut, consultHome, upgradeSentence } from '../device/round.ts'
import { ConfigError, isSystemError } from '../errors.ts'
import { makeFolder } from '../folder.ts'
import { REPLY_SIZE_MAX } from '../limits.ts'
import { loadSecretKey } from '../publish/keygen.ts'
import { formatInstant, parseInstant } from '../release/fields.ts'
import { sign } from '../release/signify.ts'
import { readSystemFile, replaceFile } from '../small-file.ts'
import { readState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { show } from '../text.ts'
import type { Upgraded } from '../upgrade.ts'
import { type Command, FETCH_OPTIONS, PLAIN_OPTIONS, SOURCE, TRUST_OPTIONS } from './command.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-status.ts'
import { textOf } from './options.ts'

export const checkCommand: Command = {
  name: 'check',
  summary: 'ask the home server once, and say what would be done',
  about:
    'Asks what the home server wants of this laptop, and prints the verdict (stay, upgrade, or lock\n' +
    'out) and the reason. It keeps what the home server said, and changes nothing else.',
  options: [SOURCE, ...TRUST_OPTIONS],
  needsRoot: true,
  confined: () => ({}),
  run: (context) =>
    context.device.withStore(async (store) => {
      const consultation = await consultHome(context.device, store)
      if (consultation.failure) throw consultation.failure
      tell(context, store, consultation, undefined)
      return EXIT.done
    }),
}

export const runCommand: Command = {
  name: 'run',
  summary: 'make one round: ask the home server, and upgrade if it is time to',
  about:
    'Does what `check` says. Without an answer from the home server it goes by the last one. A\n' +
    'version that a round brings runs after the next start.',
  options: FETCH_OPTIONS,
  needsRoot: true,
  confined: () => ({ starts: true }),
  run: (context) =>
    context.device.withStore(async (store) => {
      const { device, progress } = context
      const consultation = await consultHome(device, store)
      const { failure, home, decision } = consultation
      if (failure) progress.note(`${failure.message}; going by what was known before`)
      tell(context, store, consultation, await carryOut(device, store, decision))
      // The round is done; but people have to know that somebody forges replies.
      if (failure && home === 'refused') {
        recordAttack(store, failure)
        throw failure
      }
      return EXIT.done
    }),
}

function tell(
  context: Context,
  store: Store,
  { decision, home }: Consultation,
  upgraded: Upgraded | undefined,
): void {
  const said = readState(store).home
  const { act, reason, ...more } = decision
  const record = { home, act, reason, ...more, said, ...(upgraded && { upgraded }) }
  const lines = [`${act}: ${reason}`]
  if (upgraded) lines.push(upgradeSentence(upgraded))
  if (said && said.message !== '') lines.push(`The home server says: ${said.message}`)
  context.result(record, lines)
}

export const unlockCommand: Command = {
  name: 'unlock',
  summary: 'free this laptop with an unlock statement',
  about:
    'Clears the report that the laptop was stolen, and sets the lease that the statement gives. The\n' +
    'statement has to be for this serial number, signed by a home key, and newer than any before it.',
  options: [
    {
      name: '--from',
      value: 'PATH',
      required: true,
      help: 'the statement, or the folder it is in',
    },
    ...TRUST_OPTIONS,
  ],
  needsRoot: true,
  confined: (values) => ({ read: [textOf(values, '--from') as string] }),
  run: (context) => {
    const free = (store: Store) => {
      const { configuration, host } = context
      const serial = readSerial(host.files, configuration.serial)
      unlock(store, readStatement(context, serial), context.device.keys('home'), serial)
      context.result({ outcome: 'unlocked', serial }, [`The laptop ${serial} is free.`])
      return EXIT.done
    }
    return context.device.withLockedStore(false, free, 0, free)
  },
}

function readStatement({ host, values }: Context, serial: string): Uint8Array {
  const path = textOf(values, '--from') as string
  try {
    return readSystemFile(host.files, path, REPLY_SIZE_MAX)
  } catch (error) {
    if (!isSystemError(error, 'EISDIR', 'EINVAL')) throw error
    return readSystemFile(host.files, `${path}/${unlockName(serial)}`, REPLY_SIZE_MAX)
  }
}

export const makeUnlockCommand: Command = {
  name: 'make-unlock',
  summary: 'sign the statement that frees one laptop by hand',
  about:
    'Writes DIR/unlock-SERIAL. In the top folder of a stick, it frees that laptop at its lock screen;\n' +
    '`xo-upgrade unlock` does the same in a running system. It works once.',
  options: [
    { name: '--serial', value: 'SERIAL', required: true, help: 'the laptop to free' },
    { name: '--key', value: 'FILE', required: true, help: 'the secret key of the home server' },
    { name: '--to', value: 'DIR', required: true, help: 'the folder to write to' },
    {
      name: '--lease-end',
      value: 'TIME',
      help: 'for instance 2027-12-31T00:00:00Z (default: no end)',
    },
    ...PLAIN_OPTIONS,
  ],
  needsRoot: false,
  async run(context) {
    const { host, values } = context
    const serial = textOf(values, '--serial') as string
    if (!isSerial(serial)) {
      throw new ConfigError(
        `--serial is "${show(serial)}", allowed: 1 to 64 letters, digits, ".", "_" and "-"`,
      )
    }
    const key = loadSecretKey(host, textOf(values, '--key') as string, { role: 'home' })
    const time = Math.floor(host.clock.wallSeconds())
    const message = encodeUnlock({ serial, time, leaseEnd: leaseOf(context, time) })
    const path = textOf(values, '--to') as string
    const folder = makeFolder(host.files, path)
    try {
      replaceFile(
        host.files,
        folder,
        unlockName(serial),
        sign(message, key, 'verify with home.pub'),
      )
    } finally {
      host.files.close(folder)
    }
    const file = `${show(path)}/${unlockName(serial)}`
    context.result({ file, serial }, [`${file}: frees the laptop ${serial}, once`])
    return EXIT.done
  },
}

function leaseOf({ values }: Context, time: number): number | undefined {
  const text = textOf(values, '--lease-end')
  if (text === undefined) return undefined
  const seconds = parseInstant(text)
  if (seconds === undefined) {
    throw new ConfigError(`--lease-end is "${show(text)}", and 2027-12-31T00:00:00Z was expected`)
  }
  if (seconds > time) return seconds
  throw new ConfigError(
    `--lease-end is ${text}, and this machine's clock says ${formatInstant(time)}: the lease is over`,
    'give a later end, or set the clock',
  )
}
