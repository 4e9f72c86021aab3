/** Throws before there is any test. */
import { test } from '../../support/suite.ts'

test('is there', () => {})
test.run()
throw new Error('the ground is wet')
