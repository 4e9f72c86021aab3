/** `npm run deployment`: the story of test/deployment/, told as it happens. */
import { build } from './build.mjs'
import { runCommand } from './command-line.mjs'
import { load } from './tests/transpile.mjs'

const USAGE = {
  call: 'npm run deployment --',
  about:
    'Tells the story of a whole deployment while it happens: a school, its servers and laptops.',
  options: {
    emulated: { about: 'on emulated laptops, as where no network namespaces are allowed' },
  },
  needs: ['build', 'test'],
}

await runCommand(import.meta.url, USAGE, async (options) => {
  await build()
  const { main } = await load('test/deployment/main.ts')
  await main(options)
})
