/** Two suites, of which everything passes. */
import { suite } from '../../support/suite.ts'

for (const title of ['first', 'second']) {
  const test = suite(title)
  test('adds', () => {})
  test('subtracts', async () => {})
  test.run()
}
