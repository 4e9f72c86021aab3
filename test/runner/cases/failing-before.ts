/** What comes before the tests fails; what comes after them runs all the same. */
import { test } from '../../support/suite.ts'

function prepare(): never {
  throw new Error('no room at the inn')
}

test.before(prepare)
test('one', () => {})
test('two', () => {})
test.after(() => console.log('swept up'))
test.run()
