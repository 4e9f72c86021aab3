/** The commands of the people who publish: keys, and a tree made into a signed release. */

import { ConfigError } from '../errors.ts'
import { VERSION_MAX } from '../limits.ts'
import { amount } from '../progress-bar.ts'
import { type DeltaResult, makeDeltas } from '../publish/delta.ts'
import { EXCEPTIONS, exceptionOf } from '../publish/exceptions.ts'
import { generateKeys } from '../publish/keygen.ts'
import { publish } from '../publish/publish.ts'
import { show } from '../text.ts'
import { type Command, PLAIN_OPTIONS } from './command.ts'
import { EXIT } from './exit-status.ts'
import { type Option, textOf, textsOf, type Values, versionOf } from './options.ts'

export const keygenCommand: Command = {
  name: 'keygen',
  summary: 'make a key pair to sign releases with',
  about:
    'Writes NAME.pub, which goes onto the devices, and NAME.sec, which stays with the publisher\n' +
    'and has no passphrase: keep it where only you can read it. signify-openbsd can use both.',
  options: [
    { name: '--to', value: 'DIR', required: true, help: 'the folder to write to' },
    { name: '--name', value: 'NAME', help: 'name of the pair (default: release)' },
    ...PLAIN_OPTIONS,
  ],
  needsRoot: false,
  async run(context) {
    const directory = textOf(context.values, '--to') as string
    const name = textOf(context.values, '--name') ?? 'release'
    generateKeys(context.host, { directory, name })
    const files = [`${show(directory)}/${name}.pub`, `${show(directory)}/${name}.sec`]
    context.result({ publicKey: files[0], secretKey: files[1] }, [
      `${files[0]}: for the devices`,
      `${files[1]}: secret; no passphrase`,
    ])
    return EXIT.done
  },
}

const ALLOW: Option = {
  name: '--allow',
  value: 'NAME',
  repeated: true,
  help: `let one pass; NAME is ${Object.keys(EXCEPTIONS).join(', ')}`,
}

const exceptions = (values: Values) => (textsOf(values, '--allow') ?? []).map(exceptionOf)

export const publishCommand: Command = {
  name: 'publish',
  summary: 'make a tree into a signed release in a module',
  about:
    'Puts the tree into MODULE/N with its manifest and signed release, then makes it the latest unless\n' +
    'there is a higher one. Any stock rsync daemon that serves MODULE serves it. Nothing half-made is\n' +
    'ever visible; the same tree gives the same manifest. What can hardly be meant is refused: a tree\n' +
    'that starts no device, has no etc/os-release or is less than half as large as the version before,\n' +
    'and what --allow names.',
  options: [
    { name: '--image', value: 'TREE', required: true, help: 'the root file system' },
    { name: '--version', value: 'N', required: true, help: 'its version, 1 to 999999999' },
    { name: '--to', value: 'MODULE', required: true, help: 'the folder that the daemon serves' },
    { name: '--key', value: 'FILE', required: true, help: 'the secret key' },
    { name: '--hardware', value: 'NAME', help: 'the machine it is for (default: any)' },
    { name: '--deployment', value: 'NAME', help: 'the deployment it is for (default: any)' },
    {
      name: '--jump-from',
      value: 'N',
      help: 'the oldest version that may jump straight to it (default: any)',
    },
    {
      name: '--issued',
      value: 'TIME',
      help: 'when it is issued (default: now, by the clock)',
    },
    {
      name: '--expires',
      value: 'TIME',
      help: 'for instance 2027-12-31T00:00:00Z (default: never)',
    },
    {
      name: '--delta-from',
      value: 'N|none',
      repeated: true,
      help: 'make a pack from this version, or of the whole image; repeatable',
    },
    { name: '--any-tree', help: 'take any tree, not only a system that starts a device' },
    ALLOW,
    ...PLAIN_OPTIONS,
  ],
  needsRoot: true,
  async run(context) {
    const { values, host, progress } = context
    const result = publish(host, {
      image: textOf(values, '--image') as string,
      version: versionOf(values, '--version') as number,
      module: textOf(values, '--to') as string,
      secretKey: textOf(values, '--key') as string,
      hardware: textOf(values, '--hardware') ?? 'any',
      deployment: textOf(values, '--deployment') ?? 'any',
      jumpFrom: versionOf(values, '--jump-from') ?? 0,
      issued: textOf(values, '--issued'),
      expires: textOf(values, '--expires'),
      deltaFrom: deltaStarts(values, '--delta-from'),
      anyTree: values['--any-tree'] === true,
      allow: exceptions(values),
      progress,
    })
    const { version, latest, entries, imageBytes, packs } = result
    context.result({ ...result }, [
      result.published
        ? `Version ${version} is published: ${entries} entries, ${amount(imageBytes, 'bytes')}; ` +
          `the latest is ${latest}.`
        : `Version ${version} was published before, from the same tree; the latest is ${latest}.`,
      ...(packs.length > 0 ? [`Packs: ${packs.join(', ')}.`] : []),
    ])
    return EXIT.done
  },
}

