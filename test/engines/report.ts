/** What an engine said of the tests that it ran, as tests of this process. */
import { suite } from 'uvu'
import type { Result } from '../contract/c-host/uvu.ts'

/** `output`: one JSON line a test, and a last one that says that all have run. */
export function reportOf(what: string, output: string, ending: string): { run(): void } {
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  const records: (Result & { end?: boolean })[] = lines.map((line) => JSON.parse(line))
  const test = suite(what)
  for (const { name, error, end } of records) {
    if (end) continue
    test(name, () => {
      if (error !== undefined) throw new Error(error)
    })
  }
  test('comes to a clean end', () => {
    if (!records.at(-1)?.end || ending !== '') throw new Error(ending || 'it stopped half way')
  })
  return test
}
