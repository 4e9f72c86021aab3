/** `npm run bench:emulator`: the large tree of test/emulator/ on the emulated laptop. */
import { build } from '../tools/build.mjs'
import { runCommand, wholeNumber } from '../tools/command-line.mjs'
import { load } from '../tools/tests/transpile.mjs'

const DIRECTORIES = 400

const USAGE = {
  call: 'npm run bench:emulator --',
  about: 'Upgrades a tree as large as a real laptop has on the emulated one, in its 24 MiB.',
  options: {
    directories: {
      takes: 'N',
      about: `how many of 100 entries each (${DIRECTORIES})`,
      reads: wholeNumber(1),
    },
  },
  needs: ['build', 'test'],
}

await runCommand(import.meta.url, USAGE, async ({ directories = DIRECTORIES }) => {
  await build()
  const { upgradeLargeTree } = await load('test/emulator/large-tree.ts')
  await upgradeLargeTree(directories)
  process.exit()
})
