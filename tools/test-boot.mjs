/** `npm run test:boot`: boots everything of test/boot/ in QEMU, or some of it. */
import { build } from './build.mjs'
import { runCommand, wholeNumber } from './command-line.mjs'
import { load } from './tests/transpile.mjs'

const USAGE = {
  call: 'npm run test:boot --',
  about: 'Boots whole systems in QEMU and takes the power away from them.',
  options: {
    cuts: { takes: 'N', about: 'how often the power goes (12)', reads: wholeNumber(1) },
    seed: {
      takes: 'N',
      about: 'after which random numbers (another one each time)',
      reads: wholeNumber(0),
    },
    console: { takes: 'FILE', about: 'keeps what the screen of the first upgrade said' },
  },
  words: { takes: 'WORD…', about: 'only the cases whose names hold one of them' },
  needs: ['build', 'boot'],
}

await runCommand(import.meta.url, USAGE, async (options, words) => {
  await build()
  const { main } = await load('test/boot/main.ts')
  process.exitCode = (await main(options, words)) ? 0 : 1
  process.exit()
})
