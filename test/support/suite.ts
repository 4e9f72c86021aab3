/**
 * Tests, gathered into suites and run one after the other, on Node and on every other engine: whoever
 * runs them (main.ts here, the programs of test/engines and test/contract) hears each result. It knows
 * nothing of Node. Assertions are uvu's.
 */
type Handler = () => unknown

export interface Result {
  name: string
  error?: string
  /** Why this machine can't prove it. */
  skipped?: string
}

export interface Suite {
  (name: string, handler: Handler): void
  before: Hook
  after: Hook
  /** Hands the tests over to `runSuites`; without it they don't exist. */
  run(): void
}

interface Hook {
  (handler: Handler): void
  each(handler: Handler): void
}

/** Who runs the suites. */
interface Listener {
  report(result: Result): void
  starting?(name: string): void
  /** All tests, if it is not given. */
  isChosen?(name: string): boolean
  /** Runs a handler of a test, and may fail it for what happens meanwhile. */
  watch?(handler: Handler): Promise<unknown>
}

interface Tests {
  tests: { name: string; handler: Handler }[]
  before: Handler[]
  after: Handler[]
  beforeEach: Handler[]
  afterEach: Handler[]
}

class Skip extends Error {
  override name = 'Skip'
}

const queue: Tests[] = []

/** Ends a test, or from `before` a whole suite, that can't prove its point on this machine. */
export function skip(reason: string): never {
  throw new Skip(reason)
}

export function suite(title = ''): Suite {
  const own: Tests = { tests: [], before: [], after: [], beforeEach: [], afterEach: [] }
  const add = (name: string, handler: Handler) => {
    own.tests.push({ name: title ? `${title}: ${name}` : name, handler })
  }
  const hook = (once: Handler[], each: Handler[]): Hook =>
    Object.assign((handler: Handler) => void once.push(handler), {
      each: (handler: Handler) => void each.push(handler),
    })
  return Object.assign(add, {
    before: hook(own.before, own.beforeEach),
    after: hook(own.after, own.afterEach),
    run: () => void queue.push(own),
  })
}

/** The suite of a file that needs no name for it. */
export const test = suite()

/** Adds what ran elsewhere, as tests that end in the same way. */
export function retell(own: Suite, results: Result[]): void {
  for (const { name, error, skipped } of results) {
    own(name, () => {
      if (skipped !== undefined) skip(skipped)
      if (error !== undefined) throw new Error(error)
    })
  }
}

/** Runs what the suites have handed over, and reports each test. */
export async function runSuites(listener: Listener): Promise<void> {
  for (const own of queue.splice(0)) {
    const isChosen = listener.isChosen ?? (() => true)
    const tests = own.tests.filter(({ name }) => isChosen(name))
    if (tests.length > 0) await runSuite({ ...own, tests }, listener)
  }
}

type Outcome = Omit<Result, 'name'>

async function runSuite({ tests, before, after, ...each }: Tests, listener: Listener) {
  const start = await outcomeOf(before, listener)
  for (const [index, { name, handler }] of tests.entries()) {
    listener.starting?.(name)
    const outcome = start ? withoutStart(start, index) : await runTest(handler, each, listener)
    listener.report({ name, ...outcome })
  }
  const end = await outcomeOf(after, listener)
  if (end?.error) listener.report({ name: 'what follows the tests', ...end })
}

/** Why the suite could not begin is told in full once. */
function withoutStart({ error, skipped }: Outcome, index: number): Outcome {
  if (skipped !== undefined) return { skipped }
  return { error: index === 0 ? `before the tests: ${error}` : 'what runs before it failed' }
}

async function runTest(
  handler: Handler,
  { beforeEach, afterEach }: Pick<Tests, 'beforeEach' | 'afterEach'>,
  listener: Listener,
): Promise<Outcome | undefined> {
  const outcome = await outcomeOf([...beforeEach, handler], listener)
  const end = await outcomeOf(afterEach, listener)
  return outcome ?? end
}

/** Runs handlers in order, up to the first that throws; returns what it threw, or undefined. */
async function outcomeOf(handlers: Handler[], listener: Listener): Promise<Outcome | undefined> {
  const watch = listener.watch ?? ((handler) => handler())
  try {
    for (const handler of handlers) await watch(handler)
    return undefined
  } catch (error) {
    return error instanceof Skip ? { skipped: error.message } : { error: describe(error) }
  }
}

/**
 * An error as people read it. In some engines the stack begins with the message, in others it doesn't.
 */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`
  const { details, cause } = error as { details?: string; cause?: unknown }
  const head = `${error.name}: ${error.message}`
  const stack = error.stack?.startsWith(head) ? error.stack.slice(head.length + 1) : error.stack
  const because = cause === undefined ? '' : `caused by ${describe(cause)}`
  return [head, details, stack, because].filter(Boolean).join('\n')
}
