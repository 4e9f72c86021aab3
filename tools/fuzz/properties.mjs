/**
 * Targets in TypeScript: a file `test/fuzz/NAME.test.ts` of properties, each with its share of the time. A
 * find is a file that says which property, and how its input is made again.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from '../build.mjs'
import { TestFile } from '../tests/test-file.mjs'
import { transpile } from '../tests/transpile.mjs'
import { cacheFolder } from '../workplace.mjs'

/** What the file takes to begin, and to look for a smaller example. */
const SPARE_MINUTES = 3
const TOLD = 'fuzz: '

export class PropertyTarget {
  /** @param programs whether it runs those of `build/`, which are made first */
  constructor({ name, about, programs = false }) {
    Object.assign(this, { name, about, programs, folder: join(cacheFolder, 'fuzz', name) })
  }

  /** Finds that are there are tried again first. */
  async run({ seconds, seed = Math.floor(Math.random() * 2 ** 31) }) {
    const began = performance.now()
    mkdirSync(this.folder, { recursive: true })
    const finds = []
    for (const name of readdirSync(this.folder).filter((each) => each.startsWith('find-'))) {
      const file = join(this.folder, name)
      const { fine, said } = await this.replay(file)
      if (!fine) finds.push({ file, said })
    }
    console.log(`${this.name}: seed ${seed}`)
    const { told, results } = await this.#play({ seconds }, seed)
    for (const { name, path } of told.filter(({ path }) => path !== undefined)) {
      const file = join(this.folder, `find-${seed}-${finds.length}`)
      writeFileSync(file, JSON.stringify({ property: name, seed, path }))
      finds.push({ file, said: results.find((one) => one.name.endsWith(name))?.error ?? name })
    }
    // Whatever else went wrong, such as a file that doesn't load.
    for (const { error } of results.filter((one) => one.error && finds.length === 0)) {
      finds.push({ file: join(this.folder, 'nothing'), said: error })
    }
    const executions = told.reduce((sum, one) => sum + one.executions, 0)
    const took = (performance.now() - began) / 1000
    return { executions, seconds: took, coverage: `${told.length} properties`, finds }
  }

  async replay(file) {
    const { property, seed, path } = JSON.parse(readFileSync(file, 'utf8'))
    const { told, results } = await this.#play({ seconds: 60, path }, seed, [property])
    const said = results.map(({ error }) => error ?? '').join('\n')
    return { fine: told.length > 0 && said === '', said }
  }

  async #play(fuzz, seed, names = []) {
    for (const wish of this.programs ? [{}, { flavour: 'asan' }] : []) await build(wish)
    const { faults } = await transpile()
    if (faults) throw new Error(faults)
    const file = new TestFile(`test/fuzz/${this.name}.test.ts`, {
      names,
      settings: { fuzz, seed },
      deadlineMinutes: fuzz.seconds / 60 + SPARE_MINUTES,
    })
    await file.run()
    const lines = file.output.split('\n').filter((line) => line.startsWith(TOLD))
    const told = lines.map((line) => JSON.parse(line.slice(TOLD.length)))
    const complaints = file.complaints.map((error) => ({ name: file.path, error }))
    return { told, results: [...file.results, ...complaints] }
  }
}
