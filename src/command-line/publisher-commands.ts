/** The commands of the people who publish: keys, and a tree made into a signed release. */

import { amount } from '../progress-bar.ts'
import { generateKeys } from '../publish/keygen.ts'
import { publish } from '../publish/publish.ts'
import { show } from '../text.ts'
import { type Command, PLAIN_OPTIONS } from './command.ts'
import { EXIT } from './exit-status.ts'
import { textOf, versionOf } from './options.ts'

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

export const publishCommand: Command = {
  name: 'publish',
  summary: 'make a tree into a signed release in a module',
  about:
    'Puts the tree into MODULE/N with its manifest and signed release, then makes it the latest unless\n' +
    'there is a higher one. Any stock rsync daemon that serves MODULE serves it. Nothing half-made is\n' +
    'ever visible; the same tree gives the same manifest.',
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
      progress,
    })
    const { version, latest, entries, imageBytes } = result
    context.result({ ...result }, [
      result.published
        ? `Version ${version} is published: ${entries} entries, ${amount(imageBytes, 'bytes')}; ` +
          `the latest is ${latest}.`
        : `Version ${version} was published before, from the same tree; the latest is ${latest}.`,
    ])
    return EXIT.done
  },
}
