/**
 * uvu's face for the C host, which has no process object and no timers: the suites run one after the
 * other, and each test becomes one JSON line for c-host.test.ts. Assertions are uvu's own.
 */
type Handler = () => unknown

export interface Result {
  name: string
  error?: string
}

interface Suite {
  (name: string, handler: Handler): void
  before(handler: Handler): void
  after(handler: Handler): void
  run(): void
}

const queue: { name: string; handler: Handler; isTest: boolean }[] = []

export function suite(suiteName: string): Suite {
  const tests: typeof queue = []
  const before: typeof queue = []
  const after: typeof queue = []
  const add = (list: typeof queue, isTest: boolean) => (name: string, handler: Handler) => {
    list.push({ name: `${suiteName}: ${name}`, handler, isTest })
  }
  const test = add(tests, true) as Suite
  test.before = (handler) => add(before, false)('before', handler)
  test.after = (handler) => add(after, false)('after', handler)
  test.run = () => queue.push(...before, ...tests, ...after)
  return test
}

/** Runs what the suites have queued, and reports each test by itself. */
export async function runQueue(report: (result: Result) => void): Promise<void> {
  for (const { name, handler, isTest } of queue) {
    try {
      await handler()
      if (isTest) report({ name })
    } catch (error) {
      report({ name, error: describe(error) })
    }
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`
  const { details } = error as { details?: string }
  return [`${error.name}: ${error.message}`, details, error.stack].filter(Boolean).join('\n')
}