export const deltaCommand: Command = {
  name: 'delta',
  summary: 'make packs that lead from one published version to another',
  about:
    'A pack has what changed between two versions, in a tenth of the bytes that a device fetches file by\n' +
    'file. It is written to MODULE/deltas, proved by making every file out of it again, and listed in\n' +
    'MODULE/TO/packs, which is signed; the release itself stays as it is. --prune then removes every pack\n' +
    'that is not on the smallest way from some version to the latest, nor the latest whole image.',
  options: [
    { name: '--in', value: 'MODULE', required: true, help: 'the folder that the daemon serves' },
    { name: '--key', value: 'FILE', required: true, help: 'the secret key, to sign the list' },
    {
      name: '--from',
      value: 'N|none',
      repeated: true,
      help: 'the version that devices have, none: the whole image; repeatable',
    },
    { name: '--to', value: 'N', help: 'the version that they get (default: the latest)' },
    { name: '--prune', help: 'remove packs that nobody needs' },
    ALLOW,
    ...PLAIN_OPTIONS,
  ],
  needsRoot: true,
  async run(context) {
    const { values, host, progress } = context
    const from = deltaStarts(values, '--from')
    const prune = values['--prune'] === true
    if (from.length === 0 && !prune) throw new ConfigError('neither --from nor --prune is given')
    const result = makeDeltas(host, {
      module: textOf(values, '--in') as string,
      secretKey: textOf(values, '--key') as string,
      from,
      to: versionOf(values, '--to'),
      prune,
      allow: exceptions(values),
      progress,
    })
    context.result({ ...result }, deltaLines(result))
    return EXIT.done
  },
}

function deltaLines({ packs, known, refused, pruned }: DeltaResult): string[] {
  const lines = packs.map(
    ({ from, to, size, changedBytes }) =>
      `${from}-${to}: ${amount(size, 'bytes')} for ${amount(changedBytes, 'bytes')} of new content.`,
  )
  if (known.length > 0) lines.push(`There before: ${known.join(', ')}.`)
  if (refused.length > 0) lines.push(`Not worth it: ${refused.join(', ')}.`)
  if (pruned.length > 0) lines.push(`Removed: ${pruned.join(', ')}.`)
  return lines.length > 0 ? lines : ['Nothing had to be done.']
}

/** `none` is 0: the pack of the whole image. */
function deltaStarts(values: Values, name: string): number[] {
  return (textsOf(values, name) ?? []).map((value) => {
    if (value === 'none') return 0
    const version = /^[1-9][0-9]{0,8}$/.test(value) ? Number(value) : 0
    if (version > 0 && version <= VERSION_MAX) return version
    throw new ConfigError(`${name} is "${value}", allowed: none, or 1 to ${VERSION_MAX}`)
  })
}
