/** A test that waits, with nothing left that could end its wait. */
import { test } from '../../support/suite.ts'

test('waits for nobody', () => new Promise(() => {}))
test.run()
