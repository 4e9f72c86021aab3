/**
 * `npm run test:boot`: real boots in QEMU, all of them or those whose name holds one of the words;
 * tools/test-boot.mjs says what may be chosen.
 */
import { writeFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { CASES } from './list.ts'
import { setStage } from './stage.ts'

const CUTS = 12

interface Options {
  cuts?: number
  seed?: number
  console?: string
}

/** Without colours and carriage returns. */
function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/\r/g, '')
}

/** Whether every case passed. */
export async function main(options: Options, words: string[]): Promise<boolean> {
  const chosen = CASES.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  )
  if (chosen.length === 0) {
    console.log(
      `no case has such a name; there are:\n  ${CASES.map(({ name }) => name).join('\n  ')}`,
    )
    return false
  }
  const stage = await setStage(chosen.map(({ init }) => init))
  const cuts = options.cuts ?? CUTS
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31)
  let failed = 0
  for (const { name, init, run } of chosen) {
    const started = performance.now()
    const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
    try {
      const screen = await run(stage, init, {
        cuts,
        seed,
        heard: (line) => console.log(`     ${line}`),
      })
      if (screen && options.console) writeFileSync(options.console, plain(screen))
      console.log(`ok   ${name} (${seconds()})`)
    } catch (error) {
      failed++
      console.log(`FAIL ${name} (${seconds()})\n${(error as Error).stack}`)
    }
  }
  console.log(`${chosen.length - failed} passed, ${failed} failed`)
  return failed === 0
}
