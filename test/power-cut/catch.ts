/** Shows the proof one defect after the other, and says what caught each. */
import type { CrashModel } from '../../runtime/emulator/disk/crash.ts'
import { proveLiar } from './liar.ts'
import type { Mutant } from './mutants.ts'
import { prove } from './prove.ts'
import { modelsOf, type Scenario, type Stage, withProgram } from './scenarios.ts'

interface Catch {
  scenario: string
  model: CrashModel | undefined
  cut: number | undefined
  message: string
}

/** Cheap scenarios come first: most defects show there. */
const ORDER = [
  'confirm',
  'boot',
  'roll back',
  'first boot',
  'swap with',
  'upgrade and',
  'upgrade in place',
  'upgrade out',
  'install',
]

const rank = ({ name }: Scenario) => ORDER.findIndex((start) => name.startsWith(start))

/** The first thing that catches the defect; undefined if the proof lets it through. */
export async function catchMutant(
  stage: Stage,
  mutant: Mutant,
  seed: number,
): Promise<Catch | undefined> {
  const { world, scenarios } = withProgram(stage, mutant.program)
  const upgrades = scenarios.filter(({ name }) => name === 'upgrade and swap')
  for (const scenario of upgrades) {
    const message = await proveLiar(world, scenario)
    if (message) return { scenario: 'a false manifest', model: undefined, cut: undefined, message }
  }
  const options = { seed, choicesMax: 10, secondChoicesMax: 0, secondShare: 0, failuresMax: 1 }
  for (const scenario of [...scenarios].sort((a, b) => rank(a) - rank(b))) {
    for (const model of modelsOf(scenario).reverse()) {
      const { failures } = await prove(world, scenario, { ...options, model })
      const [failure] = failures
      if (failure)
        return { scenario: scenario.name, model, cut: failure.cut, message: failure.message }
    }
  }
  return undefined
}
