/** `keys`: rotates the keys of a role, by a statement that a trusted key signs. */
import { ConfigError } from '../errors.ts'
import type { Path } from '../host.ts'
import { CONFIGURATION_SIZE_MAX, KEY_CHAIN_SIZE_MAX } from '../limits.ts'
import { loadSecretKey } from '../publish/keygen.ts'
import { extendChain, ROLES } from '../release/keys.ts'
import { type PublicKey, readPublicKey } from '../release/signify.ts'
import { readFile, readSystemFile, replaceFile } from '../small-file.ts'
import { bytesOfArray, show } from '../text.ts'
import { type Command, PLAIN_OPTIONS } from './command.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-status.ts'
import { textOf, textsOf } from './options.ts'

export const keysCommand: Command = {
  name: 'keys',
  summary: 'bring the next keys of a role, or revoke one',
  about:
    'Appends a statement to MODULE/keys, signed by a key that devices trust now: from then on they\n' +
    'trust the next keys as well, and no longer the revoked ones. Devices take it with the next\n' +
    'release, or when they meet a release signed by a key unknown to them. Recipes: docs/KEYS.md.',
  options: [
    { name: '--role', value: 'ROLE', required: true, help: ROLES.join(', ') },
    { name: '--key', value: 'FILE', required: true, help: 'a secret key that is trusted now' },
    { name: '--to', value: 'MODULE', required: true, help: 'the folder that the daemon serves' },
    { name: '--next', value: 'FILE', repeated: true, help: 'a public key to trust from now on' },
    { name: '--revoke', value: 'FILE', repeated: true, help: 'a public key to trust no longer' },
    ...PLAIN_OPTIONS,
  ],
  needsRoot: false,
  async run(context) {
    const { host, values } = context
    const role = ROLES.find((one) => one === textOf(values, '--role'))
    if (!role) throw new ConfigError(`--role is one of ${ROLES.join(', ')}`)
    const next = publicKeys(context, '--next')
    const revoked = publicKeys(context, '--revoke')
    if (next.length + revoked.length === 0) {
      throw new ConfigError('nothing would change', 'name a key with --next or --revoke')
    }
    const key = loadSecretKey(host, textOf(values, '--key') as string, { role })
    const module = host.files.openRoot(textOf(values, '--to') as string)
    try {
      const before = readFile(host.files, module, 'keys', KEY_CHAIN_SIZE_MAX) ?? new Uint8Array(0)
      const issued = Math.floor(host.clock.wallSeconds())
      const { chain, sequence } = extendChain(before, { role, issued, next, revoked }, key)
      replaceFile(host.files, module, 'keys', chain)
      const numbers = (list: PublicKey[]) => list.map(({ number }) => number)
      context.result({ role, sequence, next: numbers(next), revoked: numbers(revoked) }, [
        `Statement ${sequence} on the keys of the role ${role}:`,
        ...next.map((one) => `  trusted from now on: ${one.number} (${one.name})`),
        ...revoked.map((one) => `  trusted no more: ${one.number} (${one.name})`),
      ])
      return EXIT.done
    } finally {
      host.files.close(module)
    }
  },
}

function publicKeys({ host, values }: Context, option: string): PublicKey[] {
  const paths: Path[] = textsOf(values, option) ?? []
  return paths.map((path) => {
    const text = bytesOfArray(readSystemFile(host.files, path, CONFIGURATION_SIZE_MAX))
    return readPublicKey(host, text, show(path))
  })
}
