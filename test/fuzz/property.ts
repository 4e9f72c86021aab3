/**
 * Properties of what reads strangers' bytes, each over many made-up inputs: in `npm test` a few, the same
 * each time, and in `npm run fuzz` as many as the time allows. A find says how it is seen again.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { settings } from '../support/settings.ts'
import { type Suite, suite } from '../support/suite.ts'

/** Of `npm test`, so that it finds the same each time. */
const SEED = 20_130
/** Of each property in `npm test`; one that costs more has fewer (see `cost`). */
const EXECUTIONS = 400
/** Of what is shown of a value (characters). */
const SHOWN_MAX = 2000
/** By then a property of `npm test` is long done, or doesn't hold. */
const SECONDS_MAX = 20
/** Far more than any time allows. */
const EXECUTIONS_MAX = 2 ** 31 - 1

type Check<Value> = (value: Value) => void | Promise<void>

interface Properties extends Pick<Suite, 'before' | 'after' | 'run'> {
  /**
   * `check` throws where the property does not hold. It costs as much as so many cheap ones, which take
   * some 0.1 ms.
   */
  <Value>(name: string, values: fc.Arbitrary<Value>, check: Check<Value>, cost?: number): void
}

/** The properties of one target, which is named like its file. */
export function properties(target: string): Properties {
  const test = suite(target)
  const names: string[] = []
  const add = <Value>(
    name: string,
    values: fc.Arbitrary<Value>,
    check: Check<Value>,
    cost = 1,
  ): void => {
    names.push(name)
    test(name, async () => {
      const { fuzz, seed = SEED } = settings
      // When the time is over, the last one still has to end: the next property would meet it.
      let last: Promise<void> = Promise.resolve()
      const holds = fc.asyncProperty(values, (value) => {
        last = last.catch(() => {}).then(() => check(value))
        return last
      })
      const result = await fc.check(holds, {
        seed,
        ...(fuzz?.path === undefined ? {} : { path: fuzz.path }),
        numRuns: fuzz ? (fuzz.path ? 1 : EXECUTIONS_MAX) : Math.ceil(EXECUTIONS / cost),
        // This also ends the search for a smaller example.
        interruptAfterTimeLimit: (fuzz ? fuzz.seconds / names.length : SECONDS_MAX) * 1000,
        markInterruptAsFailure: false,
      })
      await last.catch(() => {})
      const { numRuns, failed, counterexamplePath: path } = result
      if (fuzz) tell({ name, executions: numRuns, ...(failed ? { path } : {}) })
      if (failed) throw find(name, seed, result)
    })
  }
  const { before, after, run } = test
  return Object.assign(add, { before, after, run })
}

/** What tools/fuzz/properties.mjs reads. */
function tell(record: object): void {
  console.log(`fuzz: ${JSON.stringify(record)}`)
}

function find(
  name: string,
  seed: number,
  result: { counterexample: unknown; counterexamplePath: string | null; errorInstance: unknown },
): Error {
  const { counterexample, counterexamplePath, errorInstance } = result
  return Object.assign(new Error(`it does not hold (seed ${seed}, path ${counterexamplePath})`), {
    details: `${name}: with ${shortened(counterexample)}`,
    cause: errorInstance,
  })
}

/** What a decoder gives; undefined where it refuses with one of these errors. Any other one is a find. */
export function decoded<Value>(
  decode: () => Value,
  ...refusals: (abstract new (
    ...words: never[]
  ) => Error)[]
): Value | undefined {
  try {
    return decode()
  } catch (error) {
    if (refusals.some((refusal) => error instanceof refusal)) return undefined
    throw error
  }
}

/** uvu's would look for what differs in long texts for minutes, once for each example that is tried. */
export function same(found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected)) return
  throw new Error(`found ${shortened(found)}, expected ${shortened(expected)}`)
}

const shortened = (value: unknown) => fc.stringify(value).slice(0, SHOWN_MAX)
