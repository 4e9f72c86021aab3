/** `push`: tells laptops in reach that there is a version to ask for. */
import { ConfigError } from '../errors.ts'
import { loadSecretKey } from '../publish/keygen.ts'
import { everybody, named, sendPush } from '../push/send.ts'
import { PUSH_PORT, signUpgradeNow } from '../push/upgrade-now.ts'
import { isAudience } from '../release/fields.ts'
import { show, textOfBytes } from '../text.ts'
import { type Command, PLAIN_OPTIONS } from './command.ts'
import { EXIT } from './exit-status.ts'
import { textOf, textsOf, versionOf } from './options.ts'

export const pushCommand: Command = {
  name: 'push',
  summary: 'tell laptops in reach to ask for a version now',
  about:
    'Sends one small signed datagram, three times, to everybody in reach: IPv4 broadcast and an IPv6\n' +
    'group on each network card. A laptop that trusts the key (push*.pub) and runs an older version\n' +
    'asks home after a random wait; what it then does is its own decision. Each push counts once, and\n' +
    "is dated by this machine's clock: a laptop ignores a push older than one that it has seen.",
  options: [
    { name: '--version', value: 'N', required: true, help: 'the version to ask for' },
    { name: '--key', value: 'FILE', required: true, help: 'the secret key of the role push' },
    { name: '--deployment', value: 'NAME', help: 'only laptops of this deployment (default: any)' },
    {
      name: '--address',
      value: 'HOST[:PORT]',
      repeated: true,
      help: 'send to this host, broadcast or multicast address instead; may be repeated',
    },
    { name: '--port', value: 'PORT', help: `where laptops listen (default: ${PUSH_PORT})` },
    ...PLAIN_OPTIONS,
  ],
  needsRoot: false,
  async run(context) {
    const { host, values } = context
    const version = versionOf(values, '--version') as number
    const key = loadSecretKey(host, textOf(values, '--key') as string, { role: 'push' })
    const deployment = textOfBytes(textOf(values, '--deployment') ?? 'any')
    if (deployment === undefined || !isAudience(deployment)) {
      throw new ConfigError('--deployment is a text of 1 to 100 characters')
    }
    const port = portOf(textOf(values, '--port'))
    const words = textsOf(values, '--address')
    const targets = words ? await named(host, words, port) : everybody(host, port)
    if (targets.length === 0) {
      throw new ConfigError('no network card is up', 'name an address with --address')
    }
    const issued = Math.floor(host.clock.wallSeconds())
    const signed = signUpgradeNow({ version, deployment, issued }, key)
    const { count, failures } = await sendPush(host, targets, signed)
    context.result({ version, bytes: signed.length, addresses: count, failures }, [
      `Version ${version} was pushed to ${count} addresses, ${signed.length} bytes each.`,
      ...failures.map(({ address, message }) => `  not to ${address}: ${show(message)}`),
    ])
    return count > 0 ? EXIT.done : EXIT.unavailable
  },
}

function portOf(text: string | undefined): number {
  const port = Number(text ?? PUSH_PORT)
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new ConfigError(`--port is "${text}", allowed: a number from 1 to 65535`)
}
