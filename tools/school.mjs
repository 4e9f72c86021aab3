/** `npm run school`: a school's laptops take an upgrade over a simulated radio, in every way that there is. */
import { build } from './build.mjs'
import { runCommand, wholeNumber } from './command-line.mjs'
import { load } from './tests/transpile.mjs'

const USAGE = {
  call: 'npm run school --',
  about:
    'Lets a school of emulated laptops upgrade over a simulated radio, and says what air that takes.',
  options: {
    laptops: { takes: 'N', about: 'how many (200)', reads: wholeNumber(1) },
    hops: {
      takes: 'N',
      about: 'from the school to the outermost houses (3)',
      reads: wholeNumber(1),
    },
    'access-points': { takes: 'N', about: 'of the school (1)', reads: wholeNumber(1) },
    seed: { takes: 'N', about: 'what everything random is drawn from (1)', reads: wholeNumber(1) },
    json: { takes: 'FILE', about: 'write the figures there' },
    svg: { takes: 'FILE', about: 'draw them there' },
  },
  needs: ['build', 'test'],
}

await runCommand(import.meta.url, USAGE, async (options) => {
  await build()
  const { main } = await load('test/school/main.ts')
  await main({ ...options, accessPoints: options['access-points'] })
  process.exit()
})
