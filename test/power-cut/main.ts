/**
 * `npm run power-cut`: the whole proof, with the counts of what was looked at; tools/power-cut.mjs says
 * what may be chosen.
 */
import type { CrashModel } from '../../runtime/emulator/disk/crash.ts'
import { describeOperation } from '../../runtime/emulator/disk/operations.ts'
import { catchMutant } from './catch.ts'
import { proveFaults } from './faults.ts'
import { MUTANTS } from './mutants.ts'
import { type Proof, type ProofOptions, prove } from './prove.ts'
import { modelsOf, type Scenario, type Stage, setStage } from './scenarios.ts'

/** Of QuickJS' allocations, which are many thousands. */
const MEMORY_SAMPLES = 1000
/** Operations that are shown before and after a cut. */
const AROUND = 8

export interface Choice {
  mutants?: boolean
  faults?: boolean
  network?: boolean
  memory?: boolean
  every?: number
  samples?: number
  seed?: number
  scenario?: string
  model?: CrashModel
  cut?: number
}

let chosen: Choice = {}
let seed = 1
const started = performance.now()
const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`

/** Whether all that was chosen holds. */
export async function main(choice: Choice): Promise<boolean> {
  chosen = choice
  seed = choice.seed ?? 1
  if (chosen.memory) return memory()
  const stage = await setStage()
  if (chosen.mutants) return mutants(stage)
  const scenarios = stage.scenarios.filter(({ name }) => name.includes(chosen.scenario ?? ''))
  if (scenarios.length === 0) {
    const names = stage.scenarios.map(({ name }) => name).join('\n  ')
    console.log(`no scenario's name holds "${chosen.scenario}"; there are:\n  ${names}`)
    return false
  }
  if (chosen.network) return network(stage)
  return chosen.faults ? faults(stage, scenarios) : proof(stage, scenarios)
}

async function memory(): Promise<boolean> {
  // Only here the program itself is needed.
  const { MemoryStage, TASKS } = await import('./memory.ts')
  const tasks = chosen.scenario?.split(',')
  const names = TASKS.map(({ name }) => name)
  const unknown = tasks?.find((task) => !names.includes(task))
  if (unknown !== undefined) {
    console.log(`memory is not refused to "${unknown}", only to: ${names.join(', ')}`)
    return false
  }
  const stage = await MemoryStage.set()
  const samplesMax = chosen.samples ?? MEMORY_SAMPLES
  const options = { seed, samplesMax, restEvery: 3, ...(tasks && { tasks }) }
  const sum = { refused: 0, failures: 0 }
  for (const { task, kind, allocations, refused, survived, failures } of await stage.prove(
    options,
  )) {
    console.log(
      `${task.padEnd(10)} ${refused} of ${allocations} ${kind} allocations refused, ` +
        `${survived} without consequence, ${failures.length} failures`,
    )
    for (const failure of failures.slice(0, 5)) console.log(`  ${failure}`)
    sum.refused += refused
    sum.failures += failures.length
  }
  await stage.stop()
  console.log(`${sum.refused} refusals, ${seconds()}, ${sum.failures} failures`)
  return sum.failures === 0
}

async function network(stage: Stage): Promise<boolean> {
  const { proveNetwork } = await import('./network.ts')
  const name = chosen.scenario ?? 'upgrade and swap'
  const scenario = stage.scenarios.find((each) => each.name.includes(name))
  if (!scenario) throw new Error(`there is no scenario "${name}"`)
  const stride = chosen.every ?? 1
  const { bytes, cuts, survived, failures } = await proveNetwork(stage, scenario, {
    stride,
    first: seed,
  })
  for (const failure of failures.slice(0, 5)) console.log(`  ${failure}`)
  console.log(
    `${name}: ${bytes} bytes in both directions, ${cuts} cuts, ${survived} too late to matter, ` +
      `${seconds()}, ${failures.length} failures`,
  )
  return failures.length === 0
}

async function faults({ world }: Stage, scenarios: Scenario[]): Promise<boolean> {
  const sum = { faults: 0, survived: 0, failures: 0 }
  for (const scenario of scenarios) {
    const found = await proveFaults(world, scenario, { share: 1, seed })
    sum.faults += found.faults
    sum.survived += found.survived
    sum.failures += found.failures.length
    console.log(
      `${scenario.name.padEnd(50)} ${found.faults} faults, ${found.survived} of them without ` +
        `consequence, ${found.failures.length} failures`,
    )
    for (const failure of found.failures.slice(0, 5)) console.log(`  ${failure}`)
  }
  console.log(`${sum.faults} faults, ${seconds()}, ${sum.failures} failures`)
  return sum.failures === 0
}

async function mutants(stage: Stage): Promise<boolean> {
  let escaped = 0
  for (const mutant of MUTANTS) {
    const found = await catchMutant(stage, mutant, seed)
    if (!found) escaped++
    const where = found
      ? `caught in ${found.scenario}${found.model ? `, ${found.model}, cut ${found.cut}` : ''}`
      : 'NOT CAUGHT'
    const why = found ? `\n${' '.repeat(4)}${found.message.split('\n', 1)[0]?.slice(0, 140)}` : ''
    console.log(`${mutant.name.padEnd(50)} ${where}${why}`)
  }
  console.log(`${MUTANTS.length - escaped} of ${MUTANTS.length} defects caught, ${seconds()}`)
  return escaped === 0
}

async function proof({ world }: Stage, scenarios: Scenario[]): Promise<boolean> {
  const sum = { cases: 0, secondCuts: 0, states: 0, possible: 0, failures: 0 }
  const { model, cut } = chosen
  for (const scenario of scenarios) {
    for (const each of modelsOf(scenario)) {
      if (model !== undefined && model !== each) continue
      const near = { choicesMax: 16, secondChoicesMax: 2, secondShare: 0.002 }
      const options: ProofOptions = { model: each, seed, cut, ...near }
      const found = await prove(world, scenario, options)
      report(scenario, each, found)
      sum.cases += found.cases
      sum.secondCuts += found.secondCuts
      sum.states += found.states
      sum.possible += found.possible
      sum.failures += found.failures.length
    }
  }
  const { cases, secondCuts, states, possible, failures } = sum
  console.log(
    `${cases} cuts looked at (${secondCuts} of them second cuts) of ${possible.toExponential(1)} ` +
      `that the models allow, ${states} distinct crash states, ${seconds()}, ${failures} failures`,
  )
  return failures === 0
}

function report(scenario: Scenario, model: CrashModel, found: Proof): void {
  const { operations, cases, secondCuts, states, failures } = found
  console.log(
    `${`${scenario.name}, ${model}`.padEnd(58)} ${operations.length} operations, ${cases} cuts ` +
      `(${secondCuts} second), ${states} states, ${failures.length} failures`,
  )
  for (const failure of failures) {
    const second =
      failure.secondCut === undefined ? '' : ` and ${failure.secondCut} of what followed`
    console.log(`  cut before operation ${failure.cut}${second}: ${failure.message}`)
    console.log(
      `  repeat with: npm run power-cut -- --seed ${seed} --scenario "${scenario.name}" ` +
        `--model ${model} --cut ${failure.cut}`,
    )
  }
  const { cut } = chosen
  if (cut === undefined) return
  for (const [place, operation] of operations.entries()) {
    if (Math.abs(place - cut) > AROUND) continue
    const mark = place === cut ? '>>' : '  '
    console.log(`  ${mark} ${String(place).padStart(4)} ${describeOperation(operation)}`)
  }
}
