/** A test that ends the process as if all were well. */
import { test } from '../../support/suite.ts'

test('leaves early', () => process.exit(0))
test.run()
