/** What an engine said about the tests that it ran, as tests of this process. */
import { type Result, retell, type Suite, suite } from '../support/suite.ts'

/** `output`: one JSON line a test, and a last one that says that all have run. */
export function reportOf(what: string, output: string, ending: string): Suite {
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  const records: (Result & { end?: boolean })[] = lines.map((line) => JSON.parse(line))
  const test = suite(what)
  retell(
    test,
    records.filter(({ end }) => !end),
  )
  test('comes to a clean end', () => {
    if (!records.at(-1)?.end || ending !== '') throw new Error(ending || 'it stopped half way')
  })
  return test
}
